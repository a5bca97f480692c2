"""Schedules become shifts of real days, in UTC, each with the stretch in which punches may belong to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from tm20tui.schedule.shift import in_effect, instant, read_shift
from tm20tui.store.schedules import Schedule

REACH = timedelta(hours=6)
"""How long before the check-in and after the check-out a punch may still belong to a shift."""

# From the evening before a shift to six hours after one that ends the next day.
_DAYS_AROUND = range(-2, 2)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One schedule on one working day, the day of its check-in.

    Times are UTC and in order even where a clock change would turn them round; the break
    has both or none. Punches from `REACH` before the check-in to `closes_at` may belong to it.
    """

    day: date
    schedule: Schedule
    check_in_at: datetime
    check_out_at: datetime
    break_start_at: datetime | None
    break_end_at: datetime | None

    @property
    def closes_at(self) -> datetime:
        return self.check_out_at + REACH

    @property
    def entries(self) -> tuple[datetime, ...]:
        """When people are expected to come in."""
        return (self.check_in_at, *([self.break_end_at] if self.break_end_at else []))

    @property
    def exits(self) -> tuple[datetime, ...]:
        """When people are expected to go out."""
        return (*([self.break_start_at] if self.break_start_at else []), self.check_out_at)


def list_occurrences(schedules: Sequence[Schedule], zone: tzinfo, days: Iterable[date]) -> list[Occurrence]:
    """The shifts that start on these days, by check-in."""
    found = [
        _occurrence(schedule, day, zone)
        for day in set(days)
        for schedule in schedules
        if schedule.weekday == day.weekday() and in_effect(schedule, day)
    ]
    return sorted(found, key=lambda item: (item.check_in_at, item.schedule.id))


def days_around(days: Iterable[date]) -> set[date]:
    """The working days that punches of these calendar days may belong to."""
    return {day + timedelta(days=offset) for day in days for offset in _DAYS_AROUND}


def _occurrence(schedule: Schedule, day: date, zone: tzinfo) -> Occurrence:
    shift = read_shift(schedule)
    check_in = instant(day, shift.starts, zone)
    check_out = max(check_in, instant(day, shift.ends, zone))
    break_start = break_end = None
    if shift.break_starts is not None and shift.break_ends is not None:
        break_start = min(max(check_in, instant(day, shift.break_starts, zone)), check_out)
        break_end = min(max(break_start, instant(day, shift.break_ends, zone)), check_out)
    return Occurrence(day, schedule, check_in, check_out, break_start, break_end)
