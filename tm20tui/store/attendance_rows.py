"""One punch with its names and what became of its deliveries, as lists show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, func, or_, select

from tm20tui.model import AttendanceLog, SyncStatus
from tm20tui.store.schema import deliveries, punches, services, terminals, users

DONE = ("sent", "duplicate")
"""Fine words of a delivery that its service has."""


@dataclass(frozen=True, slots=True)
class PunchDelivery:
    """One service's share of a punch. `status` is the fine one: in flight, held, duplicate too."""

    service_id: int
    service_name: str
    status: str
    attempts: int
    next_attempt_at: datetime | None
    synced_at: datetime | None
    error: str


def read_logs(conn: Connection, ids: Sequence[int], service_id: int | None) -> list[AttendanceLog]:
    """The logs of these punches, in this order; with a service, as that service alone sees them.

    Without one, what deleted services did not get says nothing.
    """
    if not ids:
        return []
    owed = _deliveries(conn, ids, _COUNTS if service_id is None else deliveries.c.service_id == service_id)
    rows = {row["id"]: row for row in conn.execute(_LOGS.where(punches.c.id.in_(ids))).mappings()}
    return [
        _log(rows[ident], owed.get(ident, []), alone=service_id is not None) for ident in ids if ident in rows
    ]


def list_punch_deliveries(conn: Connection, punch_id: int) -> list[PunchDelivery]:
    """What each service got or is owed of a punch, services that were deleted included."""
    return _deliveries(conn, [punch_id]).get(punch_id, [])


def list_deliveries_of(conn: Connection, punch_ids: Sequence[int]) -> dict[int, tuple[PunchDelivery, ...]]:
    """The same of several punches, by punch id; one that nobody is owed is left out."""
    return {ident: tuple(found) for ident, found in _deliveries(conn, punch_ids).items()} if punch_ids else {}


def _deliveries(
    conn: Connection, punch_ids: Sequence[int], *conditions: ColumnElement[bool]
) -> dict[int, list[PunchDelivery]]:
    query = _DELIVERIES.where(deliveries.c.punch_id.in_(punch_ids), *conditions)
    found: dict[int, list[PunchDelivery]] = {}
    for punch_id, *rest in conn.execute(query):
        found.setdefault(punch_id, []).append(PunchDelivery(*rest))
    return found


def _log(row: RowMapping, owed: Sequence[PunchDelivery], *, alone: bool) -> AttendanceLog:
    status: SyncStatus = _overall(owed) if alone else row["sync_status"]
    settled = [item.synced_at for item in owed if item.synced_at is not None]
    return AttendanceLog(
        **{name: row[name] for name in _SAME_NAME},
        has_photo=row["photo_digest"] is not None,
        sync_status=status,
        sync_attempts=max((item.attempts for item in owed), default=0),
        synced_at=max(settled) if status == "sent" and settled else None,
        next_attempt_at=min((at for item in owed if (at := item.next_attempt_at)), default=None),
        sync_error=_error(row["time_problem"], owed),
    )


def _overall(owed: Sequence[PunchDelivery]) -> SyncStatus:
    words = {item.status for item in owed}
    if "failed" in words:
        return "failed"
    return "sent" if words and words.issubset(DONE) else "pending"


def _error(time_problem: str | None, owed: Sequence[PunchDelivery]) -> str:
    for wanted in ("failed", "pending", "in flight"):
        reasons = [item.error for item in owed if item.status == wanted and item.error]
        if reasons:
            return reasons[-1]
    for item in owed:
        if item.status == "held" and item.error:
            return f"held: it {item.error}"
    if any(item.status == "held" for item in owed):
        return f"held: its time is not trusted ({time_problem}); release it to deliver it as it is"
    return ""


# What is owed to a service that does not work waits for the service, and for its reason.
_WAITS = and_(deliveries.c.status.in_(("pending", "in flight")), services.c.health != "healthy")
_DELIVERIES = (
    select(
        deliveries.c.punch_id,
        deliveries.c.service_id,
        services.c.name,
        deliveries.c.status,
        deliveries.c.attempts,
        case((_WAITS, services.c.retry_at), else_=deliveries.c.next_attempt_at),
        deliveries.c.synced_at,
        case(
            (and_(_WAITS, deliveries.c.last_error == ""), services.c.health_reason),
            else_=deliveries.c.last_error,
        ),
    )
    .join(services, services.c.id == deliveries.c.service_id)
    .order_by(deliveries.c.service_id)
)
_COUNTS = or_(deliveries.c.status != "failed", services.c.deleted_at.is_(None))
_LOGS = (
    select(
        punches,
        terminals.c.sn.label("terminal_sn"),
        func.coalesce(func.nullif(users.c.name, ""), punches.c.name).label("user_name"),
    )
    .join(terminals, terminals.c.id == punches.c.terminal_id)
    .outerjoin(users, and_(users.c.site_id == terminals.c.site_id, users.c.enrollid == punches.c.enrollid))
)
_SAME_NAME = [item.name for item in fields(AttendanceLog) if item.name in _LOGS.selected_columns]
_SAME_NAME.remove("sync_status")
