"""Deliveries that were given up on or held: found by filter, tried again or discarded by an operator.

What matches is read first, outside any writing transaction; changes are made in chunks,
so that punches that arrive meanwhile never wait for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)

from tm20tui.store.deliveries import DISCARDED, DOUBTED, read_as_queue, refresh_punches
from tm20tui.store.history import DeliveryFilters, narrow, queue_id
from tm20tui.store.schema import deliveries, services


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether a delivery can be retried or discarded."""

    id: int
    status: str
    is_service_deleted: bool


def find_standings(conn: Connection, ids: Sequence[int]) -> dict[int, Standing]:
    """The standings of those of these deliveries that there are."""
    query = (
        select(deliveries.c.id, deliveries.c.status, services.c.deleted_at.is_not(None))
        .join(services, services.c.id == deliveries.c.service_id)
        .where(deliveries.c.id.in_(ids))
    )
    return {row.id: Standing(*row) for row in conn.execute(query)}


def count_failed(conn: Connection, wanted: DeliveryFilters) -> int:
    """How many failed deliveries a retry of this filter takes: none of deleted services, none discarded."""
    return conn.scalar(_retryable(select(func.count()), wanted)) or 0


def list_failed_ids(conn: Connection, wanted: DeliveryFilters, after_id: int, limit: int) -> list[int]:
    """The next ids of those that `count_failed` counts."""
    query = _retryable(select(deliveries.c.id), wanted).where(queue_id > after_id)
    return list(conn.scalars(query.order_by(queue_id).limit(limit)))


def count_discardable(conn: Connection, wanted: DeliveryFilters) -> int:
    """How many failed or held deliveries a discard of this filter takes: none twice."""
    return sum(
        conn.scalar(_discardable(select(func.count()), wanted, status)) or 0 for status in _words(wanted)
    )


def list_discardable_ids(conn: Connection, wanted: DeliveryFilters, after_id: int, limit: int) -> list[int]:
    """The next ids of those that `count_discardable` counts."""
    found: list[int] = []
    for status in _words(wanted):
        query = _discardable(select(deliveries.c.id), wanted, status).where(queue_id > after_id)
        found += conn.scalars(query.order_by(queue_id).limit(limit))
    return sorted(found)[:limit]


def retry_chunk(conn: Connection, ids: Sequence[int], *, with_discarded: bool = True) -> dict[int, int]:
    """Make failed deliveries pending at once; how many per service. Others, and deleted services', stay.

    Those that were found by a filter may have been discarded since.
    """
    return _changed(conn, _RETRY if with_discarded else _RETRY_FOUND, {"ids": list(ids)})


def count_held_back(conn: Connection, wanted: DeliveryFilters) -> int:
    """How many held deliveries a release of this filter takes."""
    return conn.scalar(narrow(select(func.count()).where(_is("held")), wanted)) or 0


def list_held_ids(conn: Connection, wanted: DeliveryFilters, after_id: int, limit: int) -> list[int]:
    """The next ids of those that `count_held_back` counts."""
    query = narrow(select(deliveries.c.id).where(_is("held")), wanted).where(queue_id > after_id)
    return list(conn.scalars(query.order_by(queue_id).limit(limit)))


def release_chunk(conn: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Let held deliveries go after all; how many per service."""
    return _changed(conn, _RELEASE, {"ids": list(ids)})


def discard_chunk(conn: Connection, ids: Sequence[int], reason: str) -> dict[int, int]:
    """Give failed and held deliveries up: only an operator can retry them then; how many per service.

    That one may have arrived stays with its reason, for services that are owed it later.
    """
    return _changed(conn, _DISCARD, {"ids": list(ids), "reason": reason})


def _changed(conn: Connection, statement: Any, values: dict[str, Any]) -> dict[int, int]:
    read_as_queue(conn)
    rows = conn.execute(statement, values).all()
    refresh_punches(conn, (row.punch_id for row in rows))
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.service_id] = counts.get(row.service_id, 0) + 1
    return counts


def _retryable(query: Select[Any], wanted: DeliveryFilters) -> Select[Any]:
    living = select(services.c.id).where(services.c.deleted_at.is_(None))
    query = query.where(_is("failed"), deliveries.c.service_id.in_(living), _not_discarded())
    return narrow(_of_status(query, wanted), wanted)


def _discardable(query: Select[Any], wanted: DeliveryFilters, status: str) -> Select[Any]:
    return narrow(_of_status(query.where(_is(status), _not_discarded()), wanted), wanted)


def _words(wanted: DeliveryFilters) -> tuple[str, ...]:
    """The statuses that can be discarded and are wanted."""
    return {"held": ("held",), "failed": ("failed",), "dead": ("failed",)}.get(
        wanted.status or "", ("failed", "held")
    )


def _of_status(query: Select[Any], wanted: DeliveryFilters) -> Select[Any]:
    return query.where(deliveries.c.next_attempt_at.is_(None)) if wanted.status == "dead" else query


def _is(status: str) -> ColumnElement[bool]:
    return deliveries.c.status == literal_column(f"'{status}'")


def _not_discarded() -> ColumnElement[bool]:
    # What may still be tried again by itself was not discarded: its reason need not be looked at.
    given_up = deliveries.c.last_error.startswith(DISCARDED, autoescape=True)
    return or_(deliveries.c.next_attempt_at.is_not(None), ~given_up)


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# Rows are found by their ids: `|| ''` keeps the planner off the partial indexes of a status, whose
# statistics are always stale, and which it would walk through once per id.
_RETRIED = (
    "UPDATE deliveries SET status = 'pending', next_attempt_at = NULL "
    "WHERE id IN :ids AND status || '' = 'failed' AND service_id IN "
    "(SELECT s.id FROM services s WHERE s.deleted_at IS NULL) {which}RETURNING punch_id, service_id"
)
_RETRY = text(_RETRIED.format(which="")).bindparams(_IDS)
_RETRY_FOUND = text(
    _RETRIED.format(which=f"AND (next_attempt_at IS NOT NULL OR last_error NOT LIKE '{DISCARDED}%') ")
).bindparams(_IDS)
_RELEASE = text(
    "UPDATE deliveries SET status = 'pending', next_attempt_at = NULL, last_error = '' "
    "WHERE id IN :ids AND status || '' = 'held' RETURNING punch_id, service_id"
).bindparams(_IDS)
_DISCARD = text(
    "UPDATE deliveries SET status = 'failed', next_attempt_at = NULL, last_error = :reason || "
    f"CASE WHEN last_error LIKE '{DOUBTED}%' THEN ' (' || last_error || ')' "
    f"WHEN last_error LIKE '{DISCARDED}%({DOUBTED}%' THEN ' ({DOUBTED}before it was discarded)' ELSE '' END "
    "WHERE id IN :ids AND status || '' IN ('failed', 'held') RETURNING punch_id, service_id"
).bindparams(_IDS)
