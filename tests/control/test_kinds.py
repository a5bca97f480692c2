"""Annotations as kinds: what each takes, what it refuses, and that every operation's arguments are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal

import pytest

from tm20tui.control.describe import describe, kinds_of
from tm20tui.control.kinds import Kind, coerce, kind_of
from tm20tui.errors import InvalidInput
from tm20tui.operations import load_operations


@dataclass(frozen=True)
class Filter:
    """A record of the tests."""

    number: int
    word: str | None = None


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int, 7, 7),
        (int, "7", 7),
        (int, "-7", -7),
        (float, "1.5", 1.5),
        (float, 2, 2.0),
        (bool, True, True),
        (bool, "no", False),
        (bool, "TRUE", True),
        (str, "x", "x"),
        (int | None, None, None),
        (int | None, "3", 3),
        ("int | None", 3, 3),
        (Literal["a", "b"], "a", "a"),
        (Literal[1, 2], "2", 2),
        (datetime, "2026-11-22T08:00:00+01:00", datetime(2026, 11, 22, 7, tzinfo=UTC)),
        (datetime, "2026-11-22T08:00:00Z", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        (date, "2026-11-22", date(2026, 11, 22)),
        (time, "08:30", time(8, 30)),
        (list[int], ["1", 2], [1, 2]),
        (tuple[int, ...], [1], (1,)),
        (frozenset[str], ["a"], frozenset("a")),
        (Sequence[int] | None, [1], [1]),
        (Mapping[str, Any], {"a": [1]}, {"a": [1]}),
        (Filter, {"number": "1"}, Filter(1)),
        (Filter, {"number": 1, "word": None}, Filter(1, None)),
        (int | str, 4, 4),
        (Any, [None], [None]),
    ],
)
def test_values_are_taken(annotation: Any, value: Any, expected: Any) -> None:
    found = coerce(kind_of(annotation, {}), value, "x")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (int, "x", "x must be a whole number"),
        (int, "1_0", "x must be a whole number"),
        (int, "٣", "x must be a whole number"),
        (int, 1.5, "x must be a whole number"),
        (int, True, "x must be a whole number"),
        (int, 2**63, "x must be a whole number"),
        (int, "9" * 5000, "x must be a whole number"),
        (int, None, "x must be a whole number"),
        (float, "nan", "x must be a number"),
        (float, "inf", "x must be a number"),
        (float, True, "x must be a number"),
        (float, [], "x must be a number"),
        (bool, "maybe", "x must be true or false"),
        (bool, 1, "x must be true or false"),
        (str, 1, "x must be a text"),
        (Literal["a", "b"], "c", "x must be one of a, b"),
        (Literal["a", "b"], [], "x must be one of a, b"),
        (datetime, "2026-11-22", "x must be a time with its offset"),
        (datetime, 5, "x must be a time with its offset"),
        (datetime, "0001-01-01T00:00:00+23:00", "x must be a time with its offset"),
        (date, "yesterday", "x must be a date"),
        (list[int], "1,2", "x must be a list"),
        (list[int], [None], "x must be a whole number"),
        (Mapping[str, Any], [], "x must be an object"),
        (Filter, [], "x must be an object"),
        (Filter, {}, "number is required"),
        (Filter, {"number": 1, "other": 2}, "x has no other: known are number, word"),
        (Filter, {"number": "x"}, "number must be a whole number"),
        (bytes, "x", "x cannot be given through the control socket"),
    ],
)
def test_values_are_refused_with_what_would_be_taken(annotation: Any, value: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        coerce(kind_of(annotation, {}), value, "x")
    assert str(raised.value).startswith(said)
    assert raised.value.field


def _unknown(kind: Kind) -> bool:
    inner = [member.kind for member in kind.members] + ([kind.item] if kind.item else [])
    return kind.name == "unknown" or any(_unknown(one) for one in inner)


def test_every_argument_of_every_operation_can_be_given() -> None:
    for name, operation in load_operations().items():
        unknown = [argument for argument, kind in kinds_of(operation).items() if _unknown(kind)]
        assert not unknown, f"{name}: {unknown} has an annotation that clients cannot fill"


def test_the_description_is_json_and_names_every_operation() -> None:
    import json

    registry = load_operations()
    described = json.loads(json.dumps(describe(registry)))
    assert [told["name"] for told in described] == sorted(registry)
    block = next(told for told in described if told["name"] == "terminals.block")
    assert (block["role"], block["writes"], block["dangerous"]) == ("operator", True, True)
    assert block["arguments"] == [{"name": "terminal_id", "required": True, "kind": "integer"}]
