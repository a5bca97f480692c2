"""On time, late or early: a user's punches against the schedules of a terminal. Pure.

Give whole working days and the one before them; the order in which punches are given
never matters. `matching` decides which shift a punch belongs to, `roles` what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Literal

from tm20tui.ingest.direction import working_day
from tm20tui.schedule.matching import Placed, Punch, match_punches
from tm20tui.schedule.occurrences import Occurrence, days_around, list_occurrences
from tm20tui.schedule.roles import Absence, Casting, Role, cast_shift
from tm20tui.store.schedules import Schedule

Verdict = Literal["on time", "late", "early", "no schedule"]

# Clocks that lost their battery say 1970 or 2099; far beyond, dates cannot be computed with.
_BELIEVABLE_YEARS = range(1971, 9000)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one punch means.

    `day` is the working day: that of the shift's check-in, also for the morning of a
    night shift. `verdict` is None for an `extra` within a shift. `minutes` says how far
    a late or early punch is from `scheduled_at`, 0 when on time; a tolerance decides the
    verdict but shortens nothing. Seconds of a started minute count for the person.
    """

    punch_id: int
    at: datetime
    day: date
    schedule_id: int | None
    role: Role
    verdict: Verdict | None
    minutes: int
    scheduled_at: datetime | None

    @property
    def costs_time(self) -> bool:
        """Whether working time was lost: came late, or went early."""
        entry = self.role in ("arrival", "break end")
        return self.role != "extra" and self.verdict == ("late" if entry else "early")


@dataclass(frozen=True, slots=True)
class DaySummary:
    """One shift of one working day.

    `worked_seconds` is elapsed real time from the first entry to the last exit, less
    `breaks`: every recorded absence, scheduled or not. A break nobody punched is not
    taken off. `missing` names roles that nothing was recorded for; until `closes_at`
    a punch may still come.
    """

    day: date
    schedule_id: int
    arrived_at: datetime | None
    left_at: datetime | None
    worked_seconds: int
    breaks: tuple[Absence, ...]
    missing: tuple[Role, ...]
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Assessment:
    """Punches in order of time; days by check-in, without those that only have `no schedule`."""

    punches: tuple[Judgement, ...]
    days: tuple[DaySummary, ...]


def assess(
    schedules: Sequence[Schedule],
    zone: tzinfo,
    punches: Iterable[Punch],
    *,
    day_starts_at: time = time(0),
    days: Iterable[date] = (),
) -> Assessment:
    """Judge the punches of one user on the schedules of one terminal in its zone.

    `day_starts_at` cuts the working day of punches that no schedule covers. `days` are
    summarised even without a punch: whoever was absent then misses arrival and departure.
    """
    ordered = sorted(punches, key=lambda punch: (punch.at, punch.id, punch.direction or ""))
    believable = [punch for punch in ordered if punch.at.year in _BELIEVABLE_YEARS]
    asked = set(days)
    reached = days_around(punch.at.astimezone(zone).date() for punch in believable)
    occurrences = list_occurrences(schedules, zone, reached | asked)
    placed = match_punches(believable, occurrences)
    by_shift: dict[Occurrence, list[Placed]] = {item: [] for item in occurrences if item.day in asked}
    for item in placed:
        if item.occurrence is not None:
            by_shift.setdefault(item.occurrence, []).append(item)
    castings = {shift: cast_shift(items, shift) for shift, items in by_shift.items()}
    shifts = {item.punch: item.occurrence for item in placed}
    return Assessment(
        tuple(_judge(punch, shifts.get(punch), castings, zone, day_starts_at) for punch in ordered),
        tuple(
            _summary(shift, castings[shift], by_shift[shift]) for shift in occurrences if shift in castings
        ),
    )


def _judge(
    punch: Punch,
    shift: Occurrence | None,
    castings: dict[Occurrence, Casting],
    zone: tzinfo,
    day_starts_at: time,
) -> Judgement:
    if shift is None:
        day = punch.at.date()
        if punch.at.year in _BELIEVABLE_YEARS:
            day = working_day(punch.at.astimezone(zone).replace(tzinfo=None), day_starts_at)[0].date()
        return Judgement(punch.id, punch.at, day, None, "extra", "no schedule", 0, None)
    role = castings[shift].roles.get(punch.id, "extra")
    scheduled = _scheduled(shift, role)
    if scheduled is None:
        return Judgement(punch.id, punch.at, shift.day, shift.schedule.id, role, None, 0, None)
    verdict, minutes = compare(punch.at, scheduled, shift.schedule.tolerance_minutes)
    return Judgement(punch.id, punch.at, shift.day, shift.schedule.id, role, verdict, minutes, scheduled)


def compare(at: datetime, scheduled_at: datetime, tolerance_minutes: int) -> tuple[Verdict, int]:
    """The verdict and by how many whole minutes; up to the tolerance either way is on time."""
    seconds = (at - scheduled_at).total_seconds()
    minutes = int(abs(seconds) // 60)
    if minutes <= tolerance_minutes:
        return "on time", 0
    return ("late" if seconds > 0 else "early"), minutes


def _scheduled(shift: Occurrence, role: Role) -> datetime | None:
    return {
        "arrival": shift.check_in_at,
        "break start": shift.break_start_at,
        "break end": shift.break_end_at,
        "departure": shift.check_out_at,
        "extra": None,
    }[role]


def _summary(shift: Occurrence, casting: Casting, items: Sequence[Placed]) -> DaySummary:
    at = {role: item.punch.at for item in items if (role := casting.roles.get(item.punch.id))}
    expected: list[Role] = ["arrival", "departure"]
    if "break start" in at or "break end" in at:
        expected[1:1] = ["break start", "break end"]
    return DaySummary(
        day=shift.day,
        schedule_id=shift.schedule.id,
        arrived_at=at.get("arrival"),
        left_at=at.get("departure"),
        worked_seconds=int(casting.worked_seconds()),
        breaks=casting.absences(),
        missing=tuple(role for role in expected if role not in at),
        closes_at=shift.closes_at,
    )
