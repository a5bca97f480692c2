"""Punches of the past that an operator wants a service to have: counted, then owed in short steps.

Never twice: what the service is owed or got is left out, and what its address got through
another config too; so is what was delivered so long ago that nobody knows to whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Boolean, Connection, bindparam, text

from tm20tui.model import HELD_TIME_PROBLEMS
from tm20tui.store.deliveries import (
    DOUBTED,
    IS_DOUBTED,
    REPEATED,
    find_seen_until,
    lock_punches,
    refresh_punches,
)
from tm20tui.store.schema import Utc

Position = tuple[datetime, int]
"""A punch's time and id."""


@dataclass(frozen=True, slots=True)
class BackfillCounts:
    """What a back-fill finds among the punches of a period.

    `owed` would be owed anew. `known` are owed or delivered to the service already,
    `elsewhere` were delivered to its address through another config, `forgotten` were
    delivered so long ago that it is not kept to whom.
    """

    owed: int
    known: int
    elsewhere: int
    forgotten: int


@dataclass(frozen=True, slots=True)
class Period:
    """Which punches: of a service's terminals, or of one, with a time in [`from_at`, `to_at`)."""

    service_id: int
    from_at: datetime
    to_at: datetime
    terminal_id: int | None = None


def count_backfill(conn: Connection, period: Period) -> BackfillCounts:
    """Count; reads every punch of the period."""
    row = conn.execute(_COUNT, _values(period)).one()
    return BackfillCounts(*(value or 0 for value in row))


def list_backfill(conn: Connection, period: Period, after: Position | None, limit: int) -> list[Position]:
    """The next punches that would be owed, in order of time."""
    at, ident = after or (period.from_at, 0)
    values = {**_values(period), "from": at, "after": at, "id": ident, "limit": limit}
    return [(row.time_utc, row.id) for row in conn.execute(_LIST, values)]


def owe_punches(conn: Connection, period: Period, punch_ids: Sequence[int], *, hold: bool) -> int:
    """Owe those punches to the service, in order of time; return how many it was not owed before.

    What may have been delivered to its address through another config, or before a backup was
    restored, waits for an operator and, with `hold`, what has no trustworthy time.
    """
    lock_punches(conn, sorted(punch_ids))
    values = {**_values(period), "ids": list(punch_ids), "hold": hold, "seen": find_seen_until(conn)}
    owed = list(conn.scalars(_OWE, values))
    refresh_punches(conn, owed)
    return len(owed)


def _values(period: Period) -> dict[str, Any]:
    return {
        "service": period.service_id,
        "from": period.from_at,
        "to": period.to_at,
        "terminal": period.terminal_id,
    }


_TYPES: tuple[BindParameter[Any], ...] = (
    bindparam("service", type_=BigInteger),
    bindparam("terminal", type_=BigInteger),
    bindparam("from", type_=Utc),
    bindparam("to", type_=Utc),
)
_SERVED = (
    "p.time_utc >= :from AND p.time_utc < :to "
    "AND (CAST(:terminal AS BIGINT) IS NULL OR p.terminal_id = CAST(:terminal AS BIGINT)) "
    "AND (EXISTS (SELECT 1 FROM services s WHERE s.id = :service AND s.serves_all_terminals) "
    "OR p.terminal_id IN (SELECT m.terminal_id FROM mappings m WHERE m.service_id = :service))"
)
_KNOWN = "EXISTS (SELECT 1 FROM deliveries d WHERE d.punch_id = p.id AND d.service_id = :service)"
_ELSEWHERE = (
    "EXISTS (SELECT 1 FROM deliveries d JOIN services o ON o.id = d.service_id "
    "JOIN services s ON s.id = :service AND s.base_url = o.base_url "
    "AND s.attendance_endpoint = o.attendance_endpoint "
    "WHERE d.punch_id = p.id AND d.status || '' IN ('sent', 'duplicate', 'in flight'))"
)
_FORGOTTEN = (
    "(p.sync_status || '' = 'sent' AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.punch_id = p.id))"
)
_WANTED = f"{_SERVED} AND NOT {_KNOWN} AND NOT {_ELSEWHERE} AND NOT {_FORGOTTEN}"
_COUNT = text(
    "SELECT SUM(CASE WHEN found = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN found = 1 THEN 1 ELSE 0 END), "
    "SUM(CASE WHEN found = 2 THEN 1 ELSE 0 END), SUM(CASE WHEN found = 3 THEN 1 ELSE 0 END) FROM ("
    f"SELECT CASE WHEN {_KNOWN} THEN 1 WHEN {_ELSEWHERE} THEN 2 WHEN {_FORGOTTEN} THEN 3 ELSE 0 END AS found "
    f"FROM punches p WHERE {_SERVED}) AS looked"
).bindparams(*_TYPES)
_LIST = (
    text(
        f"SELECT p.time_utc, p.id FROM punches p WHERE {_WANTED} AND (p.time_utc, p.id) > (:after, :id) "
        "ORDER BY p.time_utc, p.id LIMIT :limit"
    )
    .bindparams(*_TYPES, bindparam("after", type_=Utc))
    .columns(time_utc=Utc)
)
_HELD = ", ".join(f"'{problem}'" for problem in HELD_TIME_PROBLEMS)
_DOUBT = (
    f"CASE WHEN p.time_utc <= :seen THEN '{REPEATED}' "
    "WHEN EXISTS (SELECT 1 FROM deliveries o JOIN services other ON other.id = o.service_id "
    "JOIN services s ON s.id = :service AND s.base_url = other.base_url "
    "AND s.attendance_endpoint = other.attendance_endpoint "
    f"WHERE o.punch_id = p.id AND o.status || '' IN ('failed', 'held') AND {IS_DOUBTED}) "
    f"THEN '{DOUBTED}through another config' ELSE '' END"
)
_OWE = text(
    "INSERT INTO deliveries (punch_id, service_id, status, last_error) "
    f"SELECT p.id, :service, CASE WHEN :hold AND p.time_problem IN ({_HELD}) THEN 'held' "
    f"WHEN {_DOUBT} <> '' THEN 'held' ELSE 'pending' END, {_DOUBT} "
    f"FROM punches p WHERE p.id IN :ids AND {_WANTED} ORDER BY p.time_utc, p.id "
    "ON CONFLICT DO NOTHING RETURNING punch_id"
).bindparams(
    *_TYPES, bindparam("hold", type_=Boolean), bindparam("seen", type_=Utc), bindparam("ids", expanding=True)
)
