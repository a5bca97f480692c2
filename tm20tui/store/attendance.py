"""Reading punches with what became of their deliveries: lists, one log, counts.

Pages are cut by keyset, so that a punch that arrives meanwhile moves nothing:

* all logs, or logs of a person, terminal or service: by id, newest first;
* logs of a period: by their time, newest first, along its index;
* logs of one status: `pending` and `failed` as the queues they are, by id, oldest
  first, along the partial indexes; `sent` by id, newest first.

A page is found by ids alone, then only its rows are joined with names and deliveries.
Status words are literals in the statements: that is what lets both engines use the
partial indexes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from tm20tui.errors import NotFound
from tm20tui.model import SYNC_STATUSES, AttendanceLog, SyncStatus
from tm20tui.store.attendance_rows import DONE, read_logs
from tm20tui.store.deliveries import DeliveryCounts, count_deliveries
from tm20tui.store.punches import get_totals
from tm20tui.store.schema import deliveries, punches, terminals, users

LARGEST_ID = 2**63 - 1

_T = TypeVar("_T")
_QUEUES: tuple[SyncStatus, ...] = ("pending", "failed")
_OWED = ("pending", "in flight", "held")


@dataclass(frozen=True, slots=True)
class AttendanceFilters:
    """Which logs; None does not filter.

    `service_id` keeps what that service is owed or was sent, and makes `status` and
    the delivery fields of the logs speak of that service alone. The period is
    [`from_at`, `to_at`) by the punches' own time; a punch without one is in no period.
    `name` is part of the user's name.
    """

    terminal_id: int | None = None
    terminal_sn: str | None = None
    enrollid: str | None = None
    status: SyncStatus | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    service_id: int | None = None
    name: str | None = None

    @property
    def is_period(self) -> bool:
        """Whether logs are ordered by time."""
        return self.from_at is not None or self.to_at is not None

    @property
    def is_queue(self) -> bool:
        """Whether logs are ordered oldest first."""
        return self.status in ("pending", "failed") and not self.is_period


@dataclass(frozen=True, slots=True)
class Position:
    """The last log of a page: the next one starts behind it. `time_utc` is set in a period."""

    id: int
    time_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttendancePage:
    """Some logs, and where the next page starts; None when this was the last."""

    logs: tuple[AttendanceLog, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """How many logs have which status; `sent` is None where only history could tell."""

    pending: int
    sent: int | None
    failed: int


def list_attendance(
    conn: Connection, filters: AttendanceFilters, after: Position | None, limit: int
) -> AttendancePage:
    """A page of logs in the order that the module's header tells."""
    ids = _page_ids(conn, filters, after, limit + 1)
    logs = read_logs(conn, ids[:limit], filters.service_id)
    following = None
    if len(ids) > limit:
        following = Position(logs[-1].id, logs[-1].time_utc if filters.is_period else None)
    return AttendancePage(tuple(logs), following)


def get_attendance(conn: Connection, punch_id: int) -> AttendanceLog:
    """One log; `NotFound` when there is none."""
    logs = read_logs(conn, [punch_id], None)
    if not logs:
        raise NotFound("attendance log", punch_id)
    return logs[0]


def count_sync(
    conn: Connection, *, service_id: int | None = None, terminal_id: int | None = None
) -> SyncCounts:
    """Counts from the queues and the counters alone, whatever the size of history."""
    if terminal_id is not None:
        of = AttendanceFilters(terminal_id=terminal_id, service_id=service_id)
        return SyncCounts(_count_queue(conn, of, "pending"), None, _count_queue(conn, of, "failed"))
    if service_id is not None:
        counts = count_deliveries(conn).get(service_id, DeliveryCounts())
        owed = counts.pending + counts.in_flight + counts.held
        return SyncCounts(owed, counts.sent, counts.failed)
    everything = AttendanceFilters()
    pending, failed = (_count_queue(conn, everything, word) for word in _QUEUES)
    return SyncCounts(pending, max(0, get_totals(conn).get("punches", 0) - pending - failed), failed)


