"""What couriers show and are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import trio


@dataclass(frozen=True, slots=True)
class CourierStatus:
    """One courier as others see it.

    `sent` and `failed` count since this process started; `refused` too, but what the brake
    took back stays counted. `next_round_at` is None when it waits for news or for an
    operator; `last_round_at` when there was none in this process.
    """

    service_id: int
    name: str
    is_active: bool
    health: str
    reason: str
    retry_at: datetime | None
    in_flight_since: datetime | None
    in_flight: int
    next_round_at: datetime | None
    sent: int
    failed: int
    refused: int = 0
    interval_seconds: float = 0
    last_round_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """The retry sweep as others see it; `retried` and `error` are of its last run."""

    interval_seconds: float
    running: bool = False
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    next_run_at: datetime | None = None
    retried: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync by hand did: deliveries sent and failed, how many are left, and why if any are."""

    sent: int
    failed: int
    left: int
    reason: str


@dataclass(slots=True)
class SyncRequest:
    """A sync by hand on its way; `done` is set when its round is over.

    `hastened`: what would have been tried later is due.
    """

    terminal_id: int | None
    hastened: bool = False
    sent: int = 0
    failed: int = 0
    left: int = 0
    reason: str = ""
    done: trio.Event = field(default_factory=trio.Event)
