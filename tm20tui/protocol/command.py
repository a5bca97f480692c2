"""The base of every command: a checked row with a name on the wire and the rules of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tm20tui.protocol.rows import Row, Rows, members_of
from tm20tui.protocol.text import Fields, dump


@dataclass(frozen=True, slots=True)
class Command(Row):
    """One request to a terminal; its reply is matched by `name`, nothing else."""

    name: ClassVar[str] = ""
    """The wire's `cmd`."""
    timeout_seconds: ClassVar[float] = 20.0
    """How long to wait for the reply before the outcome is unknown."""
    idempotent: ClassVar[bool] = False
    """Whether it may be sent again when its outcome is unknown."""
    replies: ClassVar[bool] = True
    """Whether the terminal replies at all."""

    @classmethod
    def label(cls) -> str:
        return f"{cls.name} " if cls.name else ""

    def as_row(self) -> Fields:
        """Return the members for the wire, without `cmd`; the number of rows goes before the rows."""
        row: Fields = {}
        for member in members_of(type(self)):
            value = getattr(self, member.attribute)
            if value is None:
                continue
            if member.wire == "record" and isinstance(member.kind, Rows):
                row["count"] = len(value)
            row[member.wire] = member.kind.to_wire(value)
        return row

    def encode(self) -> str:
        """Return the frame to send."""
        return dump({"cmd": self.name, **self.as_row()})


def require_one(command: Command) -> None:
    """Raise ValueError when a command that changes settings names none."""
    if not command.as_row():
        raise ValueError(f"{command.name} needs at least one setting")