def _page_ids(
    conn: Connection, filters: AttendanceFilters, after: Position | None, limit: int
) -> Sequence[int]:
    if filters.is_queue and filters.status is not None:
        found: set[int] = set()
        for query in _queues(select(punches.c.id), filters, filters.status):
            query = query.where(punches.c.id > (0 if after is None else after.id))
            found.update(conn.scalars(query.order_by(punches.c.id).limit(limit)))
        return sorted(found)[:limit]
    query = _narrow(select(punches.c.id), filters)
    if filters.status is not None:
        query = query.where(_status_is(filters, filters.status))
    elif filters.service_id is not None:
        query = query.where(_owed_to(filters.service_id))
    if filters.is_period:
        query = _within(query, filters, after).order_by(punches.c.time_utc.desc(), punches.c.id.desc())
    elif filters.status == "sent" and filters.service_id and not _was_sent_any(conn, filters.service_id):
        return []
    else:
        # One user's logs are few: found by the unique key, then sorted. The plus keeps the planner there.
        by_user = filters.enrollid is not None or filters.name is not None
        ident = literal_column("+punches.id", BigInteger) if by_user else punches.c.id
        query = query.where(ident < (LARGEST_ID if after is None else after.id)).order_by(ident.desc())
    return conn.scalars(query.limit(limit)).all()


def _queues(query: Select[_T], filters: AttendanceFilters, status: SyncStatus) -> list[Select[_T]]:
    """One query per partial index that can hold logs of a status; they have none in common."""
    query = _narrow(query, filters)
    if filters.service_id is None:
        return [query.where(_SYNC_STATUS[status])]
    query = query.where(_status_is(filters, status))
    # A punch that one service still waits for counts as failed when another one refused it.
    words = _QUEUES if status == "pending" else ("failed",)
    return [query.where(_SYNC_STATUS[word]) for word in words]


def _count_queue(conn: Connection, filters: AttendanceFilters, status: SyncStatus) -> int:
    filters = replace(filters, status=status)
    count = select(func.count()).select_from(punches)
    return sum(conn.scalar(query) or 0 for query in _queues(count, filters, status))


def _within(query: Select[_T], filters: AttendanceFilters, after: Position | None) -> Select[_T]:
    time_utc = punches.c.time_utc
    query = query.where(time_utc.is_not(None))
    if filters.from_at is not None:
        query = query.where(time_utc >= filters.from_at)
    if filters.to_at is not None:
        query = query.where(time_utc < filters.to_at)
    if after is not None and after.time_utc is not None:
        # The first condition follows from the second; it is what the index can use.
        behind = or_(time_utc < after.time_utc, and_(time_utc == after.time_utc, punches.c.id < after.id))
        query = query.where(time_utc <= after.time_utc, behind)
    return query


def _narrow(query: Select[_T], filters: AttendanceFilters) -> Select[_T]:
    ordered = filters.is_queue or (filters.is_period and filters.enrollid is None)
    # The plus keeps the planner on the index that has the order, away from the terminal's history.
    terminal = literal_column("+punches.terminal_id", BigInteger) if ordered else punches.c.terminal_id
    if filters.terminal_id is not None:
        query = query.where(terminal == filters.terminal_id)
    if filters.terminal_sn is not None:
        known = select(terminals.c.id).where(terminals.c.sn_key == filters.terminal_sn.casefold())
        query = query.where(terminal == known.scalar_subquery())
    if filters.name is not None:
        named = (
            select(terminals.c.id, users.c.enrollid)
            .join(users, users.c.site_id == terminals.c.site_id)
            .where(users.c.name.icontains(filters.name, autoescape=True))
        )
        query = query.where(tuple_(terminal, punches.c.enrollid).in_(named))
    if filters.enrollid is not None:
        query = query.where(punches.c.enrollid == filters.enrollid)
        if not ordered and filters.terminal_id is None and filters.terminal_sn is None:
            # The index that knows people begins with the terminal: one short look per terminal.
            query = query.where(punches.c.terminal_id.in_(select(terminals.c.id)))
    return query


def _status_is(filters: AttendanceFilters, status: SyncStatus) -> ColumnElement[bool]:
    if filters.service_id is None:
        return _SYNC_STATUS[status]
    words = {"pending": _OWED, "sent": DONE, "failed": ("failed",)}[status]
    return _owed_to(filters.service_id, deliveries.c.status.in_(words))


def _owed_to(service_id: int, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = (deliveries.c.punch_id == punches.c.id, deliveries.c.service_id == service_id)
    return exists().where(*mine, *conditions)


def _was_sent_any(conn: Connection, service_id: int) -> bool:
    return get_totals(conn).get(f"sent:{service_id}", 0) > 0


_SYNC_STATUS = {word: punches.c.sync_status == literal_column(f"'{word}'") for word in SYNC_STATUSES}
