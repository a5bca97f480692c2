"""Deliveries as operators see them, and everything that is known of how one came about.

Lists are found by ids alone along the queues' partial indexes, newest first, then only
those rows are joined with names.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    select,
    text,
)

from tm20tui.errors import NotFound
from tm20tui.store.schema import (
    attempts,
    batches,
    deliveries,
    frames,
    punches,
    quarantine,
    services,
    terminals,
    users,
)

DELIVERY_STATUSES = ("pending", "in flight", "held", "sent", "duplicate", "failed")
_QUEUES = ("pending", "held")

# The plus keeps the planner on the partial index, away from the history that the key would walk through.
queue_id = literal_column("+deliveries.id", BigInteger)


@dataclass(frozen=True, slots=True)
class DeliveryFilters:
    """Which deliveries; None does not filter.

    `status` is one of `DELIVERY_STATUSES`, or `owed` (pending, in flight or held), or
    `dead` (failed, and not tried again by itself). `reason` is part of their reason, the
    period [`from_at`, `to_at`) is of the punches' own time.
    """

    service_id: int | None = None
    terminal_id: int | None = None
    status: str | None = None
    reason: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One punch owed to one service.

    `attempts` counts verdicts about this record, never outages of the service.
    `next_attempt_at` is None when it may go at once, is over, or is never tried again by
    itself. `reason` is the last one, empty without; `time_problem` says why it is held.
    `direction` is `in`, `out` or None when nobody knows.
    """

    id: int
    punch_id: int
    service_id: int
    service_name: str
    terminal_id: int
    terminal_sn: str
    enrollid: str
    user_name: str
    time_raw: str
    time_utc: datetime | None
    timezone: str
    time_problem: str | None
    received_at: datetime
    status: str
    attempts: int
    next_attempt_at: datetime | None
    synced_at: datetime | None
    reason: str
    batch_id: int | None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try at a batch that carried a delivery: together with `record_count` - 1 others.

    `status_code` is None when there was no answer; `answer` is a cut excerpt without
    secrets; `parent_id` is the batch that this one is a part of, None if it is whole.
    """

    batch_id: int
    parent_id: int | None
    key: str
    record_count: int
    batch_status: str
    started_at: datetime
    duration_seconds: float
    status_code: int | None
    outcome: str
    reason: str
    answer: str


@dataclass(frozen=True, slots=True)
class ServiceStanding:
    """What decides when a service gets its next delivery. `deleted_at` is None while it exists."""

    id: int
    name: str
    is_active: bool
    health: str
    health_reason: str
    retry_at: datetime | None
    deleted_at: datetime | None


def list_deliveries(
    conn: Connection, filters: DeliveryFilters, before_id: int | None, limit: int
) -> list[DeliveryView]:
    """Deliveries, newest first, before `before_id`."""
    words: tuple[str | None, ...] = (filters.status,)
    if filters.status == "owed":
        words = ("pending", "in flight", "held")
    ids: set[int] = set()
    for word in words:
        for query in _queries(conn, filters, word):
            if before_id is not None:
                query = query.where(deliveries.c.id < before_id)
            ids.update(conn.scalars(query.limit(limit)))
    return read_deliveries(conn, heapq.nlargest(limit, ids))


def read_deliveries(conn: Connection, ids: Iterable[int]) -> list[DeliveryView]:
    """These deliveries, in this order; those that are gone are left out."""
    wanted = list(ids)
    rows = {row.id: row for row in conn.execute(_VIEWS.where(deliveries.c.id.in_(wanted)))} if wanted else {}
    return [DeliveryView(*rows[ident]) for ident in wanted if ident in rows]


def get_delivery(conn: Connection, delivery_id: int) -> DeliveryView:
    """One delivery; `NotFound` when there is none."""
    found = read_deliveries(conn, [delivery_id])
    if not found:
        raise NotFound("delivery", delivery_id, field="delivery_id")
    return found[0]


def list_deliveries_of(conn: Connection, punch_id: int) -> list[DeliveryView]:
    """A punch's deliveries, by service."""
    query = _VIEWS.where(deliveries.c.punch_id == punch_id).order_by(deliveries.c.service_id)
    return [DeliveryView(*row) for row in conn.execute(query)]


def list_attempts(conn: Connection, delivery_id: int) -> list[AttemptView]:
    """Every try at every batch that carried a delivery, in order of time.

    The batch it is in, those it left unsent, and those that these are parts of.
    """
    ids = list(conn.scalars(_CARRIERS, {"delivery": delivery_id}))
    query = _ATTEMPTS.where(attempts.c.batch_id.in_(ids)).order_by(attempts.c.started_at, attempts.c.id)
    return [AttemptView(*row) for row in conn.execute(query)] if ids else []


def get_service_standing(conn: Connection, service_id: int) -> ServiceStanding:
    """A service as it stands, also one that was deleted."""
    return ServiceStanding(*conn.execute(_STANDING.where(services.c.id == service_id)).one())


