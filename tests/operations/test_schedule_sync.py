"""Schedules sent to terminals of the three families: what came of each is told truly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.ingest.frames import make_terminal
from tests.operations.terminals import Site, running_site
from tests.operations.test_schedules import STANDARD
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.model import utc_now
from tm20tui.operations import commands, schedule_sync, schedules
from tm20tui.protocol import SetSchedule
from tm20tui.schedule.outcomes import keep_outcomes
from tm20tui.simulate import commands as simulated
from tm20tui.store.schedules import Schedule


@pytest.fixture(autouse=True)
def _a_firmware_that_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated terminals know `setschedule` once taught."""

    def setschedule(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        if message["weekday"] == 6:
            raise simulated.Refused("closed on sundays")
        device.stored.setdefault("schedules", []).append({**message})
        return {}

    monkeypatch.setitem(simulated._HANDLERS, "setschedule", setschedule)


def give_up_soon(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    """Who is silent about what it does not know is not waited for; who answers is."""
    if family != "AiFace":
        monkeypatch.setattr(SetSchedule, "timeout_seconds", 0.5)


async def add(site: Site, terminal_id: int, *weekdays: int, **fields: Any) -> list[Schedule]:
    return [
        await schedules.add_schedule(site.call(), terminal_id, {**STANDARD, "weekday": day, **fields})
        for day in weekdays
    ]


async def sync(site: Site, terminal_id: int, **how: Any) -> dict[str, Any]:
    task = await schedule_sync.sync_schedules(site.call("operator"), terminal_id, **how)
    result: dict[str, Any] = await site.result(task)
    return result


async def test_zones_go_stale_with_the_dates_of_schedules_and_are_reported(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_soon(monkeypatch, "TH600")
    async with running_site(sqlite_url, tmp_path, ("TH600",)) as site:
        ident = await site.terminal_id("TH600")
        keeper, today = site.gateway.zones, utc_now().date()
        await add(site, ident, 0, 1, effective_until=str(today + timedelta(days=20)))
        ends = str(today + timedelta(days=20))
        await add(site, ident, 2, effective_from=str(today + timedelta(days=5)), effective_until=ends)
        assert (await sync(site, ident, as_zones=True, margin_minutes=15))["zones"]["status"] == "confirmed"
        (kept,) = await schedule_sync.list_zones(site.call("viewer"), terminal_id=ident)
        assert (kept.status, kept.stale, kept.margin_minutes) == ("confirmed", "", 15)
        assert await keeper.look({ident}) == "0 out of date, 0 written anew"
        later = today + timedelta(days=5)
        assert await keeper.look({ident}, on=later) == "1 out of date, 0 written anew"
        (kept,) = await schedule_sync.list_zones(site.call("viewer"))
        assert f"the schedules of {later} say something else" in kept.stale
        (alarm,) = [one for one in site.gateway.alarms.active() if one.key == f"zones:{ident}"]
        assert "access zones of" in alarm.sentence
        # Sent again by hand it is over.
        await sync(site, ident, as_zones=True, margin_minutes=15)
        (kept,) = await schedule_sync.list_zones(site.call("viewer"))
        assert kept.stale == ""
        assert not [one for one in site.gateway.alarms.active() if one.key == f"zones:{ident}"]
        # A day without any schedule cannot be written: it would close every door.
        assert await keeper.look({ident}, on=today + timedelta(days=900)) == "1 out of date, 0 written anew"
        (kept,) = await schedule_sync.list_zones(site.call("viewer"))
        assert "cannot be written as zones" in kept.stale


async def test_zones_that_are_stale_are_written_anew_where_that_is_configured(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up_soon(monkeypatch, "TH600")
    again = {"stale_zones": "resend"}
    async with running_site(sqlite_url, tmp_path, ("TH600",), schedules=again) as site:
        ident = await site.terminal_id("TH600")
        keeper, later = site.gateway.zones, utc_now().date() + timedelta(days=5)
        await add(site, ident, 0)
        await add(site, ident, 2, effective_from=str(later))
        await sync(site, ident, as_zones=True)
        (before,) = await schedule_sync.list_zones(site.call("viewer"))
        assert await keeper.look(set(), on=later) == "1 out of date, 0 written anew"
        assert await keeper.look({ident}, on=later) == "0 out of date, 1 written anew"
        (after,) = await schedule_sync.list_zones(site.call("viewer"))
        assert (after.status, after.stale) == ("confirmed", "")
        # Wednesday is open now, and the terminal read it back.
        assert before.weekzone[0][2] != after.weekzone[0][2]
        assert not [one for one in site.gateway.alarms.active() if one.key == f"zones:{ident}"]


async def states(site: Site, terminal_id: int) -> list[tuple[str, str]]:
    found = await schedules.list_schedules(site.call("viewer"), terminal_id=terminal_id)
    return [(one.sync_status, one.sync_reason) for one in found]


async def test_a_firmware_that_knows_it(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("AiFace",)) as site:
        site.teach("AiFace", "setschedule")
        ident = await site.terminal_id("AiFace")
        monday, sunday = await add(site, ident, 0, 6)
        result = await sync(site, ident)
        assert [(one["schedule_id"], one["status"], one["reason"]) for one in result["schedules"]] == [
            (monday.id, "confirmed", ""),
            (sunday.id, "refused", "closed on sundays"),
        ]
        assert await states(site, ident) == [("confirmed", ""), ("refused", "closed on sundays")]
        (held,) = site.devices["AiFace"].device.stored["schedules"]
        assert held == {
            "cmd": "setschedule",
            "weekday": 0,
            "check_in": "08:00",
            "check_out": "17:00",
            "break_start": "12:00",
            "break_end": "13:00",
            "tolerance": 15,
        }
        await schedules.change_schedule(site.call(), monday.id, {"tolerance_minutes": 5})
        assert (await states(site, ident))[0] == ("pending", "")
        assert len((await sync(site, ident, schedule_id=monday.id))["schedules"]) == 1
        assert (await states(site, ident))[0] == ("confirmed", "")


@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("TH600", "no answer within 0 s: TH600 V9.9 is silent about commands it does not know"),
        ("TH900", "no answer within 0 s: TH900_click V5.0 is silent about commands it does not know"),
        ("AiFace", "does not know setschedule (firmware ai518_fp26v_v2.16): can not find this command"),
    ],
)
async def test_a_firmware_that_does_not(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, reason: str
) -> None:
    give_up_soon(monkeypatch, family)
    async with running_site(sqlite_url, tmp_path, (family,)) as site:
        ident = await site.terminal_id(family)
        await add(site, ident, 0, 1, 2)
        result = await sync(site, ident)
        assert [one["status"] for one in result["schedules"]] == ["not known"] * 3
        assert result["schedules"][0]["reason"].startswith(reason)
        assert result["schedules"][1]["reason"].startswith("not sent, as the one before: ")
        assert [one["command_id"] is None for one in result["schedules"]] == [False, True, True]
        assert {status for status, _ in await states(site, ident)} == {"not known"}


async def test_a_terminal_that_is_away_is_told_when_it_returns(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("AiFace",)) as site:
        site.teach("AiFace", "setschedule")
        ident = await site.terminal_id("AiFace")
        await add(site, ident, 0, 6)
        roster = site.gateway.roster
        find_view, roster.find_view = roster.find_view, lambda _: None  # type: ignore[method-assign]
        held = site.gateway.commands._sessions.pop(ident)
        for _ in range(2):
            result = await sync(site, ident)
            assert [one["status"] for one in result["schedules"]] == ["queued", "queued"]
        assert await states(site, ident) == [("pending", "waits for the terminal")] * 2
        # Asked twice, queued once.
        assert len((await commands.list_commands(site.call(), terminal_id=ident)).commands) == 2
        roster.find_view = find_view  # type: ignore[method-assign]
        site.gateway.commands.session_ready(held)
        with trio.fail_after(30):
            while (now := site.gateway.commands.statistics()).owed or now.at_work:
                await trio.sleep(0.05)
        assert await keep_outcomes(site.gateway.database) == "2 schedules"
        assert await states(site, ident) == [("confirmed", ""), ("refused", "closed on sundays")]
        assert await keep_outcomes(site.gateway.database) == "0 schedules"


@pytest.mark.parametrize("family", ["TH600", "TH900", "AiFace"])
async def test_access_zones_are_written_and_read_back(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    give_up_soon(monkeypatch, family)
    async with running_site(sqlite_url, tmp_path, (family,)) as site:
        ident = await site.terminal_id(family)
        await add(site, ident, 0, 1, 2, 3, 4)
        zones = (await sync(site, ident, as_zones=True, split_breaks=True))["zones"]
        assert zones == {"status": "confirmed", "reason": "", "differences": []}
        lock = site.devices[family].device.lock
        sections = [item["section"] for item in lock["dayzone"][0]["day"]]
        assert sections[:2] == ["08:00~12:00", "13:00~17:00"]
        assert [day["day"] for day in lock["weekzone"][0]["week"]] == [1, 1, 1, 1, 1, 2, 2]


async def test_a_terminal_that_holds_something_else(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(simulated._HANDLERS, "setdevlock", lambda device, message: {})
    async with running_site(sqlite_url, tmp_path, ("AiFace",)) as site:
        ident = await site.terminal_id("AiFace")
        await add(site, ident, 0)
        zones = (await sync(site, ident, as_zones=True))["zones"]
        assert zones["status"] == "different"
        assert any(line.startswith("day zone 1: sent 08:00~17:00") for line in zones["differences"])


async def test_what_cannot_be_sent(sqlite_url: str, tmp_path: Path) -> None:
    async with running_site(sqlite_url, tmp_path, ("AiFace",)) as site:
        call, ident = site.call(), await site.terminal_id("AiFace")
        away = (await make_terminal(site.gateway.database, "AWAY")).id
        with pytest.raises(Conflict, match="none is active"):
            await schedule_sync.sync_schedules(call, ident)
        (retired,) = await add(site, ident, 0, is_active=False)
        with pytest.raises(Conflict, match="it is not active") as caught:
            await schedule_sync.sync_schedules(call, ident, schedule_id=retired.id)
        assert caught.value.field == "schedule_id"
        (later,) = await add(site, ident, 1, effective_from="2199-01-01")
        with pytest.raises(Conflict, match="not in effect on"):
            await schedule_sync.sync_schedules(call, ident, schedule_id=later.id)
        await add(site, ident, 2)
        result = await sync(site, ident)
        assert [one["status"] for one in result["schedules"]] == ["left out", "left out", "not known"]
        with pytest.raises(InvalidInput, match="leave schedule_id out"):
            await schedule_sync.sync_schedules(call, ident, schedule_id=later.id, as_zones=True)
        with pytest.raises(InvalidInput, match="margin_minutes must be from 0 to 240"):
            await schedule_sync.sync_schedules(call, ident, as_zones=True, margin_minutes=241)
        for terminal_id, schedule_id in ((99, None), (ident, 99), (away, later.id)):
            with pytest.raises(NotFound):
                await schedule_sync.sync_schedules(call, terminal_id, schedule_id=schedule_id)
        await add(site, away, 0)
        result = await sync(site, away, as_zones=True)
        assert (result["schedules"][0]["status"], result["zones"]["status"]) == ("queued", "not sent")
