"""The records that layers hand each other: frozen, each field explained once.

Times end in `_at` (or are `time_utc`) and are aware UTC; durations end in
`_seconds`. Words are those of the README's vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Admission = Literal["pending", "approved", "blocked"]
DirectionPolicy = Literal["terminal", "alternate", "fixed-in", "fixed-out"]
AuthType = Literal["none", "bearer", "api_key", "basic"]
SyncStatus = Literal["pending", "sent", "failed"]

ADMISSIONS: tuple[Admission, ...] = ("pending", "approved", "blocked")
DIRECTION_POLICIES: tuple[DirectionPolicy, ...] = ("terminal", "alternate", "fixed-in", "fixed-out")
AUTH_TYPES: tuple[AuthType, ...] = ("none", "bearer", "api_key", "basic")
SYNC_STATUSES: tuple[SyncStatus, ...] = ("pending", "sent", "failed")

STRANGER_ENROLLID = "99999999"
"""What a terminal reports for a face it does not know."""
DOOR_ENROLLID = "0"
"""What a terminal reports when the record is about the door, not a person."""

HELD_TIME_PROBLEMS = ("unreadable", "too old", "in the future")
"""Times that are delivered only when an operator says so; a skipped hour is only a late clock change."""


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Terminal:
    """An attendance device as the store knows it.

    `sn` is kept as first reported; two serials that differ only in case are one
    terminal. `timezone` is the IANA zone of its site. `capacity` holds the
    counters of its last `reg` (`usersize`, `usedlog`, ...). `drift_seconds` is
    terminal clock minus server clock when last measured, None if never. `deleted_at` None:
    it is not deleted.
    """

    id: int
    sn: str
    name: str
    site_id: int
    site: str
    timezone: str
    admission: Admission
    direction_policy: DirectionPolicy
    model: str
    firmware: str
    fpalgo: str
    mac: str
    capacity: Mapping[str, int]
    first_seen_at: datetime
    last_seen_at: datetime | None
    last_address: str
    drift_seconds: float | None
    drift_at: datetime | None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A third-party HR system, without its secrets.

    `has_auth_token` and `extra_header_names` say that secrets exist, never what
    they are. `terminal_ids` None means every terminal. `health` is one of
    `healthy`, `backing off`, `half-open`, `paused`; `health_reason` is a sentence
    for people, empty when healthy. `users_interval_minutes` None: as `users.sync_minutes`
    says, 0: users are fetched only when asked. `batch_limit` is a smaller batch size learnt
    from a 413, None if none was. `requests_per_minute` None sends as fast as it answers.
    While a signing secret is replaced the old one signs too, until `old_signing_until`
    (None: until an operator drops it).
    """

    id: int
    name: str
    description: str
    base_url: str
    users_endpoint: str
    attendance_endpoint: str
    auth_type: AuthType
    has_auth_token: bool
    auth_header_name: str
    extra_header_names: tuple[str, ...]
    sync_interval_minutes: int
    users_interval_minutes: int | None
    timeout_seconds: float
    retry_attempts: int
    batch_size: int
    is_active: bool
    terminal_ids: tuple[int, ...] | None
    health: str
    health_reason: str
    failures: int
    retry_at: datetime | None
    batch_limit: int | None
    last_attendance_sync_at: datetime | None
    last_users_sync_at: datetime | None
    created_at: datetime
    updated_at: datetime
    requests_per_minute: int | None = None
    has_signing_secret: bool = False
    has_old_signing_secret: bool = False
    old_signing_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServiceSecrets:
    """What authenticates us to one service; never logged, shown or put in a repr.

    `signing_secret` signs what is sent, empty: nothing is signed. `old_signing_secret` does
    too until `old_signing_until`, None without end.
    """

    auth_token: str
    extra_headers: Mapping[str, str]
    signing_secret: str = ""
    old_signing_secret: str = ""
    old_signing_until: datetime | None = None

    def __repr__(self) -> str:
        return "ServiceSecrets(***)"


@dataclass(frozen=True, slots=True)
class AttendanceLog:
    """One punch with what became of its deliveries, as lists show it.

    `sync_status` over all services: failed if any failed, else pending if any is
    owed (or none has been owed yet), else sent. `sync_attempts` is the largest
    count, `sync_error` the latest reason. `time_utc` is None when the terminal's
    text is no time at all; `time_problem` says why a time is not trusted
    (`unreadable`, `too old`, `in the future`, `skipped hour`), None when it is.
    """

    id: int
    terminal_id: int
    terminal_sn: str
    enrollid: str
    user_name: str
    time_raw: str
    time_utc: datetime | None
    timezone: str
    fold: int
    time_problem: str | None
    mode: int
    inout: int
    event: int
    verifymode: int | None
    temperature: float | None
    access_granted: bool
    direction: str | None
    has_photo: bool
    received_at: datetime
    sync_status: SyncStatus
    sync_attempts: int
    synced_at: datetime | None
    next_attempt_at: datetime | None
    sync_error: str
