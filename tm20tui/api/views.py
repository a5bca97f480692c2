"""What answers contain: the customer's names and types, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

from tm20tui.model import Admission, AttendanceLog, AuthType, DirectionPolicy, Service, SyncStatus
from tm20tui.operations.attendance import PunchDelivery, SyncCounts
from tm20tui.operations.terminals import TerminalView
from tm20tui.snapshot import TerminalState
from tm20tui.tasks import TaskRecord


def utc_text(value: datetime) -> str:
    """Seconds, UTC, `Z`, as in the customer's document."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Utc = Annotated[datetime, PlainSerializer(utc_text, return_type=str)]


class View(BaseModel):
    """Base of everything that is shown."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ConfigView(View):
    """A third-party config. Secrets are never shown: only that and under which names there are some."""

    id: int
    name: str
    description: str
    base_url: str
    users_endpoint: str
    attendance_endpoint: str
    auth_type: AuthType
    has_auth_token: bool
    auth_header_name: str
    extra_headers: tuple[str, ...]
    sync_interval_minutes: int
    users_interval_minutes: int | None
    timeout_seconds: float
    retry_attempts: int
    batch_size: int
    is_active: bool
    terminal_ids: tuple[int, ...] | None
    health: str
    health_reason: str
    retry_at: Utc | None
    last_attendance_sync: Utc | None
    last_users_sync: Utc | None
    created_at: Utc
    updated_at: Utc
    requests_per_minute: int | None
    has_signing_secret: bool
    has_old_signing_secret: bool
    old_signing_until: Utc | None


class LogView(View):
    """An attendance log. `time` is UTC, or the terminal's own text where that is no time."""

    id: int
    terminal_id: int
    terminal_sn: str
    enrollid: int | str
    user_name: str
    time: str
    time_raw: str
    timezone: str
    time_problem: str | None
    mode: int
    inout: int
    direction: str | None
    event: int
    temperature: float | None
    access_granted: bool
    received_at: Utc
    sync_status: SyncStatus
    sync_attempts: int
    synced_at: Utc | None
    next_attempt_at: Utc | None
    sync_error: str | None


class DeliveryView(View):
    """One config's share of a log; `status` is the fine one (in flight, held, duplicate)."""

    config_id: int
    config_name: str
    status: str
    attempts: int
    next_attempt_at: Utc | None
    synced_at: Utc | None
    error: str | None


class LogDetailView(LogView):
    """An attendance log with each config's share."""

    deliveries: tuple[DeliveryView, ...]


class TerminalOut(View):
    """A terminal; `address` and `connected_at` are of its live connection; `deleted_at` null: it is not."""

    id: int
    sn: str
    name: str
    state: TerminalState | Literal["deleted"]
    admission: Admission
    direction_policy: DirectionPolicy
    site: str
    timezone: str
    model: str
    firmware: str
    mac: str
    capacity: dict[str, int]
    first_seen_at: Utc
    last_seen_at: Utc | None
    address: str
    connected_at: Utc | None
    drift_seconds: float | None
    drift_at: Utc | None
    deleted_at: Utc | None


class TaskView(View):
    """Background work; `result` depends on its kind and is null until it is done.

    `done` of `total` tell how far it is, where it tells; `total` is null when nobody knows.
    """

    id: str
    name: str
    status: str
    started_at: Utc
    finished_at: Utc | None
    done: int
    total: int | None
    result: Any
    error: str | None


class Stats(View):
    """How many logs have which status; `sent` is null where counting would read all history."""

    pending: int
    sent: int | None
    failed: int


class Pagination(View):
    """`next_cursor` goes into `cursor` for the next page; `count` is of this page."""

    limit: int
    count: int
    has_more: bool
    next_cursor: str | None


def show_config(service: Service) -> ConfigView:
    """A service as its clients know it."""
    values = {name: getattr(service, name) for name in ConfigView.model_fields if hasattr(service, name)}
    return ConfigView(
        **values,
        extra_headers=service.extra_header_names,
        last_attendance_sync=service.last_attendance_sync_at,
        last_users_sync=service.last_users_sync_at,
    )


def show_log(log: AttendanceLog) -> LogView:
    """A log as its clients know it."""
    return LogView(**_log_values(log))


def show_log_detail(log: AttendanceLog, deliveries: tuple[PunchDelivery, ...]) -> LogDetailView:
    """A log with each config's share."""
    return LogDetailView(**_log_values(log), deliveries=tuple(map(show_share, deliveries)))


def show_share(share: PunchDelivery) -> DeliveryView:
    """One config's share of a log."""
    return DeliveryView(
        config_id=share.service_id,
        config_name=share.service_name,
        status=share.status,
        attempts=share.attempts,
        next_attempt_at=share.next_attempt_at,
        synced_at=share.synced_at,
        error=share.error or None,
    )


def show_terminal(view: TerminalView) -> TerminalOut:
    """A terminal as its clients know it."""
    terminal, session = view.terminal, view.session
    values = {name: getattr(terminal, name) for name in TerminalOut.model_fields if hasattr(terminal, name)}
    live = {
        "state": view.state,
        "last_seen_at": view.last_seen_at,
        "address": terminal.last_address if session is None else session.address,
        "connected_at": None if session is None else session.connected_at,
        "capacity": dict(terminal.capacity),
    }
    return TerminalOut(**(values | live))


def show_task(task: TaskRecord) -> TaskView:
    """A task as its clients know it."""
    values = {name: getattr(task, name) for name in TaskView.model_fields}
    return TaskView(**(values | {"error": task.error or None}))


def show_stats(counts: SyncCounts) -> Stats:
    """Counts under their names."""
    return Stats(pending=counts.pending, sent=counts.sent, failed=counts.failed)


def _log_values(log: AttendanceLog) -> dict[str, Any]:
    values = {name: getattr(log, name) for name in LogView.model_fields if hasattr(log, name)}
    number = log.enrollid.isascii() and log.enrollid.isdigit()
    return values | {
        "enrollid": int(log.enrollid) if number else log.enrollid,
        "time": log.time_raw if log.time_utc is None else utc_text(log.time_utc),
        "sync_error": log.sync_error or None,
    }
