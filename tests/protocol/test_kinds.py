from __future__ import annotations

from typing import Any

import pytest

from tm20tui.protocol.kinds import (
    CLOCK,
    DAY,
    RANGE_END,
    EnrollId,
    Flag,
    Int,
    JsonObjects,
    Kind,
    Many,
    Pattern,
    Span,
    Text,
    Time,
)


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        (Int(0, 3), 3, 3),
        (Int(among={1, 5}), 5, 5),
        (Flag(), True, True),
        (EnrollId(), "007", "7"),
        (EnrollId(zero=True), "0", "0"),
        (Text(5), " Zoë ", "Zoë"),
        (Time(), "2025-6-1 8:0:0", "2025-06-01 08:00:00"),
        (Time(RANGE_END), "2025-06-01", "2025-06-01"),
        (Time(DAY), "02-29", "02-29"),
        (Time(CLOCK), "08:05", "08:05"),
        (Span(), "00:00~00:00", "00:00~00:00"),
        (Many(Int(0, 9), 3), [1, 2], (1, 2)),
        (JsonObjects(2), [{"a": 1}], ({"a": 1},)),
    ],
)
def test_allowed_values_become_canonical(kind: Kind, value: Any, canonical: object) -> None:
    assert kind.check(value) == canonical


@pytest.mark.parametrize(
    ("kind", "value", "allowed"),
    [
        (Int(0, 3), 4, "0 to 3"),
        (Int(0, 3), -1, "0 to 3"),
        (Int(0, 3), True, "whole number"),
        (Int(0, 3), "1", "whole number"),
        (Int(0, 3), 10**500, "0 to 3"),
        (Int(among={5, 1}), 2, "one of 1, 5"),
        (Flag(), 1, "true or false"),
        (EnrollId(), "0", "not 0"),
        (EnrollId(), 7, "digits"),
        (EnrollId(), "7a", "digits"),
        (Text(5), "abcdef", "at most 5"),
        (Text(5), "a\nb", "control character"),
        (Text(5), "a\ud800", "control character"),
        (Text(5, octets=3), "ëë", "3 bytes"),
        (Text(5, digits=True), "12a", "digits"),
        (Text(5), 7, "text"),
        (Time(), "2025-02-30 08:00:00", "YYYY-MM-DD"),
        (Time(), "2025-06-01T08:00:00", "YYYY-MM-DD"),
        (Time(), "0000-00-00 00:00:00", "YYYY-MM-DD"),
        (Time(DAY, "MM-DD"), "13-01", "MM-DD"),
        (Span(), "22:00~06:00", "within one day"),
        (Span(), "8:00~12:00", "HH:MM~HH:MM"),
        (Span(), "08:00-12:00", "HH:MM~HH:MM"),
        (Pattern(r"\d", "a digit"), "x", "a digit"),
        (Many(Int(0, 9), 2), [1, 2, 3], "at most 2"),
        (Many(Int(0, 9), 2, exactly=True), [1], "exactly 2"),
        (Many(Int(0, 9), 2), [1, 99], "item 2"),
        (Many(Int(0, 9), 2), 7, "list"),
        (JsonObjects(2), [1], "objects"),
        (JsonObjects(2), [{"a": "x" * 300, "b": ["y" * 300] * 20}], "small"),
    ],
)
def test_other_values_say_what_is_allowed(kind: Kind, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        kind.check(value)


@pytest.mark.parametrize(
    ("kind", "value", "wire"),
    [
        (Flag(number=True), True, 1),
        (Flag(), False, False),
        (EnrollId(), "123456789012345678901", 123456789012345678901),
        (Many(Int(0, 9), 3, "day"), (1, 2), [{"day": 1}, {"day": 2}]),
        (
            Many(Many(Span(), 5, "section"), 8, "day"),
            (("08:00~12:00",),),
            [{"day": [{"section": "08:00~12:00"}]}],
        ),
    ],
)
def test_values_are_written_and_read_back(kind: Kind, value: Any, wire: object) -> None:
    assert kind.to_wire(value) == wire
    assert kind.check(kind.from_wire(wire)) == value


def test_the_wire_is_read_with_tolerance() -> None:
    assert Int(0, 9).from_wire(" 7 ") == 7
    assert EnrollId().from_wire(" 007 ") == "7"
    assert Flag().from_wire("1") is True
    assert Text(9).from_wire(42) == "42"
    assert Many(Int(0, 9), 3, "day").from_wire([1, {"day": "2"}]) == (1, 2)
