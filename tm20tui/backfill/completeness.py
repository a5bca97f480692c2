"""Whether a terminal's day is complete: all it held is stored, and all that is owed is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tm20tui.backfill.policy import days_between
from tm20tui.events import EventBus
from tm20tui.store import terminal_days as store
from tm20tui.store.engine import Database
from tm20tui.store.terminal_days import DayCheck, DayCounts, day_bounds
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class DayCompleteness:
    """One local day of one terminal.

    `reported`: records that the terminal holds or held of the day as far as is known: what it listed,
    or what is stored where its counters agreed; None while neither was asked. `stored`: punches, door
    events and strangers that are held here; `punches` of them, of which `delivered` reached every
    service and `owed` are still to go. `missing`: records it counts and did not give. `is_complete`
    is of the day so far while it lasts; `reason` says why it is not, empty when it is.
    """

    day: date
    reported: int | None
    stored: int
    punches: int
    delivered: int
    owed: int
    missing: int
    checked_until: datetime | None
    is_complete: bool
    reason: str


def assess(
    day: date,
    check: DayCheck | None,
    counts: DayCounts,
    zone: ZoneInfo,
    *,
    now: datetime,
    online_since: datetime | None,
) -> DayCompleteness:
    """What is known of a day. `online_since`: when the terminal connected, None while it is away."""
    stored = counts.punches + counts.events
    reason = _reason(day, check, counts, zone, now, online_since)
    reported = None
    if check is not None:
        reported = stored if check.reported is None else max(check.reported, stored)
    return DayCompleteness(
        day=day,
        reported=reported,
        stored=stored,
        punches=counts.punches,
        delivered=counts.delivered,
        owed=counts.owed,
        missing=0 if check is None else check.missing,
        checked_until=None if check is None else check.checked_until,
        is_complete=not reason,
        reason=reason,
    )


def _reason(
    day: date,
    check: DayCheck | None,
    counts: DayCounts,
    zone: ZoneInfo,
    now: datetime,
    online_since: datetime | None,
) -> str:
    start, end = day_bounds(day, zone)
    if now < start:
        return "not begun yet"
    if check is None:
        return "not reconciled yet"
    if check.missing:
        return f"{check.missing} missing"
    if check.checked_until < end:
        lasts = now < end
        if not (lasts and online_since is not None and online_since <= check.checked_until):
            return f"not reconciled since {check.checked_until.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"{counts.owed} owed" if counts.owed else ""


def read_completeness(
    connection: Connection,
    terminal_id: int,
    first: date,
    last: date,
    *,
    now: datetime,
    online_since: datetime | None,
) -> list[DayCompleteness]:
    """The days from `first` to `last`, both included, oldest first; `NotFound` for the terminal."""
    zone = ZoneInfo(get_terminal(connection, terminal_id, with_deleted=True).timezone)
    checks = store.list_checks(connection, terminal_id, first, last)
    counts = store.count_days(connection, terminal_id, first, last, zone)
    return [
        assess(
            day,
            checks.get(day),
            counts.get(day, DayCounts()),
            zone,
            now=now,
            online_since=online_since,
        )
        for day in days_between(first, last)
    ]


class Noticing:
    """Tells of days that are over and became complete; a page of open days at each `look`."""

    def __init__(self, database: Database, events: EventBus) -> None:
        self._database = database
        self._events = events
        self._after = 0

    async def look(self, now: datetime) -> int:
        """Publish `day.complete` for each; return how many there were."""
        found, self._after = await self._database.read(_find_complete, self._after, now)
        if found:
            await self._database.write(store.mark_complete, [row_id for row_id, *_ in found], now)
        for _, terminal_id, sn, day in found:
            self._events.publish(
                "day.complete",
                terminal_id=terminal_id,
                sn=sn,
                day=day.day.isoformat(),
                reported=day.reported,
                stored=day.stored,
                delivered=day.delivered,
            )
        return len(found)


def _find_complete(
    connection: Connection, after: int, now: datetime
) -> tuple[list[tuple[int, int, str, DayCompleteness]], int]:
    page = store.list_open(connection, after)
    found = []
    for row_id, check, terminal in page:
        zone = ZoneInfo(terminal.timezone)
        if check.checked_until < day_bounds(check.day, zone)[1] or check.missing:
            continue
        counts = store.count_days(connection, check.terminal_id, check.day, check.day, zone)
        day = assess(check.day, check, counts.get(check.day, DayCounts()), zone, now=now, online_since=None)
        if day.is_complete:
            found.append((row_id, check.terminal_id, terminal.sn, day))
    return found, page[-1][0] if len(page) == store.OPEN_PAGE else 0
