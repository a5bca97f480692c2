"""The desk against the simulator's three firmware families: true outcomes, never two commands at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.ingest.frames import make_terminal
from tests.terminals.test_commands import Desk, running_desk
from tm20tui.protocol import (
    AddUser,
    CheckRegStatus,
    CleanLog,
    Command,
    DeleteUser,
    DisableDevice,
    EnableUser,
    GetAllLog,
    GetDevInfo,
    GetDevLock,
    GetHoliday,
    GetTime,
    GetUserInfo,
    GetUserList,
    GetUserName,
    LogPage,
    OpenDoor,
    Reboot,
    SetDevInfo,
    SetDevLock,
    SetUserInfo,
    SetUserLock,
    SetUserName,
    UserInfo,
    UserListPage,
    UserLock,
    UserName,
)
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.command_results import Answer
from tm20tui.terminals.commands import SET_TIME

every_family = pytest.mark.parametrize("family", list(FAMILIES))
COMMANDS = [
    OpenDoor(1),
    SET_TIME,
    GetDevInfo(),
    SetDevInfo(volume=3),
    GetDevLock(),
    SetDevLock(opendelay=4),
    SetUserName((UserName("7", "Ann"),)),
    GetUserName("7"),
    SetUserInfo("7", "Ann", 11, record="5550123"),
    GetUserInfo("7", 11),
    EnableUser("7", enflag=False),
    SetUserLock((UserLock("7", 1),)),
    GetUserList(),
    GetAllLog(),
    DeleteUser("7"),
    CleanLog(),
]


class Simulated(Desk):
    """A desk asking one simulated terminal."""

    device: Terminal
    ledger: Ledger

    async def outcome(self, command: Command) -> Answer:
        return await self.desk.ask_and_wait(self.terminal_id, command, operator="ann", seconds=240)


@asynccontextmanager
async def simulated(
    database: Database, vault: Vault, family: str, *, cloudtime: str = "always", **traits: Any
) -> AsyncIterator[Simulated]:
    ledger = Ledger()
    settings = Traits(**({"seed": 1, "enrol_seconds": float("inf"), "patience_seconds": 10} | traits))
    device = Terminal(1, FAMILIES[family], make_roster(45, 1), traits=settings, ledger=ledger, tally=Tally())
    known = await make_terminal(database, device.sn, firmware=device.family.firmware)
    async with running_desk(database, vault, cloudtime=cloudtime) as desk, trio.open_nursery() as nursery:
        connection = Connection(device, Target.from_url(desk.server.listener.address))
        nursery.start_soon(connection.run)
        with trio.fail_after(30):
            while not device.is_registered:
                await trio.sleep(0.05)
        asking = Simulated(desk.server, desk.desk, known.id)
        asking.device, asking.ledger = device, ledger
        yield asking
        nursery.cancel_scope.cancel()
    assert not ledger.violations


@every_family
async def test_what_a_family_knows_is_confirmed(sqlite_database: Database, vault: Vault, family: str) -> None:
    async with simulated(sqlite_database, vault, family, time_scale=0.02) as desk:
        desk.device.punch(trio.current_time(), 60)
        for command in COMMANDS:
            record, result = await desk.outcome(command)
            assert (record.status, record.reason) == ("confirmed", ""), command.name
            if isinstance(command, GetUserInfo):
                assert isinstance(result, UserInfo)
                assert (result.name, result.record) == ("Ann", "5550123")
            elif isinstance(command, GetUserList):
                assert isinstance(result, UserListPage)
                assert len(result.rows) == 40
            elif isinstance(command, GetAllLog):
                assert isinstance(result, LogPage)
                assert len(result.records) == 50
        assert desk.device.device.doors_opened == 1
        assert "7" not in {str(enrollid) for enrollid in desk.device.device.users.rows}


@every_family
async def test_refusals_have_the_familys_words(sqlite_database: Database, vault: Vault, family: str) -> None:
    async with simulated(sqlite_database, vault, family, time_scale=0.02) as desk:
        record, _ = await desk.outcome(GetUserName("999999"))
        expected = "can not find the user" if family == "AiFace" else "reason 1"
        assert (record.status, record.reason) == ("refused", expected)


@pytest.mark.parametrize(
    ("family", "command", "status"),
    [
        ("TH600", GetTime(), "timed out"),
        ("TH600", GetHoliday(), "timed out"),
        ("TH900", GetTime(), "confirmed"),
        ("TH900", DisableDevice(), "timed out"),
        ("AiFace", GetTime(), "confirmed"),
        ("AiFace", AddUser("900", 0), "confirmed"),
        ("AiFace", CheckRegStatus(), "confirmed"),
    ],
)
async def test_what_a_family_has_not_is_silence(
    sqlite_database: Database, vault: Vault, clock: MockClock, family: str, command: Command, status: str
) -> None:
    async with simulated(sqlite_database, vault, family) as desk:
        record, _ = await desk.outcome(command)
        assert record.status == status
        assert (await desk.outcome(OpenDoor())).record.status == "confirmed"


async def test_aiface_says_what_it_does_not_know(sqlite_database: Database, vault: Vault) -> None:
    async with simulated(sqlite_database, vault, "AiFace", time_scale=0.02) as desk:
        family = desk.device.device.family
        desk.device.device.family = replace(family, commands=family.commands - {"getholiday"})
        first, again = [(await desk.outcome(GetHoliday())).record for _ in range(2)]
        assert (first.status, first.attempts, again.status, again.attempts) == ("refused", 1, "refused", 0)
        assert "does not know getholiday" in first.reason


@every_family
async def test_a_reboot_is_confirmed_by_the_reconnection(
    sqlite_database: Database, vault: Vault, clock: MockClock, family: str
) -> None:
    async with simulated(sqlite_database, vault, family) as desk:
        started = trio.current_time()
        assert (await desk.outcome(Reboot())).record.status == "confirmed"
        assert trio.current_time() - started > 6
        assert (await desk.outcome(OpenDoor())).record.status == "confirmed"


@every_family
async def test_a_disconnection_in_flight(sqlite_database: Database, vault: Vault, family: str) -> None:
    async with simulated(sqlite_database, vault, family, time_scale=0.05) as desk:
        device = desk.device
        for command, status, attempts in ((GetDevInfo(), "confirmed", 2), (CleanLog(), "unknown", 1)):
            device.family = replace(FAMILIES[family], command_seconds=1000.0)
            asked = await desk.ask(command)
            with trio.fail_after(30):
                while not device._replies:
                    await trio.sleep(0.001)
            device.family = FAMILIES[family]
            for session in desk.server.sessions:
                session.end(1001, "cut")
            record = await desk.wait(asked)
            assert (record.status, record.attempts) == (status, attempts)
            with trio.fail_after(30):
                while not device.is_registered:
                    await trio.sleep(0.01)


@every_family
async def test_two_hundred_at_once_go_one_by_one(
    sqlite_database: Database, vault: Vault, family: str
) -> None:
    async with simulated(sqlite_database, vault, family, time_scale=0.02) as desk:
        statuses: list[str] = []

        async def ask_one(number: int) -> None:
            command: Command = OpenDoor() if number % 5 == 0 else GetDevInfo()
            record = await desk.ask(command, expires_seconds=300)
            statuses.append((await desk.wait(record, 120)).status)

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(ask_one, number)
            for _ in range(20):
                desk.device.punch(trio.current_time(), 3)
                await trio.sleep(0.05)
        assert statuses == ["confirmed"] * 200
        assert desk.device.device.doors_opened == 40
        assert desk.device.tally.commands == 200
