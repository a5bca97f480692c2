"""What the punches of one shift were: arrival, break, departure, or nothing expected.

The first entry is the arrival, whatever the hour: nobody was seen before. The last exit
is the departure, unless it falls into the break: then the person is at lunch until a
later punch says otherwise. The break is the absence that lies nearest to the scheduled
one, if any is within an hour of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from tm20tui.schedule.matching import Placed
from tm20tui.schedule.occurrences import Occurrence

Role = Literal["arrival", "break start", "break end", "departure", "extra"]

BREAK_SLACK = timedelta(minutes=60)
"""How far from the scheduled break people may take it."""


@dataclass(frozen=True, slots=True)
class Absence:
    """From an exit to the entry directly after it, within a shift."""

    start_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True)
class Casting:
    """The roles of a shift, by punch id (`extra` left out), and its entries and exits in order."""

    roles: dict[int, Role]
    moves: tuple[Placed, ...]

    def absences(self) -> tuple[Absence, ...]:
        """Every exit that an entry directly follows, scheduled or not."""
        pairs = zip(self.moves, self.moves[1:], strict=False)
        return tuple(
            Absence(one.punch.at, two.punch.at)
            for one, two in pairs
            if (one.direction, two.direction) == ("out", "in")
        )

    def worked_seconds(self) -> float:
        """Elapsed real time from the first entry to the last exit, less the absences between."""
        entries = [move.punch.at for move in self.moves if move.direction == "in"]
        exits = [move.punch.at for move in self.moves if move.direction == "out"]
        if not entries or not exits or exits[-1] <= entries[0]:
            return 0.0
        inside = (
            item for item in self.absences() if entries[0] <= item.start_at and item.end_at <= exits[-1]
        )
        away = sum((item.end_at - item.start_at).total_seconds() for item in inside)
        return (exits[-1] - entries[0]).total_seconds() - away


def cast_shift(placed: Sequence[Placed], shift: Occurrence) -> Casting:
    """Give the punches of one shift, in order of time, their roles."""
    moves = _trimmed([item for item in placed if item.direction is not None], shift)
    roles: dict[int, Role] = {}
    first, last = 0, len(moves)
    if moves and moves[0].direction == "in":
        roles[moves[0].punch.id] = "arrival"
        first = 1
    if last > first and moves[-1].direction == "out" and not _at_break(moves[-1].punch.at, shift):
        roles[moves[-1].punch.id] = "departure"
        last -= 1
    for item in _break(moves[first:last], shift):
        roles[item.punch.id] = "break start" if item.direction == "out" else "break end"
    return Casting(roles, tuple(moves))


_Stretch: TypeAlias = tuple[Placed, ...]
"""An exit with the entry directly after it, or one of them alone."""


def _trimmed(moves: list[Placed], shift: Occurrence) -> list[Placed]:
    """Leave out exits just before the first entry (through the gate and back), entries just after the end."""
    while (
        len(moves) > 1
        and moves[0].direction == "out"
        and any(move.direction == "in" for move in moves)
        and _nearer(moves[0].punch.at, shift.check_in_at, shift.exits[0])
    ):
        moves = moves[1:]
    while (
        len(moves) > 1
        and moves[-1].direction == "in"
        and any(move.direction == "out" for move in moves)
        and _nearer(moves[-1].punch.at, shift.check_out_at, shift.entries[-1])
    ):
        moves = moves[:-1]
    return moves


def _at_break(at: datetime, shift: Occurrence) -> bool:
    if shift.break_start_at is None or shift.break_end_at is None:
        return False
    return shift.break_start_at - BREAK_SLACK <= at < shift.break_end_at and _nearer(
        at, shift.break_start_at, shift.check_out_at
    )


def _break(moves: Sequence[Placed], shift: Occurrence) -> _Stretch:
    if shift.break_start_at is None or shift.break_end_at is None:
        return ()
    start, end = shift.break_start_at, shift.break_end_at

    def cost(stretch: _Stretch) -> float:
        off = [item.punch.at - (start if item.direction == "out" else end) for item in stretch]
        alone = BREAK_SLACK.total_seconds() if len(stretch) == 1 else 0.0
        return sum(abs(item.total_seconds()) for item in off) + alone

    near = [item for item in _stretches(moves) if start - BREAK_SLACK <= _middle(item) <= end + BREAK_SLACK]
    return min(near, key=cost, default=())


def _stretches(moves: Sequence[Placed]) -> Iterator[_Stretch]:
    index = 0
    while index < len(moves):
        pair = tuple(moves[index : index + 2])
        if [item.direction for item in pair] != ["out", "in"]:
            pair = pair[:1]
        yield pair
        index += len(pair)


def _middle(stretch: _Stretch) -> datetime:
    first, last = stretch[0].punch.at, stretch[-1].punch.at
    return first + (last - first) / 2


def _nearer(at: datetime, one: datetime, other: datetime) -> bool:
    return abs(at - one) < abs(at - other)