def list_frames(conn: Connection, terminal_id: int, received_at: datetime) -> list[str]:
    """What a terminal sent at that very moment, without secrets: by the journal, else the quarantine."""
    journal = select(frames.c.body).where(
        frames.c.terminal_id == terminal_id, frames.c.received_at == received_at
    )
    texts = [zlib.decompress(bytes(body)).decode("utf-8", "replace") for body in conn.scalars(journal)]
    kept = select(quarantine.c.raw).where(
        quarantine.c.terminal_id == terminal_id, quarantine.c.received_at == received_at
    )
    return [found for found in texts if found] or list(conn.scalars(kept))


def narrow(query: Select[Any], filters: DeliveryFilters) -> Select[Any]:
    """A query over `deliveries` with the conditions of the filters; `status` is the caller's."""
    if filters.service_id is not None:
        query = query.where(deliveries.c.service_id == filters.service_id)
    if filters.reason:
        query = query.where(deliveries.c.last_error.icontains(filters.reason, autoescape=True))
    conditions: list[ColumnElement[bool]] = []
    if filters.terminal_id is not None:
        conditions.append(punches.c.terminal_id == filters.terminal_id)
    if filters.from_at is not None:
        conditions.append(punches.c.time_utc >= filters.from_at)
    if filters.to_at is not None:
        conditions.append(punches.c.time_utc < filters.to_at)
    if conditions:
        query = query.where(punches.c.id == deliveries.c.punch_id, *conditions)
    return query


def _queries(conn: Connection, filters: DeliveryFilters, word: str | None) -> list[Select[Any]]:
    """What finds deliveries of one status, each along one index in its order; they have none in common."""
    if word in _QUEUES and filters.service_id is None:
        every = conn.scalars(select(services.c.id).order_by(services.c.id)).all()
        return [_queries(conn, replace(filters, service_id=ident), word)[0] for ident in every]
    query = narrow(select(deliveries.c.id), filters)
    order: ColumnElement[Any] = deliveries.c.id
    if word in ("failed", "dead"):
        query = query.where(deliveries.c.status == literal_column("'failed'"))
        if word == "dead":
            query = query.where(deliveries.c.next_attempt_at.is_(None))
        order = queue_id
    elif word == "in flight":
        still_open = select(batches.c.id).where(batches.c.status == literal_column("'open'"))
        query = query.where(
            deliveries.c.status == literal_column("'in flight'"), deliveries.c.batch_id.in_(still_open)
        )
        order = queue_id
    elif word is not None:
        query = query.where(deliveries.c.status == literal_column(f"'{word}'"))
    return [query.order_by(order.desc())]


_VIEWS: Select[Any] = (
    select(
        deliveries.c.id,
        deliveries.c.punch_id,
        deliveries.c.service_id,
        services.c.name,
        punches.c.terminal_id,
        terminals.c.sn,
        punches.c.enrollid,
        func.coalesce(func.nullif(users.c.name, ""), punches.c.name),
        punches.c.time_raw,
        punches.c.time_utc,
        punches.c.timezone,
        punches.c.time_problem,
        punches.c.received_at,
        deliveries.c.status,
        deliveries.c.attempts,
        deliveries.c.next_attempt_at,
        deliveries.c.synced_at,
        deliveries.c.last_error,
        deliveries.c.batch_id,
        punches.c.direction,
    )
    .join(punches, punches.c.id == deliveries.c.punch_id)
    .join(services, services.c.id == deliveries.c.service_id)
    .join(terminals, terminals.c.id == punches.c.terminal_id)
    .outerjoin(users, and_(users.c.site_id == terminals.c.site_id, users.c.enrollid == punches.c.enrollid))
)
_ATTEMPTS = select(
    attempts.c.batch_id,
    batches.c.parent_id,
    batches.c.key,
    batches.c.record_count,
    batches.c.status,
    attempts.c.started_at,
    attempts.c.duration_seconds,
    attempts.c.status_code,
    attempts.c.outcome,
    attempts.c.reason,
    attempts.c.answer,
).join(batches, batches.c.id == attempts.c.batch_id)
_STANDING = select(
    services.c.id,
    services.c.name,
    services.c.is_active,
    services.c.health,
    services.c.health_reason,
    services.c.retry_at,
    services.c.deleted_at,
)
_CARRIERS = text(
    "WITH RECURSIVE carriers(id) AS ("
    "SELECT d.batch_id FROM deliveries d WHERE d.id = :delivery AND d.batch_id IS NOT NULL "
    "UNION SELECT l.batch_id FROM delivery_batches l WHERE l.delivery_id = :delivery "
    "UNION SELECT b.parent_id FROM batches b JOIN carriers c ON b.id = c.id WHERE b.parent_id IS NOT NULL"
    ") SELECT id FROM carriers"
)
