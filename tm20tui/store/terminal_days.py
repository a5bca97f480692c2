"""Terminals by local day: what each listed, what is stored of it and what of that is delivered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, case, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tm20tui.store.schema import (
    deliveries,
    punches,
    services,
    sites,
    terminal_days,
    terminal_events,
    terminals,
)

_DONE = ("sent", "duplicate")
OPEN_PAGE = 500
"""Days that `list_open` reads at once."""


@dataclass(frozen=True, slots=True)
class DayCheck:
    """What a terminal said of one of its days.

    `reported`: how many records it listed, as it counts; `given`: how many of them it gave. Both
    None when its counters agreed with what is stored, so that no listing was needed. All that it
    held of the day at `checked_until` is here but for `missing`. `complete_at` None: not noticed yet.
    """

    terminal_id: int
    day: date
    reported: int | None
    given: int | None
    checked_until: datetime
    complete_at: datetime | None

    @property
    def missing(self) -> int:
        """Records that it counts and did not give."""
        return max(0, (self.reported or 0) - (self.given or 0))


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What is stored of one day: `events` are door events and strangers, `delivered` and `owed` punches.

    A punch is delivered when every service that was owed it has it, and owed while one has not.
    """

    punches: int = 0
    events: int = 0
    delivered: int = 0
    owed: int = 0


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants [start, end) of a local day."""
    start = datetime.combine(day, time(), zone)
    end = datetime.combine(day + timedelta(days=1), time(), zone)
    return start, end


def note_checked(
    conn: Connection,
    terminal_id: int,
    days: Collection[date],
    checked_until: datetime,
    *,
    reported: Mapping[date, tuple[int, int]] | None = None,
) -> None:
    """Note that days were checked; `reported` has the records listed and given of those that were listed.

    Counters that agree say that nothing is missing, whatever an earlier listing left open.
    """
    upsert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    for day in days:
        listed, given = (reported or {}).get(day, (None, None))
        values: dict[str, Any] = {"reported": listed, "given": given, "checked_until": checked_until}
        missing = listed is not None and given is not None and listed > given
        if missing:
            values["complete_at"] = None
        statement = upsert(terminal_days).values(terminal_id=terminal_id, day=day, **values)
        if listed is None:
            # A listing says more than counters do, as long as it left nothing open.
            keep = terminal_days.c.reported <= terminal_days.c.given
            for name in ("reported", "given"):
                values[name] = case((keep, terminal_days.c[name]), else_=None)
        later = terminal_days.c.checked_until > checked_until
        values["checked_until"] = case((later, terminal_days.c.checked_until), else_=checked_until)
        conn.execute(statement.on_conflict_do_update(index_elements=["terminal_id", "day"], set_=values))


def list_checks(conn: Connection, terminal_id: int, first: date, last: date) -> dict[date, DayCheck]:
    """What a terminal said of its days, both included."""
    query = select(terminal_days).where(
        terminal_days.c.terminal_id == terminal_id,
        terminal_days.c.day >= first,
        terminal_days.c.day <= last,
    )
    return {row.day: _check(row) for row in conn.execute(query)}


class Place(NamedTuple):
    """The terminal of a day: its serial, and its time zone."""

    sn: str
    timezone: str


def list_open(conn: Connection, after: int = 0) -> list[tuple[int, DayCheck, Place]]:
    """A page of the days that were not complete yet, by row id."""
    query = (
        select(terminal_days, terminals.c.sn, sites.c.timezone)
        .join(terminals, terminals.c.id == terminal_days.c.terminal_id)
        .join(sites, sites.c.id == terminals.c.site_id)
        .where(terminal_days.c.complete_at.is_(None), terminal_days.c.id > after)
        .order_by(terminal_days.c.id)
        .limit(OPEN_PAGE)
    )
    return [(row.id, _check(row), Place(row.sn, row.timezone)) for row in conn.execute(query)]


def mark_complete(conn: Connection, row_ids: Sequence[int], now: datetime) -> None:
    """Note that these days were found complete."""
    conn.execute(update(terminal_days).where(terminal_days.c.id.in_(row_ids)).values(complete_at=now))


def count_days(
    conn: Connection, terminal_id: int, first: date, last: date, zone: ZoneInfo
) -> dict[date, DayCounts]:
    """What is stored of each day that has something, both days included."""
    start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    of_period = punches.c.terminal_id == terminal_id, punches.c.time_utc >= start, punches.c.time_utc < end
    day = func.substr(punches.c.time_raw, 1, 10).label("day")
    is_owed = (
        select(literal(1))
        .select_from(deliveries)
        .join(services, services.c.id == deliveries.c.service_id)
        .where(
            deliveries.c.punch_id == punches.c.id,
            deliveries.c.status.not_in(_DONE),
            services.c.deleted_at.is_(None),
        )
        .exists()
    )
    unsent = punches.c.sync_status != "sent"
    of_punches = select(
        day,
        func.count(),
        func.count().filter(punches.c.sync_status == "sent"),
        func.count().filter(unsent, is_owed),
    ).where(*of_period)
    found: dict[str, list[int]] = {}
    for text, count, sent, owed in conn.execute(of_punches.group_by(day)):
        found[text] = [count, 0, sent, owed]
    event_day = func.substr(terminal_events.c.time_raw, 1, 10).label("day")
    of_events = select(event_day, func.count()).where(
        terminal_events.c.terminal_id == terminal_id,
        terminal_events.c.kind.in_(("door", "stranger")),
        terminal_events.c.time_raw >= str(first),
        terminal_events.c.time_raw < str(last + timedelta(days=1)),
    )
    for text, count in conn.execute(of_events.group_by(event_day)):
        found.setdefault(text, [0, 0, 0, 0])[1] = count
    return {date.fromisoformat(text): DayCounts(*counts) for text, counts in found.items()}


def _check(row: Row[Any]) -> DayCheck:
    return DayCheck(
        terminal_id=row.terminal_id,
        day=row.day,
        reported=row.reported,
        given=row.given,
        checked_until=row.checked_until,
        complete_at=row.complete_at,
    )
