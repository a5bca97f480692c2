from __future__ import annotations

from typing import Any

import pytest

from tests.protocol.strategies import as_json
from tm20tui.errors import FrameError
from tm20tui.protocol import Reg, Reply, SendLog, SendQrCode, SendUser, UnknownPush, decode
from tm20tui.protocol.pushes import MAX_SN, wire_record


def read(**members: Any) -> Any:
    return decode(as_json(members))


def test_reg_with_nothing_but_a_serial() -> None:
    assert read(cmd="reg", sn=" ZXAB21004711 ") == Reg("ZXAB21004711")


def test_reg_without_a_usable_serial_can_still_be_refused_in_words() -> None:
    sn: object
    for sn in (None, "", " \0", []):
        assert read(cmd="reg", sn=sn).sn == ""
    assert len(read(cmd="reg", sn="x" * 900).sn) == MAX_SN + 1


def test_the_serial_is_found_where_it_was_seen() -> None:
    assert read(cmd="reg", devinfo={"sn": "Z1"}).sn == "Z1"
    assert read(cmd="reg", sn=4711).sn == "4711"


def test_sendlog_echoes_what_was_received_rather_than_what_was_read() -> None:
    frame = read(cmd="sendlog", sn="Z1", count=3, logindex="900", record=[{"enrollid": 1, "time": "t"}])
    assert (frame.count, frame.logindex, len(frame.records)) == (3, "900", 1)
    assert read(cmd="sendlog") == SendLog(None, None, None)
    assert read(cmd="sendlog", count=0, logindex=0, record=[]) == SendLog(None, 0, 0)


def test_one_bad_record_does_not_cost_the_frame() -> None:
    frame = read(
        cmd="sendlog", record=[{"enrollid": 1, "time": "t"}, {"enrollid": "?"}, {"enrollid": 2, "time": "u"}]
    )
    assert [record.enrollid for record in frame.records] == ["1", "2"]
    assert len(frame.bad) == 1


def test_senduser() -> None:
    frame = read(
        cmd="senduser", sn="Z1", enrollid="007", name="Ann ", backupnum=0, admin="1", record="ab(12)CD "
    )
    assert frame == SendUser("Z1", "7", "Ann", 0, 1, "ab(12)CD ")
    card = read(cmd="senduser", enrollid=7, backupnum=11, record=1234567, enable=1, cardno=99)
    assert (card.record, card.is_enabled, card.card) == ("1234567", True, "99")


@pytest.mark.parametrize("enrollid", [None, "", "x", -1, 10**30])
def test_senduser_of_nobody_says_so(enrollid: object) -> None:
    frame = read(cmd="senduser", enrollid=enrollid, record="t")
    assert frame.enrollid == ""
    assert "enrollid" in frame.problem


def test_credentials_do_not_appear_in_a_repr() -> None:
    assert "s3cret" not in repr(read(cmd="senduser", enrollid=7, record="s3cret"))
    assert "s3cret" not in repr(read(cmd="sendqrcode", record="s3cret"))
    assert "s3cret" not in repr(read(cmd="other", pwd="s3cret"))


@pytest.mark.parametrize("name", ["record", "qrcode", "qr"])
def test_sendqrcode_finds_its_code(name: str) -> None:
    assert read(cmd="sendqrcode", sn="Z1", **{name: "code"}) == SendQrCode("Z1", "code")


def test_sendpin_and_an_absent_code() -> None:
    assert read(cmd="sendpin", pin=1234) == SendQrCode(None, "1234", "sendpin")
    assert read(cmd="sendqrcode") == SendQrCode(None, "")


def test_an_unknown_push_keeps_its_members() -> None:
    assert read(cmd="sendgps", sn="Z1", location="1,2") == UnknownPush("sendgps", "Z1", {"location": "1,2"})
    assert len(read(cmd="x" * 900).cmd) == 64


def test_a_reply_is_known_by_ret() -> None:
    assert read(ret="setuserinfo", sn="Z1", result=True, enrollid=7) == Reply(
        "setuserinfo", "Z1", True, fields={"enrollid": 7}
    )
    assert read(ret="reg", cmd="sendlog").ret == "reg"


@pytest.mark.parametrize(
    ("sent", "result"),
    [(True, True), (1, True), ("true", True), (0, False), ("0", False), ("x", None), (None, None)],
)
def test_results_are_read_in_any_spelling(sent: object, result: bool | None) -> None:
    assert read(ret="x", result=sent).result is result


@pytest.mark.parametrize(
    ("sent", "reason"), [(1, "1"), ("not registered", "not registered"), ([1], "[1]"), (None, None)]
)
def test_reasons_are_text(sent: object, reason: str | None) -> None:
    assert read(ret="x", reason=sent).reason == reason


@pytest.mark.parametrize("members", [{}, {"sn": "Z1"}, {"cmd": ""}, {"cmd": None}, {"cmd": {}, "ret": []}])
def test_a_frame_without_a_name_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(FrameError, match="neither cmd nor ret"):
        read(**members)


def test_leading_zeros_of_a_password_survive_the_wire() -> None:
    assert wire_record(10, "1234") == 1234
    assert wire_record(10, "0123") == "0123"
    assert wire_record(0, "1234") == "1234"


@pytest.mark.parametrize(
    "frame",
    [
        Reg("Z1", "00aa"),
        SendLog("Z1", 2, 0),
        SendUser("Z1", "7", "Ann", 10, 0, "0123", True, "5"),
        SendUser(None, "7", record="template"),
        SendQrCode("Z1", "code"),
        SendQrCode(None, "1234", "sendpin"),
        UnknownPush("sendgps", "Z1", {"a": [1]}),
        Reply("setuserinfo", "Z1", False, "1", "no", {"a": 1}),
    ],
)
def test_what_is_written_is_read_back(frame: Any) -> None:
    assert decode(frame.encode()) == frame
