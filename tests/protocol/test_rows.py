from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from tm20tui.protocol.kinds import EnrollId, Int, Text
from tm20tui.protocol.rows import Row, Rows, members_of


@dataclass(frozen=True, slots=True)
class Person(Row):
    enrollid: Annotated[str, EnrollId()]
    label_text: Annotated[str | None, Text(5, wire="label")] = None


@dataclass(frozen=True, slots=True)
class Options(Row):
    volume: Annotated[int | None, Int(0, 10)] = None
    sleep: Annotated[int | None, Int(0, 1)] = None


def test_a_row_is_checked_when_made() -> None:
    assert Person("007").enrollid == "7"
    with pytest.raises(ValueError, match="label must be at most 5"):
        Person("7", "abcdef")


def test_a_row_is_written_with_wire_names_and_without_none() -> None:
    assert Person("7", "a").as_row() == {"enrollid": 7, "label": "a"}
    assert Person("7").as_row() == {"enrollid": 7}


def test_a_row_is_read_with_padded_names_and_unknown_members() -> None:
    assert Person.from_row({" enrollid ": "7", "label ": "a", "x": 1}) == Person("7", "a")
    with pytest.raises(ValueError, match="enrollid is missing"):
        Person.from_row({})
    with pytest.raises(ValueError, match="object"):
        Person.from_row([])


def test_reported_values_that_cannot_be_read_are_named() -> None:
    assert Options.from_reported({"volume": 99, "sleep": "1", "x": 1}) == (Options(sleep=1), ("volume",))


def test_rows_say_which_row_is_wrong() -> None:
    kind = Rows(Person, 2)
    assert kind.check(kind.from_wire([{"enrollid": 7}])) == (Person("7"),)
    assert kind.from_wire({"enrollid": 7}) == (Person("7"),)
    with pytest.raises(ValueError, match="row 2: enrollid is missing"):
        kind.from_wire([{"enrollid": 7}, {}])
    for wrong in ((), (Person("1"),) * 3):
        with pytest.raises(ValueError, match="1 to 2 rows"):
            kind.check(wrong)
    with pytest.raises(ValueError, match="list of Person"):
        kind.check([{}])


def test_a_member_without_a_kind_is_a_mistake_of_ours() -> None:
    @dataclass(frozen=True, slots=True)
    class Wrong(Row):
        volume: int

    with pytest.raises(TypeError, match="declares no kind"):
        members_of(Wrong)
