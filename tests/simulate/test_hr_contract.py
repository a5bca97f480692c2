from __future__ import annotations

import json
from typing import Any

import pytest

from tm20tui.simulate.hr_contract import ContractBroken, read_attendance

RECORD = {
    "terminal_sn": "TM20-001",
    "enrollid": 123,
    "user_name": "John Doe",
    "time": "2025-12-30T10:30:00Z",
    "mode": 0,
    "inout": 0,
    "event": 0,
    "temperature": 36.5,
    "access_granted": True,
    "log_id": 456,
}


def body(*rows: Any) -> bytes:
    return json.dumps({"attendance": rows}).encode()


def test_the_customers_example_is_accepted() -> None:
    assert read_attendance(body(RECORD), "application/json; charset=utf-8") == [RECORD]
    assert read_attendance(body(RECORD | {"temperature": None, "user_name": ""}), "application/json")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"time": "2025-12-30T10:30:00+00:00"}, "time must be"),
        ({"time": "2025-12-30 10:30:00"}, "time must be"),
        ({"time": "2025-12-30T10:30:00.0Z"}, "time must be"),
        ({"time": "2025-13-30T10:30:00Z"}, "time must be"),
        ({"enrollid": "123"}, "enrollid must be an integer"),
        ({"log_id": "456"}, "log_id must be an integer"),
        ({"mode": True}, "mode must be an integer"),
        ({"inout": None}, "inout must be an integer"),
        ({"event": 0.0}, "event must be an integer"),
        ({"temperature": 36}, "temperature must be a float or null"),
        ({"temperature": "36.5"}, "temperature must be a float or null"),
        ({"access_granted": 1}, "access_granted must be"),
        ({"user_name": None}, "user_name must be a string"),
        ({"terminal_sn": ""}, "terminal_sn must be a string"),
        ({"extra": 1}, "in this order"),
    ],
)
def test_each_deviation_is_named(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContractBroken, match=sentence):
        read_attendance(body(RECORD | change), "application/json")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "the one key attendance"),
        (b'{"attendance": [], "count": 0}', "the one key attendance"),
        (b'{"attendance": []}', "at least one record"),
        (b'{"attendance": {}}', "at least one record"),
        (b'{"attendance": [1]}', "not an object"),
        (b'{"attendance": [{"log_id": 1, "log_id": 1}]}', "a key stands twice"),
        (b'{"attendance": [{"temperature": NaN}]}', "NaN is not JSON"),
        (body(RECORD, RECORD), "the same log_id stands twice"),
        (body(dict(reversed(RECORD.items()))), "in this order"),
    ],
)
def test_bodies_of_another_shape_are_refused(raw: bytes, sentence: str) -> None:
    with pytest.raises(ContractBroken, match=sentence):
        read_attendance(raw, "application/json")


def test_another_content_type_is_refused() -> None:
    with pytest.raises(ContractBroken, match="Content-Type"):
        read_attendance(body(RECORD), "text/plain")
