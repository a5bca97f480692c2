"""What a terminal's wall-clock text means in UTC, and how far it can be trusted. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from tm20tui.model import HELD_TIME_PROBLEMS

UNREADABLE, TOO_OLD, IN_THE_FUTURE = HELD_TIME_PROBLEMS
SKIPPED_HOUR = "skipped hour"

_NOTHING = timedelta()
_LIVE_EARLIEST = timedelta(minutes=-2)
_LIVE_LATEST = timedelta(minutes=10)

_LOOSE = re.compile(
    r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
    r"[ T]([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.[0-9]+)?)?"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One wall-clock text, read in a zone.

    `utc` is None only when the text is no time. `later_utc` is set when the text
    names two instants (the hour that a clock change repeats): `utc` is then the
    first and `later_utc` the second. `problem` is None or one of this module's words.
    """

    utc: datetime | None
    later_utc: datetime | None = None
    problem: str | None = None


def parse_wall_clock(text: str) -> datetime | None:
    """The naive local time of a terminal's text, None when it is none."""
    if len(text) == 19 and text[10] == " ":
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    match = _LOOSE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def read_time(
    text: str, zone: tzinfo, received_at: datetime, *, earliest: date, future: timedelta
) -> Reading:
    """Read a terminal's text in its zone.

    `earliest` is the first day that can be true, `future` how far ahead of
    `received_at` a terminal's clock may run. The text is never replaced by a guess:
    what cannot be read or believed is returned with its problem.
    """
    local = parse_wall_clock(text)
    if local is None:
        return Reading(None, problem=UNREADABLE)
    try:
        first_offset = zone.utcoffset(local) or _NOTHING
        second_offset = zone.utcoffset(local.replace(fold=1)) or _NOTHING
        utc = (local - first_offset).replace(tzinfo=UTC)
    except OverflowError:
        return Reading(None, problem=UNREADABLE)
    if local.date() < earliest:
        return Reading(utc, problem=TOO_OLD)
    if utc - received_at > future:
        return Reading(utc, problem=IN_THE_FUTURE)
    if first_offset == second_offset:
        return Reading(utc)
    if first_offset < second_offset:
        return Reading(utc, problem=SKIPPED_HOUR)
    return Reading(utc, later_utc=(local - second_offset).replace(tzinfo=UTC))


def repeated_hour(reading: Reading, zone: tzinfo) -> tuple[datetime, datetime]:
    """The instants [start, end) whose wall-clock time a clock change makes ambiguous, around a reading."""
    assert reading.utc is not None
    assert reading.later_utc is not None
    before, after = reading.utc, reading.later_utc
    shift = after - before
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    change = after.replace(microsecond=0)
    return change - shift, change + shift


@dataclass(frozen=True, slots=True)
class Earlier:
    """A terminal's record before the one in question, in the same repeated hour."""

    local: datetime
    fold: int
    enrollid: str = ""


def choose_fold(
    local: datetime,
    reading: Reading,
    received_at: datetime,
    *,
    alone: bool,
    earlier: Earlier | None,
    enrollid: str = "",
    steps_back_later: bool = False,
) -> int:
    """Which of the two instants an ambiguous wall-clock time means: 0 the first, 1 the second.

    A record that comes alone within minutes of one of the two is live, and says so
    by its arrival. Otherwise the order of arrival decides: `earlier` is the terminal's
    record before this one in the same repeated hour. A clock that did not advance between
    them has been set back: a terminal hardly takes two users in one second. They may be
    one user with two credentials though, and when the same batch steps back later on
    (`steps_back_later`), that is where the clock was set back.
    """
    assert reading.utc is not None
    assert reading.later_utc is not None
    if alone:
        for fold, instant in ((1, reading.later_utc), (0, reading.utc)):
            if _LIVE_EARLIEST <= received_at - instant <= _LIVE_LATEST:
                return fold
    if earlier is None:
        return 0
    if earlier.fold == 1 or local < earlier.local:
        return 1
    stood_still = local == earlier.local and enrollid != earlier.enrollid
    return int(stood_still and not steps_back_later)
