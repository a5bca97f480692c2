"""Attendance logs: lists and counts, and letting a held log go out as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.model import AttendanceLog
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store import attendance, deliveries, services, terminals
from tm20tui.store.attendance import AttendanceFilters, AttendancePage, Position, SyncCounts
from tm20tui.store.attendance_rows import PunchDelivery, list_punch_deliveries

if TYPE_CHECKING:
    from sqlalchemy import Connection


__all__ = [
    "LARGEST_PAGE",
    "AttendanceDetail",
    "AttendanceFilters",
    "AttendancePage",
    "Position",
    "PunchDelivery",
    "SyncCounts",
    "SyncStatus",
    "get_attendance",
    "list_attendance",
    "release_attendance",
    "sync_status",
]

LARGEST_PAGE = 500


@dataclass(frozen=True, slots=True)
class AttendanceDetail:
    """One log and each service's share of it."""

    log: AttendanceLog
    deliveries: tuple[PunchDelivery, ...]


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """A page of logs and the counts of all that the service or terminal asked for has."""

    page: AttendancePage
    counts: SyncCounts


@operation("attendance.list", "viewer", writes=False)
async def list_attendance(
    call: Call, filters: AttendanceFilters, after: Position | None = None, limit: int = 100
) -> AttendancePage:
    """A page of logs.

    Raises:
        NotFound: the terminal or service of the filters does not exist.
        InvalidInput: the limit, the period, or a position of another list.
    """
    _check(filters, after, limit)
    return await call.gateway.database.read(_list, filters, after, limit)


@operation("attendance.get", "viewer", writes=False)
async def get_attendance(call: Call, punch_id: int) -> AttendanceDetail:
    """One log; `NotFound` when there is none."""
    return await call.gateway.database.read(_get, punch_id)


@operation("attendance.sync_status", "viewer", writes=False)
async def sync_status(
    call: Call, filters: AttendanceFilters, after: Position | None = None, limit: int = 100
) -> SyncStatus:
    """A page of logs, with counts. Raises as `list_attendance`."""
    _check(filters, after, limit)
    return await call.gateway.database.read(_sync_status, filters, after, limit)


@operation("attendance.release", "operator")
async def release_attendance(call: Call, punch_id: int) -> AttendanceDetail:
    """Deliver a log that is held, with its time as it is, although it may have arrived.

    Raises:
        NotFound
        Conflict: nothing of it is held.
    """
    service_ids, detail = await call.gateway.database.write(_release, punch_id)
    call.gateway.dispatcher.news(service_ids)
    return detail


def _check(filters: AttendanceFilters, after: Position | None, limit: int) -> None:
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit must be from 1 to {LARGEST_PAGE}", field="limit")
    if filters.from_at is not None and filters.to_at is not None and filters.from_at >= filters.to_at:
        raise InvalidInput("from must be earlier than to", field="from")
    if after is not None and filters.is_period != (after.time_utc is not None):
        raise InvalidInput("cursor belongs to a list with other filters", field="cursor")


def _list(
    connection: Connection, filters: AttendanceFilters, after: Position | None, limit: int
) -> AttendancePage:
    if filters.terminal_id is not None:
        terminals.get_terminal(connection, filters.terminal_id, with_deleted=True)
    if filters.service_id is not None:
        try:
            services.get_service(connection, filters.service_id)
        except NotFound as error:
            error.field = "config_id"
            raise
    return attendance.list_attendance(connection, filters, after, limit)


def _sync_status(
    connection: Connection, filters: AttendanceFilters, after: Position | None, limit: int
) -> SyncStatus:
    page = _list(connection, filters, after, limit)
    counts = attendance.count_sync(connection, service_id=filters.service_id, terminal_id=filters.terminal_id)
    return SyncStatus(page, counts)


def _get(connection: Connection, punch_id: int) -> AttendanceDetail:
    log = attendance.get_attendance(connection, punch_id)
    return AttendanceDetail(log, tuple(list_punch_deliveries(connection, punch_id)))


def _release(connection: Connection, punch_id: int) -> tuple[tuple[int, ...], AttendanceDetail]:
    before = attendance.get_attendance(connection, punch_id)
    service_ids = deliveries.release_held(connection, punch_id)
    if not service_ids:
        raise Conflict(f"nothing of attendance log {before.id} is held back")
    return service_ids, _get(connection, punch_id)
