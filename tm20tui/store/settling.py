"""Verdicts reach the rows: attempts, sent and failed deliveries, their punches and counters.

Everything is guarded by the batch being open and the delivery in flight, so that a
verdict that comes after a service was deleted changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, text

from tm20tui.store.batches import Batch, DeliveryRow, close_batch
from tm20tui.store.deliveries import DISCARDED, refresh_punches
from tm20tui.store.schema import Utc, attempts, batches


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a batch, as it is kept: `answer` is a cut excerpt without secrets."""

    started_at: datetime
    duration_seconds: float
    status_code: int | None
    outcome: str
    reason: str = ""
    answer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a verdict makes of one delivery."""

    row: DeliveryRow
    status: Literal["sent", "duplicate", "failed", "pending", "held"]
    reason: str = ""
    next_attempt_at: datetime | None = None


def record_attempt(conn: Connection, batch: Batch, attempt: Attempt) -> None:
    """Remember one try at the batch, whatever came of it."""
    conn.execute(
        insert(attempts),
        {
            "batch_id": batch.id,
            "started_at": attempt.started_at,
            "duration_seconds": attempt.duration_seconds,
            "status_code": attempt.status_code,
            "outcome": attempt.outcome,
            "reason": attempt.reason,
            "answer": attempt.answer,
        },
    )
    conn.execute(_COUNT_ATTEMPT, {"batch": batch.id})


def list_attempt_times(conn: Connection, service_id: int, since: datetime) -> list[datetime]:
    """When requests to the service were begun since a moment."""
    query = (
        select(attempts.c.started_at)
        .join(batches, batches.c.id == attempts.c.batch_id)
        .where(attempts.c.started_at >= since, batches.c.service_id == service_id)
    )
    return list(conn.scalars(query))


def settle_sent(conn: Connection, batch: Batch, now: datetime) -> int:
    """The whole batch was accepted; return how many deliveries that settled."""
    if not close_batch(conn, batch.id, "sent", now):
        return 0
    count = conn.execute(_SEND_ALL, {"batch": batch.id, "now": now}).rowcount
    _after(conn, batch.service_id, batch.rows, count, now)
    return count


def settle_records(conn: Connection, batch: Batch, settlements: Sequence[Settlement], now: datetime) -> int:
    """Each record had a verdict of its own; return how many were sent."""
    if not close_batch(conn, batch.id, "sent", now):
        return 0
    sent = _settle(conn, batch.id, settlements, now)
    _after(conn, batch.service_id, [settlement.row for settlement in settlements], sent, now)
    return sent


def refuse_single(conn: Connection, batch: Batch, settlement: Settlement, now: datetime) -> None:
    """The culprit is alone and was refused: it has failed, with its reason."""
    if close_batch(conn, batch.id, "refused", now):
        _settle(conn, batch.id, [settlement], now)
        refresh_punches(conn, [settlement.row.punch_id])


def hold_records(conn: Connection, batch: Batch, settlements: Sequence[Settlement], now: datetime) -> int:
    """Whether the batch arrived cannot be told: its deliveries wait for an operator; return how many."""
    if not close_batch(conn, batch.id, "refused", now):
        return 0
    _settle(conn, batch.id, settlements, now)
    return len(settlements)


def take_back_refusals(conn: Connection, rows: Sequence[DeliveryRow]) -> int:
    """Make failed deliveries pending again as if never refused: it was the service, not they."""
    if not rows:
        return 0
    count = conn.execute(_TAKE_BACK, {"ids": [row.id for row in rows]}).rowcount
    refresh_punches(conn, (row.punch_id for row in rows))
    return count


def _settle(conn: Connection, batch_id: int, settlements: Sequence[Settlement], now: datetime) -> int:
    sent, unsent = 0, []
    for status in ("sent", "duplicate"):
        ids = [settlement.row.id for settlement in settlements if settlement.status == status]
        if ids:
            values = {"batch": batch_id, "now": now, "status": status, "ids": ids}
            sent += conn.execute(_SEND_SOME, values).rowcount
    for settlement in settlements:
        if settlement.status in ("failed", "pending", "held"):
            values = {
                "batch": batch_id,
                "id": settlement.row.id,
                "status": settlement.status,
                "counted": int(settlement.status == "failed"),
                "reason": settlement.reason,
                "next": settlement.next_attempt_at,
            }
            conn.execute(_KEEP_ONE, values)
            unsent.append(settlement.row.id)
    if unsent:
        conn.execute(_REMEMBER, {"batch": batch_id, "ids": unsent})
    return sent


def _after(conn: Connection, service_id: int, rows: Sequence[DeliveryRow], sent: int, now: datetime) -> None:
    refresh_punches(conn, (row.punch_id for row in rows))
    if not sent:
        return
    values = {"service": service_id, "now": now}
    conn.execute(_SYNCED, values)
    conn.execute(_SYNCED_MAPPINGS, {**values, "terminals": sorted({row.terminal_id for row in rows})})
    conn.execute(_COUNT_SENT, {"name": f"sent:{service_id}", "count": sent})


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_AT = bindparam("now", type_=Utc)
_COUNT_ATTEMPT = text("UPDATE batches SET attempts = attempts + 1 WHERE id = :batch")
_TAKE_BACK = text(
    "UPDATE deliveries SET status = 'pending', attempts = attempts - 1, next_attempt_at = NULL, "
    "last_error = '', batch_id = NULL WHERE id IN :ids AND status = 'failed' "
    f"AND last_error NOT LIKE '{DISCARDED}%'"
).bindparams(_IDS)
_SEND_ALL = text(
    "UPDATE deliveries SET status = 'sent', attempts = attempts + 1, synced_at = :now, "
    "next_attempt_at = NULL, last_error = '' WHERE batch_id = :batch AND status = 'in flight'"
).bindparams(_AT)
_SEND_SOME = text(
    "UPDATE deliveries SET status = :status, attempts = attempts + 1, synced_at = :now, "
    "next_attempt_at = NULL, last_error = '' "
    "WHERE batch_id = :batch AND status = 'in flight' AND id IN :ids"
).bindparams(_AT, _IDS)
_KEEP_ONE = text(
    "UPDATE deliveries SET status = :status, attempts = attempts + :counted, last_error = :reason, "
    "next_attempt_at = :next WHERE id = :id AND batch_id = :batch AND status = 'in flight'"
).bindparams(bindparam("next", type_=Utc))
_REMEMBER = text(
    "INSERT INTO delivery_batches (delivery_id, batch_id) SELECT id, batch_id FROM deliveries "
    "WHERE id IN :ids AND batch_id = :batch ON CONFLICT DO NOTHING"
).bindparams(_IDS)
_SYNCED = text("UPDATE services SET last_attendance_sync_at = :now WHERE id = :service").bindparams(_AT)
_SYNCED_MAPPINGS = text(
    "UPDATE mappings SET last_attendance_sync_at = :now "
    "WHERE service_id = :service AND terminal_id IN :terminals"
).bindparams(_AT, bindparam("terminals", expanding=True))
_COUNT_SENT = text(
    "INSERT INTO totals (name, node, value) VALUES (:name, '', :count) "
    "ON CONFLICT (name, node) DO UPDATE SET value = totals.value + excluded.value"
)
