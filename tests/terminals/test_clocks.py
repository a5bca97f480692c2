"""Clocks of simulated terminals over real sockets: measured, set, read back, told of."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from trio.testing import MockClock

from tests.ingest.frames import rows
from tests.terminals.test_command_families import Simulated, simulated
from tests.terminals.test_commands import PARIS
from tm20tui.events import EventBus
from tm20tui.ingest.registration import measure_drift
from tm20tui.model import utc_now
from tm20tui.settings.clock_section import ClockSettings
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.clocks import Clocks, _Silence, estimate, is_wrong


@pytest.mark.parametrize(
    ("samples", "drift"),
    [([], None), ([-86_400.0], None), ([-86_400.0, -4.0], -4.0), ([-5.0, 61.0], 61.0)],
)
def test_only_punches_on_time_tell_of_the_clock(samples: list[float], drift: float | None) -> None:
    assert estimate(samples) == drift


@pytest.mark.parametrize(
    ("drift", "has_alarm", "wrong"),
    [(30.0, False, False), (-30.1, False, True), (20.0, True, True), (15.0, True, False)],
)
def test_an_alarm_clears_well_inside_the_limit_only(drift: float, has_alarm: bool, wrong: bool) -> None:
    assert is_wrong(drift, 30, has_alarm=has_alarm) == wrong


@pytest.mark.parametrize(
    ("text", "now", "drift"),
    [
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 0),
        ("2026-10-25 02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 0),
        ("2026-10-25 02:35:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 300),
        ("2026-10-25 02:58:00", datetime(2026, 10, 25, 1, 1, tzinfo=UTC), -180),
        ("2026-10-25 03:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), 3600),
    ],
)
def test_a_right_clock_is_right_in_the_hour_that_comes_twice_too(
    text: str, now: datetime, drift: float
) -> None:
    assert measure_drift(text, "Europe/Paris", now) == drift


@asynccontextmanager
async def watched(
    database: Database, vault: Vault, family: str, now: Callable[[], datetime] = utc_now, **settings: Any
) -> AsyncIterator[tuple[Simulated, Clocks]]:
    """A terminal in Paris whose clock no answer sets."""
    async with simulated(database, vault, family, time_scale=0.02, cloudtime="never") as desk:
        events = EventBus()
        clocks = Clocks(database, desk.desk, desk.server.alarms, events, ClockSettings(**settings), now=now)
        yield desk, clocks


def put_off(desk: Simulated, seconds: float) -> None:
    local = (utc_now() + timedelta(seconds=seconds)).astimezone(PARIS)
    assert desk.device.device.clock.set(f"{local:%Y-%m-%d %H:%M:%S}")


@pytest.mark.parametrize("family", ["TH900", "AiFace"])
async def test_a_wrong_clock_is_set_and_read_back(database: Database, vault: Vault, family: str) -> None:
    async with watched(database, vault, family, correct_seconds=30) as (desk, clocks):
        put_off(desk, 300)
        assert await clocks.look([desk.terminal_id]) == {"set": 1}
        (entry,) = await rows(database, "audit")
        assert (entry["operator"], entry["origin"], entry["outcome"]) == ("server", "server", "done")
        assert entry["reason"].startswith("read back ")
        (terminal,) = [row for row in await rows(database, "terminals") if row["id"] == desk.terminal_id]
        assert abs(terminal["drift_seconds"]) < 30
        assert await clocks.look([desk.terminal_id]) == {"right": 1}
        assert len(await rows(database, "audit")) == 1


async def test_a_clock_is_left_alone_where_that_is_said(sqlite_database: Database, vault: Vault) -> None:
    async with watched(sqlite_database, vault, "TH900", correct_seconds=0) as (desk, clocks):
        put_off(desk, 300)
        assert await clocks.look([desk.terminal_id]) == {"off": 1}
        assert [row["name"] for row in await rows(sqlite_database, "commands")] == ["gettime"]
        (terminal,) = [
            row for row in await rows(sqlite_database, "terminals") if row["id"] == desk.terminal_id
        ]
        assert terminal["drift_seconds"] > 270


async def test_setting_that_does_not_help_is_an_alarm_until_the_clock_is_well(
    sqlite_database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(sqlite_database, vault, "TH900", correct_seconds=30) as (desk, clocks):
        put_off(desk, 300)
        clock = desk.device.device.clock
        monkeypatch.setattr(type(clock), "set", lambda self, text: True)
        assert await clocks.look([desk.terminal_id]) == {"not helped": 1}
        (alarm,) = desk.server.alarms.active()
        assert re.search(r"(2[7-9]\d|300) s fast and was set: read back (2[7-9]\d|300) s off", alarm.sentence)
        # Not set again and again.
        assert await clocks.look([desk.terminal_id]) == {"not helped": 1}
        assert [row["name"] for row in await rows(sqlite_database, "commands")].count("settime") == 1
        monkeypatch.undo()
        put_off(desk, 20)
        await clocks.look([desk.terminal_id])
        assert desk.server.alarms.active() == (alarm,)
        put_off(desk, 10)
        assert await clocks.look([desk.terminal_id]) == {"right": 1}
        assert desk.server.alarms.active() == ()


async def test_firmware_without_gettime_is_judged_by_live_punches(
    sqlite_database: Database, vault: Vault
) -> None:
    async with watched(sqlite_database, vault, "TH600", correct_seconds=30) as (desk, clocks):
        clocks._silences[desk.terminal_id] = silence = _Silence(2, utc_now() + timedelta(hours=1))
        clocks.note_live(desk.terminal_id, 75.0)
        assert await clocks.look([desk.terminal_id]) == {"set": 1}
        assert silence.until is not None
        (entry,) = await rows(sqlite_database, "audit")
        assert entry["reason"] == "confirmed, not read back"


async def test_silence_about_gettime_is_remembered(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with watched(sqlite_database, vault, "TH600") as (desk, clocks):
        for _ in range(3):
            await clocks.look([desk.terminal_id])
        assert [row["status"] for row in await rows(sqlite_database, "commands")] == ["timed out"] * 2
