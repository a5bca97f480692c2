"""The desk against scripted terminals on a real listener: what is sent when, and what is written of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import WebSocketConnection

from tests.ingest.frames import make_terminal
from tests.terminals.server import SN, Server, expect_silence, hear, running_server, say
from tm20tui.model import utc_now
from tm20tui.protocol import (
    Command,
    GetAllLog,
    GetDevInfo,
    GetTime,
    GetUserInfo,
    OpenDoor,
)
from tm20tui.store import commands as store
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import CommandDesk

PARIS = ZoneInfo("Europe/Paris")


def virtual_clock() -> Callable[[], datetime]:
    """The server's clock going with trio's, which tests let jump."""
    started, origin = utc_now(), trio.current_time()
    return lambda: started + timedelta(seconds=trio.current_time() - origin)


@dataclass
class Desk:
    """A desk with its server, asking one terminal."""

    server: Server
    desk: CommandDesk
    terminal_id: int

    async def ask(self, command: Command, **options: Any) -> CommandRecord:
        return await self.desk.ask(self.terminal_id, command, **({"operator": "ann"} | options))

    async def wait(self, asked: CommandRecord, seconds: float = 60.0) -> CommandRecord:
        return await self.desk.wait(asked.id, seconds)

    async def get(self, asked: CommandRecord) -> CommandRecord:
        return await self.server.database.read(store.get_command, asked.id)


@asynccontextmanager
async def running_desk(database: Database, vault: Vault, **options: Any) -> AsyncIterator[Desk]:
    """A desk that runs; its terminal `SN` is known, and connects when the test says so."""
    known = await make_terminal(database, SN, firmware="TH600 V9.9")
    async with running_server(database, vault, **options) as server, trio.open_nursery() as nursery:
        desk = CommandDesk(database, vault, now=virtual_clock())
        server.roster.watcher = desk
        nursery.start_soon(desk.run)
        yield Desk(server, desk, known.id)
        nursery.cancel_scope.cancel()


async def reply(socket: WebSocketConnection, name: str, /, **members: Any) -> None:
    await say(socket, **({"ret": name, "sn": SN, "result": True} | members))


class TestOutcome:
    async def test_it_is_on_record_as_sent_before_it_is_sent(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(OpenDoor(2), correlation_id="c-9")
            assert asked.status == "queued"
            assert await hear(socket) == {"cmd": "opendoor", "doornum": 2}
            sent = await desk.get(asked)
            assert (sent.status, sent.attempts) == ("sent", 1)
            await reply(socket, "opendoor")
            done = await desk.wait(asked)
            assert (done.status, done.reason, done.correlation_id) == ("confirmed", "", "c-9")
            assert done == await desk.get(asked)

    async def test_a_refusal_has_the_terminals_reason(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetUserInfo("7"))
            await hear(socket)
            await reply(socket, "getuserinfo", result=False, reason=1, msg="can not find the user")
            done = await desk.wait(asked)
            assert (done.status, done.reason) == ("refused", "can not find the user")

    async def test_a_reply_without_an_outcome_is_unknown(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(OpenDoor())
            await hear(socket)
            await say(socket, ret="opendoor", sn=SN)
            done = await desk.wait(asked)
            assert done.status == "unknown"
            assert "no result" in done.reason

    async def test_silence_is_timed_out_and_a_late_reply_changes_nothing(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetTime())
            await hear(socket)
            sent_at = trio.current_time()
            done = await desk.wait(asked)
            assert (done.status, done.reason) == ("timed out", "no answer within 20 s")
            assert 20 <= trio.current_time() - sent_at < 22
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            await expect_silence(socket)
            assert await desk.get(asked) == done
            assert desk.desk.statistics().strays == 1

    async def test_a_late_reply_is_not_taken_for_that_of_the_next_of_its_name(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            first, second = await desk.ask(GetTime()), await desk.ask(GetTime())
            await hear(socket)
            await desk.wait(first)
            await desk.ask(GetDevInfo())
            assert (await hear(socket))["cmd"] == "getdevinfo"
            await reply(socket, "gettime", time="2001-01-01 00:00:00")
            await reply(socket, "getdevinfo", volume=6)
            assert await hear(socket) == {"cmd": "gettime"}
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert (await desk.wait(second)).result == {"time": "2026-06-02 08:00:00"}

    async def test_replies_to_something_else_are_counted_and_ignored(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            await reply(socket, "opendoor")
            asked = await desk.ask(GetUserInfo("7", 0))
            await hear(socket)
            await reply(socket, "getuserlist", count=0)
            await reply(socket, "getuserinfo", sn="SOMEBODYELSE", enrollid=7, record="x")
            await reply(socket, "getuserinfo", enrollid=8, record="x")
            await expect_silence(socket)
            assert (await desk.get(asked)).status == "sent"
            await reply(socket, "getuserinfo", enrollid=7, name="Ann", backupnum=0, record="aa")
            assert (await desk.wait(asked)).status == "confirmed"
            assert desk.desk.statistics().strays == 4

    async def test_a_name_sent_back_as_cmd_is_a_reply(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetAllLog())
            await hear(socket)
            await say(socket, cmd="getalllog", count=0, record=[])
            assert (await desk.wait(asked)).status == "confirmed"


async def expect_no_frame(socket: WebSocketConnection) -> None:
    """Nothing comes for a while."""
    with trio.move_on_after(0.15):
        pytest.fail(f"unexpected: {await socket.get_message()}")
