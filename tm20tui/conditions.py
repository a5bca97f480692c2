"""When there is cause for alarm: pure functions of what is known at one moment.

An alarm is raised past a limit and cleared only well inside it, so that a value that
swings around a limit does not ring all day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tm20tui.alarms import Severity
from tm20tui.settings import AlarmsSettings

ONLINE_AGAIN = timedelta(minutes=1)
STORAGE_CLEARS_BELOW = 5
"""Percentage points under the limit at which a terminal's storage is fine again."""

KINDS = frozenset(
    {"silent", "drift", "storage", "paused", "down", "queue", "doubted", "disk", "quarantine", "database"}
)
"""The kinds of alarm that are decided here: each is cleared when it is not found any more."""
KINDS_WITHOUT_DATABASE = frozenset({"disk", "database"})
"""Those that can be decided while nothing is known from the database."""


@dataclass(frozen=True, slots=True)
class TerminalFacts:
    """One terminal. `last_heard_at` None: never. `online_since` None: it is not online."""

    id: int
    label: str
    is_approved: bool
    last_heard_at: datetime | None
    online_since: datetime | None
    drift_seconds: float | None
    used_logs: int
    log_capacity: int


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service. `down_since` None: it works, or is paused. `oldest_pending_at` None: nothing waits.

    `doubted`: deliveries of which nobody can tell whether they arrived.
    """

    id: int
    name: str
    is_active: bool
    health: str
    reason: str
    down_since: datetime | None
    oldest_pending_at: datetime | None
    interval_minutes: float
    doubted: int = 0


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The fullest file system the server writes to."""

    path: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at `now`. Silence counts from `started_at` at the earliest: before it nobody listened."""

    now: datetime
    started_at: datetime
    terminals: tuple[TerminalFacts, ...] = ()
    services: tuple[ServiceFacts, ...] = ()
    disk: DiskFacts | None = None
    quarantined_in_an_hour: int = 0
    store_failure: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Cause for the alarm `key`."""

    key: str
    severity: Severity
    sentence: str


def find(facts: Facts, limits: AlarmsSettings, active: Collection[str]) -> list[Finding]:
    """Every alarm there is cause for; `active` are the keys of those that are raised already."""
    found: list[Finding] = []
    for terminal in facts.terminals:
        if terminal.is_approved:
            for check in _OF_TERMINALS:
                found += check(facts, terminal, limits, active)
    for service in facts.services:
        if service.is_active:
            for look in _OF_SERVICES:
                found += look(facts, service, limits, active)
    for judge in _OF_SERVER:
        found += judge(facts, limits, active)
    return found


def _silent(
    facts: Facts, terminal: TerminalFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    heard_at = terminal.last_heard_at
    if heard_at is None:
        return
    key = f"silent:{terminal.id}"
    if key in active:
        silent = terminal.online_since is None or facts.now - terminal.online_since < ONLINE_AGAIN
    else:
        since = max(heard_at, facts.started_at)
        patience = timedelta(minutes=limits.silent_minutes)
        silent = terminal.online_since is None and facts.now - since > patience
    if silent:
        again = "" if terminal.online_since is None else ", is coming back"
        words = f"{terminal.label} was silent for more than {limits.silent_minutes:g} min{again}"
        yield Finding(key, "warning", words)


def _drift(
    facts: Facts, terminal: TerminalFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    drift = terminal.drift_seconds
    key = f"drift:{terminal.id}"
    if drift is None:
        return
    limit = limits.drift_seconds / 2 if key in active else limits.drift_seconds
    if abs(drift) > limit or (key in active and abs(drift) == limit):
        side = "fast" if drift > 0 else "slow"
        yield Finding(key, "warning", f"the clock of {terminal.label} is {abs(drift):.0f} s {side}")


def _storage(
    facts: Facts, terminal: TerminalFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    if terminal.log_capacity <= 0:
        return
    key = f"storage:{terminal.id}"
    percent = 100 * terminal.used_logs / terminal.log_capacity
    limit = limits.storage_percent - (STORAGE_CLEARS_BELOW if key in active else 0)
    if percent >= limit:
        yield Finding(key, "warning", f"the log memory of {terminal.label} is {percent:.0f} % full")


def _paused(
    facts: Facts, service: ServiceFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    if service.health == "paused":
        yield Finding(
            f"paused:{service.id}", "critical", f"deliveries to {service.name} are paused: {service.reason}"
        )


def _down(
    facts: Facts, service: ServiceFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    key = f"down:{service.id}"
    since = service.down_since
    if service.health in ("healthy", "paused") or since is None:
        return
    if key in active or facts.now - since > timedelta(minutes=limits.service_down_minutes):
        yield Finding(key, "critical", f"{service.name} does not work: {service.reason}")


def _queue(
    facts: Facts, service: ServiceFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    oldest = service.oldest_pending_at
    if oldest is None:
        return
    key = f"queue:{service.id}"
    limit = timedelta(minutes=limits.queue_minutes + service.interval_minutes)
    if facts.now - oldest > (limit / 2 if key in active else limit):
        yield Finding(key, "warning", f"punches wait for {service.name} since {oldest:%Y-%m-%d %H:%M} UTC")


def _doubted(
    facts: Facts, service: ServiceFacts, limits: AlarmsSettings, active: Collection[str]
) -> Iterator[Finding]:
    key, name = f"doubted:{service.id}", service.name
    if service.doubted == 1:
        one = f"1 punch may have reached {name} or not: look there, then release or discard it"
        yield Finding(key, "critical", one)
    elif service.doubted:
        words = f"{service.doubted} punches may have reached {name} or not: look there, then release"
        yield Finding(key, "critical", f"{words} or discard them")


def _disk(facts: Facts, limits: AlarmsSettings, active: Collection[str]) -> Iterator[Finding]:
    disk = facts.disk
    if disk is None or not disk.total_bytes:
        return
    percent = 100 * disk.free_bytes / disk.total_bytes
    megabytes = disk.free_bytes / 1_000_000
    slack = 1.2 if "disk" in active else 1.0
    if percent < limits.disk_free_percent * slack or megabytes < limits.disk_free_mb * slack:
        yield Finding("disk", "critical", f"{disk.path} has {percent:.0f} % free, {megabytes:,.0f} MB")


def _quarantine(facts: Facts, limits: AlarmsSettings, active: Collection[str]) -> Iterator[Finding]:
    limit = limits.quarantine_per_hour / (2 if "quarantine" in active else 1)
    if facts.quarantined_in_an_hour > limit:
        words = f"more than {limits.quarantine_per_hour} records were quarantined within an hour"
        yield Finding("quarantine", "warning", words)


def _database(facts: Facts, limits: AlarmsSettings, active: Collection[str]) -> Iterator[Finding]:
    if facts.store_failure:
        yield Finding("database", "critical", unstorable(facts.store_failure))


def unstorable(failure: str) -> str:
    """That punches cannot be stored, and why."""
    return f"punches cannot be stored, terminals keep them: {failure}"


_TerminalCheck = Callable[[Facts, TerminalFacts, AlarmsSettings, Collection[str]], Iterator[Finding]]
_ServiceCheck = Callable[[Facts, ServiceFacts, AlarmsSettings, Collection[str]], Iterator[Finding]]
_OF_TERMINALS: tuple[_TerminalCheck, ...] = (_silent, _drift, _storage)
_OF_SERVICES: tuple[_ServiceCheck, ...] = (_paused, _down, _queue, _doubted)
_OF_SERVER = (_disk, _quarantine, _database)
