from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from tm20tui.protocol.records import (
    MAX_BAD_RECORDS,
    LogRecord,
    as_image,
    as_temperature,
    find_rows,
    read_records,
)

PLAIN = {"enrollid": 17, "time": "2025-06-01 07:31:02", "mode": 1, "inout": 0, "event": 0}


def read_one(**members: Any) -> LogRecord:
    good, bad = read_records([{**PLAIN, **members}])
    assert not bad
    return good[0]


def why_bad(row: object) -> tuple[str, str]:
    good, bad = read_records([row])
    assert not good
    return bad[0].field, bad[0].reason


def test_a_plain_record() -> None:
    assert read_one() == LogRecord("17", "", "2025-06-01 07:31:02", 1, 0, 0, None, None, None, None)


def test_the_short_way_and_the_tolerant_way_read_the_same() -> None:
    assert read_one() == read_one(note=None) == read_one(mode="1", event=" 0 ")


def test_mode_inout_and_event_default_to_zero() -> None:
    record = read_records([{"enrollid": "17", "time": "x"}, {"enrollid": 1, "time": "x", "mode": ""}])[0]
    assert [(r.mode, r.inout, r.event) for r in record] == [(0, 0, 0), (0, 0, 0)]


def test_door_events_and_strangers_are_told_apart() -> None:
    assert read_one(enrollid=0).is_door_event
    assert read_one(enrollid="99999999").is_stranger
    assert not read_one().is_door_event
    assert not read_one().is_stranger


def test_a_time_that_is_none_is_kept_as_sent() -> None:
    for time in ("0000-00-00 00:00:00", "2000-01-01 00:00:00", "2025/06/01T07:31", "soon"):
        assert read_one(time=f" {time}\0 ").time_raw == time


def test_names_are_trimmed_cleaned_and_bounded() -> None:
    assert read_one(name="Ann  \x1b ").name == "Ann"
    assert read_one(name="Zoë 张").name == "Zoë 张"
    assert read_one(name="x" * 500).name == "x" * 200
    assert read_one(name=7).name == "7"
    assert read_one(name=["x"]).name == ""


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("text", "record", "object"),
        ([1], "record", "object"),
        (None, "record", "object"),
        ({"time": "x"}, "enrollid", "missing"),
        ({**PLAIN, "enrollid": "A7"}, "enrollid", "digits"),
        ({**PLAIN, "enrollid": -1}, "enrollid", "digits"),
        ({**PLAIN, "enrollid": True}, "enrollid", "digits"),
        ({**PLAIN, "enrollid": 10**30}, "enrollid", "digits"),
        ({"enrollid": 7}, "time", "missing"),
        ({**PLAIN, "time": " \0"}, "time", "empty"),
        ({**PLAIN, "time": 1717225862}, "time", "text"),
        ({**PLAIN, "time": "9" * 65}, "time", "longer"),
        ({**PLAIN, "mode": "face"}, "mode", "whole number"),
        ({**PLAIN, "inout": 1.5}, "inout", "whole number"),
        ({**PLAIN, "event": 2**31}, "event", "whole number"),
    ],
)
def test_a_bad_record_says_what_is_wrong(row: object, field: str, reason: str) -> None:
    found = why_bad(row)
    assert found[0] == field
    assert reason in found[1]


def test_a_bad_record_keeps_its_text_without_image_and_password() -> None:
    _, (bad,) = read_records([{**PLAIN, "enrollid": "?", "image": "A" * 9000, "pwd": "4711", "name": "Zoë"}])
    shown = json.loads(bad.raw)
    assert shown["enrollid"] == "?"
    assert shown["name"] == "Zoë"
    assert len(shown["image"]) < 100
    assert shown["pwd"] == "***"


def test_good_and_bad_keep_their_order() -> None:
    good, bad = read_records([{**PLAIN, "enrollid": n if n % 2 else f"?{n}"} for n in range(6)])
    assert [record.enrollid for record in good] == ["1", "3", "5"]
    assert [json.loads(row.raw)["enrollid"] for row in bad] == ["?0", "?2", "?4"]


def test_a_flood_of_bad_records_is_counted_rather_than_kept() -> None:
    _, bad = read_records([0] * (MAX_BAD_RECORDS + 5))
    assert len(bad) == MAX_BAD_RECORDS + 1
    assert bad[-1].reason.startswith("5 more")


@pytest.mark.parametrize(
    ("sent", "degrees"),
    [(36.5, 36.5), (365, 36.5), (3650, 36.5), ("36.5", 36.5), (36, 36.0), (100, 100.0), (1000, 100.0)],
)
def test_temperatures_are_normalised(sent: object, degrees: float) -> None:
    assert as_temperature(sent) == degrees


@pytest.mark.parametrize("sent", [0, 0.0, None, "", "warm", -3, True, 10_001, float("inf"), "nan", [], 0.001])
def test_what_is_no_temperature_is_none(sent: object) -> None:
    assert as_temperature(sent) is None


def test_images_are_decoded_with_and_without_prefix() -> None:
    encoded = b64encode(b"\xff\xd8jpeg!").decode()
    for sent in (
        encoded,
        f"data:image/jpeg;base64,{encoded}",
        encoded.rstrip("="),
        encoded[:4] + "\r\n" + encoded[4:],
    ):
        assert as_image(sent) == b"\xff\xd8jpeg!"
        assert read_one(image=sent).image == b"\xff\xd8jpeg!"


@pytest.mark.parametrize(
    "sent", ["", "data:image/jpeg;base64,", "not base64!", "A", "é", 7, None, [], "/9j/…"]
)
def test_what_is_no_image_is_none(sent: object) -> None:
    assert as_image(sent) is None
    assert read_one(image=sent).image is None


def test_the_note_keeps_what_else_came_along_but_no_password() -> None:
    record = read_one(
        note={"msg": "4g on", "pwd": "99"}, aliasid="A7", card=5, workcode=2, pwd="4711", other=1
    )
    assert record.note is not None
    assert json.loads(record.note) == {
        "note": {"msg": "4g on", "pwd": "***"},
        "aliasid": "A7",
        "card": 5,
        "workcode": 2,
    }
    assert read_one(note={}, card="").note is None


@pytest.mark.parametrize(
    "note", ["x" * 9000, ["é" * 90] * 90, {f"{n}" * 60: n for n in range(900)}, "\\" * 990]
)
def test_a_long_note_stays_json_and_bounded(note: object) -> None:
    kept = read_one(note=note).note
    assert kept is not None
    assert len(kept) <= 1000
    assert "note" in json.loads(kept)


@pytest.mark.parametrize("name", ["record", "records", "data", "log", "logs"])
def test_rows_are_found_under_any_of_the_names_seen(name: str) -> None:
    assert find_rows({name: [1, 2]}) == [1, 2]
    assert find_rows({name: {"enrollid": 7}}) == [{"enrollid": 7}]
    assert find_rows({"record": [], name: [3]}) == [3]


def test_no_rows_at_all() -> None:
    assert find_rows({}) == find_rows({"record": None}) == find_rows({"record": ""}) == []


def test_a_record_is_written_as_it_is_read() -> None:
    record = read_one(name="Ann", temp=36.5, verifymode=13, image="/9j/4AA=", note={"a": 1}, card=5, event=3)
    assert read_records([record.as_row()])[0] == (record,)
