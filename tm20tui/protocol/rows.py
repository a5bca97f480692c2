"""The base of every record whose members are declared by kind: checked when made, written, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import NoneType
from typing import Annotated, Any, Final, NamedTuple, Self, get_args, get_origin, get_type_hints

from tm20tui.protocol.kinds import Kind
from tm20tui.protocol.text import Fields, trimmed_names


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object with known members. Making one raises ValueError naming the wrong member."""

    def __post_init__(self) -> None:
        for member in members_of(type(self)):
            value = getattr(self, member.attribute)
            if value is None and member.may_be_none:
                continue
            try:
                checked = member.kind.check(value)
            except ValueError as error:
                raise ValueError(f"{self.label()}{member.wire} {error}") from None
            if checked is not value:
                object.__setattr__(self, member.attribute, checked)
        self.check_whole()

    @classmethod
    def label(cls) -> str:
        """Return what to put before a member's name in a message."""
        return ""

    def check_whole(self) -> None:
        """Raise ValueError where members that are right alone do not fit together."""

    def as_row(self) -> Fields:
        """Return the members for the wire, those that are None left out."""
        return {
            member.wire: member.kind.to_wire(value)
            for member in members_of(type(self))
            if (value := getattr(self, member.attribute)) is not None
        }

    @classmethod
    def from_row(cls, row: object) -> Self:
        """Return the record in a JSON object; unknown members are ignored. Raises ValueError."""
        if not isinstance(row, dict):
            raise ValueError("must be a JSON object")
        row = trimmed_names(row)
        values: dict[str, Any] = {}
        for member in members_of(cls):
            value = row.get(member.wire)
            if value is not None:
                values[member.attribute] = member.kind.from_wire(value)
            elif member.may_be_none:
                # Absent means None on the wire, whatever the default of one made here.
                values[member.attribute] = None
            elif member.is_required:
                raise ValueError(f"{cls.label()}{member.wire} is missing")
        return cls(**values)

    @classmethod
    def from_reported(cls, row: Mapping[str, object]) -> tuple[Self, tuple[str, ...]]:
        """Return the record a terminal reports and the names of the members that could not be read.

        Only for records without required members.
        """
        values: dict[str, Any] = {}
        unread: list[str] = []
        for member in members_of(cls):
            if (value := row.get(member.wire)) is None:
                continue
            try:
                values[member.attribute] = member.kind.check(member.kind.from_wire(value))
            except ValueError:
                unread.append(member.wire)
        return cls(**values), tuple(unread)


class Rows(Kind):
    """At most `most` rows of one type."""

    def __init__(self, row_type: type[Row], most: int, wire: str | None = None) -> None:
        self.row_type = row_type
        self.most = most
        self.wire = wire

    def check(self, value: Any) -> tuple[Row, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(row, self.row_type) for row in value):
            raise ValueError(f"must be a list of {self.row_type.__name__}")
        if not 1 <= len(value) <= self.most:
            raise ValueError(f"must have 1 to {self.most} rows, not {len(value)}")
        return tuple(value)

    def to_wire(self, value: Any) -> object:
        return [row.as_row() for row in value]

    def from_wire(self, value: object) -> Any:
        rows = value if isinstance(value, list) else [value]
        read = []
        for index, row in enumerate(rows[: self.most + 1]):
            try:
                read.append(self.row_type.from_row(row))
            except ValueError as error:
                raise ValueError(f"row {index + 1}: {error}") from None
        return tuple(read)


class Member(NamedTuple):
    """One declared member of a row."""

    attribute: str
    wire: str
    kind: Kind
    may_be_none: bool
    is_required: bool


def members_of(row_type: type[Row]) -> tuple[Member, ...]:
    """Return the members of a row type in the order they are written."""
    known = _MEMBERS.get(row_type)
    if known is None:
        known = _MEMBERS[row_type] = _declared_members(row_type)
    return known


_MEMBERS: Final[dict[type[Row], tuple[Member, ...]]] = {}


def _declared_members(row_type: type[Row]) -> tuple[Member, ...]:
    hints = get_type_hints(row_type, include_extras=True)
    members = []
    for declared in fields(row_type):
        hint = hints[declared.name]
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{row_type.__name__}.{declared.name} declares no kind")
        value_type, kind = get_args(hint)
        members.append(
            Member(
                declared.name,
                kind.wire or declared.name,
                kind,
                NoneType in get_args(value_type),
                declared.default is MISSING,
            )
        )
    return tuple(members)
