"""Cause for alarm, as tables: raised past the limit, kept between the two limits, cleared inside."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tm20tui.conditions import KINDS, DiskFacts, Facts, ServiceFacts, TerminalFacts, find
from tm20tui.settings import AlarmsSettings

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LIMITS = AlarmsSettings()
TERMINAL = TerminalFacts(
    id=7,
    label="TM20-7 (Gate)",
    is_approved=True,
    last_heard_at=NOW,
    online_since=None,
    drift_seconds=None,
    used_logs=0,
    log_capacity=100_000,
)
SERVICE = ServiceFacts(
    id=3,
    name="HR",
    is_active=True,
    health="healthy",
    reason="",
    down_since=None,
    oldest_pending_at=None,
    interval_minutes=15,
)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def keys(active: str = "", *, limits: AlarmsSettings = LIMITS, **facts: Any) -> list[str]:
    given = Facts(NOW, started_at=ago(10_000), **facts)
    return [finding.key for finding in find(given, limits, {active} if active else set())]


def of_terminal(active: bool, kind: str, **facts: Any) -> bool:
    key = f"{kind}:7"
    found = keys(key if active else "", terminals=(replace(TERMINAL, **facts),))
    assert found in ([], [key])
    return bool(found)


def of_service(active: bool, kind: str, **facts: Any) -> bool:
    key = f"{kind}:3"
    found = keys(key if active else "", services=(replace(SERVICE, **facts),))
    assert found in ([], [key])
    return bool(found)


@pytest.mark.parametrize(
    ("heard", "online", "raised", "kept"),
    [
        (None, None, False, False),  # never seen: it is not silent, it is not there yet
        (29, None, False, True),  # not online again: it stays
        (31, None, True, True),
        (0, 0.5, False, True),  # online again, but not yet for a minute
        (0, 1, False, False),
    ],
)
def test_silence(heard: float | None, online: float | None, raised: bool, kept: bool) -> None:
    facts = {
        "last_heard_at": None if heard is None else ago(heard),
        "online_since": None if online is None else ago(online),
    }
    assert of_terminal(False, "silent", **facts) is raised
    assert of_terminal(True, "silent", **facts) is kept


def test_silence_counts_from_the_start_of_the_server() -> None:
    terminal = replace(TERMINAL, last_heard_at=ago(5000))
    assert find(Facts(NOW, started_at=ago(5), terminals=(terminal,)), LIMITS, set()) == []
    assert find(Facts(NOW, started_at=ago(31), terminals=(terminal,)), LIMITS, set())


@pytest.mark.parametrize(
    ("drift", "raised", "kept"),
    [(None, False, False), (29, False, False), (30, False, True), (60, False, True), (61, True, True)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_drift(drift: float | None, raised: bool, kept: bool, sign: int) -> None:
    facts = {"drift_seconds": None if drift is None else sign * drift}
    assert of_terminal(False, "drift", **facts) is raised
    assert of_terminal(True, "drift", **facts) is kept


@pytest.mark.parametrize(
    ("used", "raised", "kept"), [(74_999, False, False), (75_000, False, True), (80_000, True, True)]
)
def test_storage(used: int, raised: bool, kept: bool) -> None:
    assert of_terminal(False, "storage", used_logs=used) is raised
    assert of_terminal(True, "storage", used_logs=used) is kept
    assert not of_terminal(False, "storage", used_logs=used, log_capacity=0)


def test_terminals_that_are_not_approved_alarm_nobody() -> None:
    bad = replace(TERMINAL, is_approved=False, last_heard_at=ago(600), drift_seconds=900.0, used_logs=100_000)
    assert keys(terminals=(bad,)) == []
    assert len(keys(terminals=(replace(bad, is_approved=True),))) == 3


@pytest.mark.parametrize(
    ("health", "down", "raised", "kept"),
    [
        ("healthy", None, False, False),
        ("backing off", 14, False, True),
        ("half-open", 16, True, True),
        ("paused", None, False, False),
    ],
)
def test_a_service_that_is_down(health: str, down: float | None, raised: bool, kept: bool) -> None:
    facts = {"health": health, "down_since": None if down is None else ago(down)}
    if health == "paused":
        assert keys(services=(replace(SERVICE, **facts),)) == ["paused:3"]  # type: ignore[arg-type]
        return
    assert of_service(False, "down", **facts) is raised
    assert of_service(True, "down", **facts) is kept


def test_a_paused_service_says_why() -> None:
    facts = Facts(NOW, NOW, services=(replace(SERVICE, health="paused", reason="answered 401"),))
    (finding,) = find(facts, LIMITS, set())
    assert finding.severity == "critical"
    assert finding.sentence == "deliveries to HR are paused: answered 401"


@pytest.mark.parametrize(
    ("oldest", "raised", "kept"),
    [(None, False, False), (37, False, False), (38, False, True), (75, False, True), (76, True, True)],
)
def test_a_queue_may_be_as_old_as_the_interval_and_an_hour(
    oldest: float | None, raised: bool, kept: bool
) -> None:
    facts = {"oldest_pending_at": None if oldest is None else ago(oldest)}
    assert of_service(False, "queue", **facts) is raised
    assert of_service(True, "queue", **facts) is kept


def test_services_that_are_not_active_alarm_nobody() -> None:
    bad = replace(SERVICE, is_active=False, health="paused", oldest_pending_at=ago(9000))
    assert keys(services=(bad,)) == []


@pytest.mark.parametrize(
    ("free", "total", "raised", "kept"),
    [
        (4.9e9, 100e9, True, True),
        (5.1e9, 100e9, False, True),
        (6.1e9, 100e9, False, False),
        (0.49e9, 2e9, True, True),
        (0.55e9, 2e9, False, True),
        (0.7e9, 2e9, False, False),
        (0, 0, False, False),
    ],
)
def test_disk(free: float, total: float, raised: bool, kept: bool) -> None:
    disk = DiskFacts("/var/lib/tm20tui", int(free), int(total))
    assert keys(disk=disk) == (["disk"] if raised else [])
    assert keys("disk", disk=disk) == (["disk"] if kept else [])


@pytest.mark.parametrize(
    ("grown", "raised", "kept"), [(10, False, False), (11, False, True), (21, True, True)]
)
def test_quarantine(grown: int, raised: bool, kept: bool) -> None:
    assert keys(quarantined_in_an_hour=grown) == (["quarantine"] if raised else [])
    assert keys("quarantine", quarantined_in_an_hour=grown) == (["quarantine"] if kept else [])


def test_database() -> None:
    assert keys(store_failure="disk full") == ["database"]
    assert keys("database") == []


def test_every_kind_is_known() -> None:
    terminal = replace(TERMINAL, last_heard_at=ago(600), drift_seconds=900.0, used_logs=100_000)
    down = replace(SERVICE, health="backing off", down_since=ago(99), oldest_pending_at=ago(9000))
    found = keys(
        terminals=(terminal,),
        services=(down, replace(SERVICE, health="paused", doubted=100)),
        disk=DiskFacts("/", 1, 100),
        quarantined_in_an_hour=99,
        store_failure="full",
    )
    assert {key.partition(":")[0] for key in found} == KINDS


def test_the_limits_are_the_operators() -> None:
    limits = AlarmsSettings(drift_seconds=5)
    assert keys(terminals=(replace(TERMINAL, drift_seconds=6.0),), limits=limits) == ["drift:7"]
