"""The customer's format, and what answers say about records."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm20tui.hr.answer import Answer
from tm20tui.hr.generic import WORDS, Garbage, Verdict, read_verdicts, render


@dataclass(frozen=True)
class Row:
    punch_id: int = 456
    terminal_sn: str = "TM20-001"
    enrollid: str = "123"
    user_name: str = "John Doe"
    time_utc: datetime | None = datetime(2025, 12, 30, 10, 30, tzinfo=UTC)
    time_raw: str = "2025-12-30 11:30:00"
    mode: int = 0
    inout: int = 0
    event: int = 0
    temperature: float | None = 36.5
    access_granted: bool = True


DOCUMENT = (
    b'{"attendance":[{"terminal_sn":"TM20-001","enrollid":123,"user_name":"John Doe",'
    b'"time":"2025-12-30T10:30:00Z","mode":0,"inout":0,"event":0,"temperature":36.5,'
    b'"access_granted":true,"log_id":456}]}'
)


def test_the_body_is_the_documents_example() -> None:
    assert render([Row()]) == DOCUMENT
    assert len(DOCUMENT) == 194


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"temperature": None}, "temperature", None),
        ({"temperature": 37}, "temperature", 37.0),
        ({"temperature": float("nan")}, "temperature", None),
        ({"enrollid": "000000123456789012"}, "enrollid", 123456789012),
        ({"enrollid": "A17"}, "enrollid", "A17"),
        ({"time_utc": None, "time_raw": "0000-00-00 00:00:00"}, "time", "0000-00-00 00:00:00"),
        ({"user_name": 'Zoë "Z" 名'}, "user_name", 'Zoë "Z" 名'),
        ({"access_granted": 0}, "access_granted", False),
    ],
)
def test_values_keep_their_type(changes: dict[str, Any], field: str, value: Any) -> None:
    body = json.loads(render([replace(Row(), **changes)]))
    found = body["attendance"][0][field]
    assert (found, type(found)) == (value, type(value))


def verdicts(status: int, body: Any, content_type: str = "application/json") -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_verdicts(Answer(status, content_type, body=raw), [1, 2])


@pytest.mark.parametrize("body", [b"", b"  \n", {}, [], None, 17, {"results": 2}, {"results": []}, {"ok": 1}])
def test_success_without_verdicts_accepts_all(body: Any) -> None:
    assert verdicts(200, body) == {1: Verdict("accepted"), 2: Verdict("accepted")}


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, b"<html>", "text/html"),
        (200, b"{}", "text/html"),
        (200, b"OK", "text/plain"),
        (200, b"{", "application/json"),
        (200, b"\xff\xfe", "application/json"),
        (200, b"[" * 100_000, "application/json"),
    ],
)
def test_what_is_not_the_services_answer(status: int, body: bytes, content_type: str) -> None:
    assert isinstance(verdicts(status, body, content_type), Garbage)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"success": False}, ""),
        ({"success": False, "error": "no\ndatabase"}, ": no database"),
        ({"success": False, "results": [], "message": "m"}, ": m"),
        ({"success": False, "error": {"code": 7}}, ': {"code": 7}'),
        ({"success": False, "error": "", "detail": ["x" * 999]}, ': ["' + "x" * 298),
    ],
)
def test_an_answer_that_says_it_failed_is_no_success(body: Any, words: str) -> None:
    assert verdicts(200, body) == Garbage(f"answered 200 but says that it failed{words}")


@pytest.mark.parametrize("body", [{"success": True}, {"success": None}, {"success": 0}, {"error": "x"}])
def test_only_an_explicit_false_is_a_failure(body: Any) -> None:
    assert verdicts(200, body)[1] == Verdict("accepted")


def test_verdicts_count_more_than_a_failure_of_the_whole() -> None:
    body = {"success": False, "results": [{"log_id": 1, "status": "rejected", "message": "who?"}]}
    found = verdicts(200, body)
    assert found[1] == Verdict("rejected", "who?")
    # Whether all were refused for the one, or the one alone, is not said.
    assert found[2].word == "unclear"


def test_a_failure_of_the_whole_counts_where_no_verdict_is_on_ours() -> None:
    body = {"success": False, "results": [{"log_id": 99, "status": "rejected"}]}
    assert isinstance(verdicts(200, body), Garbage)


def test_an_answer_that_says_what_nobody_understands_of_every_record_says_nothing() -> None:
    found = verdicts(200, {"results": [{"log_id": 1, "status": "created"}, {"log_id": 2}]})
    assert found == Garbage("the service answered an unknown status 'created'")


def test_an_answer_that_was_cut_is_no_success() -> None:
    assert isinstance(read_verdicts(Answer(200, body=b"{}", truncated=True), [1]), Garbage)


def test_a_record_that_is_not_listed_is_accepted_on_200_and_unknown_on_207() -> None:
    results = {"results": [{"log_id": 1, "status": "accepted"}]}
    assert verdicts(200, results)[2].word == "accepted"
    assert verdicts(207, results)[2].word == "retry"
    assert verdicts(207, b"") == verdicts(207, {"results": []})
    assert verdicts(207, b"") == Garbage("answered 207 without a verdict on any record")


def test_verdicts_with_their_reasons() -> None:
    found = verdicts(
        200,
        {
            "results": [
                {"log_id": "1", "status": "Rejected", "code": "X1", "message": "no\nsuch\x1b[31m one"},
                {"log_id": 2, "status": "maybe"},
                {"log_id": 99, "status": "rejected"},
                "noise",
            ]
        },
    )
    assert found == {
        1: Verdict("rejected", "X1: no such [31m one"),
        2: Verdict("unclear", "the service answered an unknown status 'maybe'"),
    }


def test_of_two_verdicts_on_a_record_the_worse_counts() -> None:
    rows = [{"log_id": 1, "status": word} for word in ("rejected", "accepted")]
    assert verdicts(200, {"results": rows})[1].word == "rejected"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.sampled_from(["log_id", "status", "code", "message"]), JSON_VALUES)))
def test_no_answer_makes_it_raise(results: list[Any]) -> None:
    found = verdicts(200, {"results": results})
    if not isinstance(found, Garbage):
        assert set(found) == {1, 2}
        assert all(verdict.word in (*WORDS, "unclear") for verdict in found.values())


@pytest.mark.parametrize(
    "body",
    [
        b'{"Results":[{"LogId":7,"Status":"REJECTED","Message":"gone"}]}',
        b'{"results":[{"logId":"7","status":" Rejected ","message":"gone"}]}',
        b'{"results":[{"log_id":7.0,"status":"rejected","message":"gone"}]}',
        b'\xef\xbb\xbf{"results":[{"log_id":7,"status":"rejected","message":"gone"}]}',
    ],
)
def test_verdicts_are_understood_as_services_write_them(body: bytes) -> None:
    assert read_verdicts(Answer(200, body=body), [7]) == {7: Verdict("rejected", "gone")}


def test_an_answer_that_is_not_utf_8_is_read() -> None:
    body = '{"message":"reçu","results":[{"log_id":7,"status":"duplicate"}]}'.encode("latin-1")
    assert read_verdicts(Answer(200, body=body), [7]) == {7: Verdict("duplicate")}


@pytest.mark.parametrize("no", [b"false", b'"False"'])
def test_a_success_that_is_none_in_any_writing(no: bytes) -> None:
    assert isinstance(read_verdicts(Answer(200, body=b'{"Success":%s}' % no), [7]), Garbage)
