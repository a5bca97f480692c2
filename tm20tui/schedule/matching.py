"""Which shift each punch of a user belongs to, and whether it went in or out.

A punch belongs to the shift whose entry (check-in, end of break) or exit (check-out,
start of break) it is nearest to, which between two shifts is half the gap. All punches
are placed together, at the least total cost, because one alone cannot tell: where one
shift ends when the next begins, 05:55 and 14:05 are a pair of the shift from 06:00 to
14:00. A direction that is given is never changed; one that is not is found here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from tm20tui.schedule.occurrences import REACH, Occurrence

Direction = Literal["in", "out"]

REPEAT = timedelta(seconds=60)
"""A punch without direction so soon after another is the same scan twice."""

# A shift of almost a day in the night that is an hour longer, and what reaches beyond it.
_LONGEST = timedelta(hours=26) + REACH

_OVER = -1
"""Stands for every shift that no further punch can belong to."""

# Costs in seconds, as if the punch were so far from where it is expected.
_MISSING = 3600.0
"""Of each arrival or departure that must have gone unrecorded."""
_IGNORED = 5400.0
"""Of a punch that is neither: more than one missing, less than two."""
_BACKWARDS = 6 * 3600.0
"""Of going back to an earlier shift."""


@dataclass(frozen=True, slots=True)
class Punch:
    """One passage of a user. `direction` is None when the terminal's policy cannot tell."""

    id: int
    at: datetime
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a punch needs an aware time")


@dataclass(frozen=True, slots=True)
class Placed:
    """A punch in its shift; `occurrence` None: no schedule, `direction` None: it counts for nothing."""

    punch: Punch
    occurrence: Occurrence | None
    direction: Direction | None


_Place: TypeAlias = tuple[Occurrence | None, Direction | None]
_State: TypeAlias = tuple[int, Direction] | None


@dataclass(frozen=True, slots=True)
class _Path:
    cost: float
    place: _Place = (None, None)
    before: _Path | None = None


def match_punches(punches: Sequence[Punch], occurrences: Sequence[Occurrence]) -> list[Placed]:
    """Place every punch; both sequences are in order of time."""
    best: dict[_State, _Path] = {None: _Path(0.0)}
    kept: Punch | None = None
    for punch in punches:
        candidates = _candidates(punch.at, occurrences)
        repeated = kept is not None and punch.direction is None and punch.at - kept.at <= REPEAT
        reached: dict[_State, _Path] = {}
        for state, path in _current(best, punch.at, occurrences).items():
            for next_state, cost, place in _steps(punch, candidates, state, repeated):
                total = path.cost + cost
                if next_state not in reached or total < reached[next_state].cost:
                    reached[next_state] = _Path(total, place, path)
        best = reached
        if not repeated:
            kept = punch
    end: _Path = min(best.values(), key=lambda path: path.cost)
    places: list[_Place] = []
    while end.before is not None:
        places.append(end.place)
        end = end.before
    return [Placed(punch, *place) for punch, place in zip(punches, reversed(places), strict=True)]


def _current(
    best: dict[_State, _Path], at: datetime, occurrences: Sequence[Occurrence]
) -> dict[_State, _Path]:
    """Of ways that ended in shifts that are over, only whether the person was in or out still matters."""
    merged: dict[_State, _Path] = {}
    for state, path in best.items():
        over = state is not None and (state[0] == _OVER or occurrences[state[0]].closes_at <= at)
        key = (_OVER, state[1]) if state is not None and over else state
        if key not in merged or path.cost < merged[key].cost:
            merged[key] = path
    return merged


def _candidates(at: datetime, occurrences: Sequence[Occurrence]) -> list[tuple[int, Occurrence]]:
    low = bisect_left(occurrences, at - _LONGEST, key=_check_in)
    high = bisect_right(occurrences, at + REACH, key=_check_in)
    return [(index, occurrences[index]) for index in range(low, high) if at < occurrences[index].closes_at]


def _check_in(occurrence: Occurrence) -> datetime:
    return occurrence.check_in_at


def _steps(
    punch: Punch, candidates: Sequence[tuple[int, Occurrence]], state: _State, repeated: bool
) -> Iterator[tuple[_State, float, _Place]]:
    if not candidates:
        yield state, 0.0, (None, None)
        return
    if not repeated:
        for direction in (punch.direction,) if punch.direction else _DIRECTIONS:
            for index, item in candidates:
                expected = item.entries if direction == "in" else item.exits
                cost = distance(punch.at, expected) + _move(state, (index, direction))
                yield (index, direction), cost, (item, direction)
    if punch.direction is None:
        _, nearest = min(candidates, key=lambda item: distance(punch.at, item[1].entries + item[1].exits))
        yield state, 0.0 if repeated else _IGNORED, (nearest, None)


def distance(at: datetime, expected: Sequence[datetime]) -> float:
    """Seconds to the nearest of the expected times."""
    return min(abs((at - moment).total_seconds()) for moment in expected)


def _move(before: _State, after: tuple[int, Direction]) -> float:
    index, direction = after
    if before is None:
        return _MISSING if direction == "out" else 0.0
    if index == before[0]:
        return _MISSING if direction == before[1] else 0.0
    cost = _BACKWARDS if index < before[0] else 0.0
    return cost + _MISSING * ((before[1] == "in") + (direction == "out"))


_DIRECTIONS: tuple[Direction, ...] = ("in", "out")
