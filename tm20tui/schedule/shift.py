"""A schedule's hours on one line, so that a night shift means the same to everyone who compares hours.

Positions are wall-clock seconds from the midnight that begins the schedule's weekday;
what lies past midnight is 86,400 or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

DAY_SECONDS = 86_400
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Hours(Protocol):
    """What a draft and a stored schedule have in common here."""

    @property
    def weekday(self) -> int: ...
    @property
    def check_in_time(self) -> time: ...
    @property
    def check_out_time(self) -> time: ...
    @property
    def break_start_time(self) -> time | None: ...
    @property
    def break_end_time(self) -> time | None: ...
    @property
    def effective_from(self) -> date | None: ...
    @property
    def effective_until(self) -> date | None: ...
    @property
    def is_active(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Shift:
    """`ends` is after `starts`; the break is None or lies wherever the schedule says, even outside."""

    starts: int
    ends: int
    break_starts: int | None
    break_ends: int | None


def read_shift(hours: Hours) -> Shift:
    """Put a schedule's times on the line; those before the check-in of a night shift are the next day's."""
    starts = position(hours.check_in_time)
    ends = position(hours.check_out_time)
    night = ends <= starts
    if night:
        ends += DAY_SECONDS

    def inside(moment: time | None) -> int | None:
        if moment is None:
            return None
        at = position(moment)
        return at + DAY_SECONDS if night and at < starts else at

    return Shift(starts, ends, inside(hours.break_start_time), inside(hours.break_end_time))


def position(moment: time) -> int:
    """Seconds since midnight."""
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def in_effect(hours: Hours, day: date) -> bool:
    """Whether the schedule applies to the working day `day`, its weekday aside."""
    return (
        hours.is_active
        and (hours.effective_from is None or hours.effective_from <= day)
        and (hours.effective_until is None or day <= hours.effective_until)
    )


def instant(day: date, seconds: int, zone: tzinfo) -> datetime:
    """When a position of a working day is, in UTC.

    A wall-clock time that a clock change skips is read with the offset before the change
    (as a punch of that time is), one that it repeats means the first (RFC 5545).
    """
    wall = datetime.combine(day, time()) + timedelta(seconds=seconds)
    return wall.replace(tzinfo=zone).astimezone(UTC)
