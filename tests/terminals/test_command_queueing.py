"""When a terminal is asked: never before `reg`, never over its own pushes, one at a time, in order."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.ingest.frames import record
from tests.terminals.server import SN, ask, expect_silence, hear, say
from tests.terminals.test_commands import expect_no_frame, reply, running_desk
from tm20tui.errors import Conflict, NotFound, StoreUnavailable
from tm20tui.protocol import (
    GetDevInfo,
    GetTime,
    LockCtrl,
    OpenDoor,
)
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import SET_TIME


class TestWhenToAsk:
    async def test_nothing_is_sent_before_reg_is_accepted(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked = await desk.ask(GetTime())
            async with desk.server.connect() as socket:
                await expect_no_frame(socket)
                await say(socket, cmd="reg", sn=SN)
                assert (await hear(socket))["ret"] == "reg"
                assert (await hear(socket))["cmd"] == "gettime"
                assert (await desk.get(asked)).status == "sent"

    async def test_a_terminal_that_waits_for_approval_is_asked_nothing(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with (
            running_desk(sqlite_database, vault, ingest={"admission": "approve"}) as desk,
            desk.server.connect() as socket,
        ):
            assert (await ask(socket, cmd="reg", sn="NEWCOMER"))["result"] is False
            newcomer = await desk.server.stored_terminal("NEWCOMER")
            assert newcomer is not None
            await desk.desk.ask(newcomer.id, OpenDoor(), operator="ann")
            await expect_no_frame(socket)

    async def test_pushes_between_command_and_reply_are_answered_as_ever(
        self, database: Database, vault: Vault
    ) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetDevInfo())
            assert (await hear(socket))["cmd"] == "getdevinfo"
            for number in range(3):
                answer = await ask(socket, cmd="sendlog", sn=SN, count=1, logindex=number, record=[record()])
                assert (answer["ret"], answer["logindex"]) == ("sendlog", number)
            assert (await ask(socket, cmd="senduser", enrollid=7, name="Ann"))["ret"] == "senduser"
            assert (await ask(socket, cmd="reg", sn=SN))["ret"] == "reg"
            await reply(socket, "getdevinfo", volume=6)
            assert (await desk.wait(asked)).result == {"volume": 6}

    async def test_a_push_that_is_handled_is_acknowledged_first(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            gate = Gate(desk.server.writer)
            object.__setattr__(session._context, "writer", gate)
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await gate.entered.wait()
            asked = await desk.ask(OpenDoor())
            await expect_no_frame(socket)
            assert (await desk.get(asked)).status == "queued"
            gate.opened.set()
            assert (await hear(socket))["ret"] == "sendlog"
            assert (await hear(socket))["cmd"] == "opendoor"

    async def test_a_push_that_could_not_be_acknowledged_holds_commands_back(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            gate = Gate(desk.server.writer, fail=True)
            object.__setattr__(session._context, "writer", gate)
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await gate.entered.wait()
            await desk.ask(OpenDoor())
            await expect_silence(socket)
            await expect_no_frame(socket)
            gate.fail = False
            gate.opened.set()
            again = await ask(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            assert again["ret"] == "sendlog"
            assert (await hear(socket))["cmd"] == "opendoor"

    async def test_a_push_that_is_not_repeated_holds_them_back_for_a_while_only(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            object.__setattr__(session._context, "writer", Gate(desk.server.writer, fail=True))
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await expect_silence(socket)
            door, asked = await desk.ask(OpenDoor()), await desk.ask(GetTime())
            with trio.fail_after(60):
                assert json.loads(await socket.get_message()) == {"cmd": "gettime"}
            assert (await desk.get(door)).status == "expired"
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert (await desk.wait(asked)).status == "confirmed"

    async def test_the_door_goes_before_what_waits(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            await desk.ask(GetDevInfo())
            heard = [(await hear(socket))["cmd"]]
            for command in (GetTime(), SET_TIME, OpenDoor()):
                await desk.ask(command)
            for _ in range(3):
                await reply(socket, heard[-1], time="2026-06-02 08:00:00")
                heard.append((await hear(socket))["cmd"])
            assert heard == ["getdevinfo", "opendoor", "settime", "gettime"]

    async def test_one_is_in_flight_however_many_are_asked_at_once(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            async with trio.open_nursery() as nursery:
                for _ in range(40):
                    nursery.start_soon(desk.ask, GetTime())
                for number in range(40):
                    assert (await hear(socket))["cmd"] == "gettime"
                    if number % 8 == 0:
                        await expect_no_frame(socket)
                    await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert {row["status"] for row in (await desk.server.rows("commands"))[:-1]} == {"confirmed"}


class TestExpiry:
    async def test_a_door_does_not_open_by_surprise_later(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            started = trio.current_time()
            door, lock = await desk.ask(OpenDoor()), await desk.ask(LockCtrl(1))
            stays = await desk.ask(GetTime())
            for asked in (door, lock):
                done = await desk.wait(asked)
                assert (done.status, done.reason) == ("expired", "could not be sent in time")
            assert 15 <= trio.current_time() - started < 17
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "gettime"}
                await reply(socket, "gettime", time="2026-06-02 08:00:00")
                assert (await desk.wait(stays)).status == "confirmed"

    async def test_how_long_it_may_wait_is_the_callers_choice(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            patient = await desk.ask(OpenDoor(), expires_seconds=3600)
            hasty = await desk.ask(GetTime(), expires_seconds=2)
            assert (await desk.wait(hasty)).status == "expired"
            assert (await desk.wait(patient, 20)).status == "queued"
            assert patient.expires_at is not None
            assert patient.expires_at - patient.created_at == timedelta(hours=1)

    async def test_what_is_cancelled_is_not_sent(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked, other = await desk.ask(OpenDoor()), await desk.ask(GetTime())
            assert (await desk.desk.cancel(asked.id)).status == "cancelled"
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "gettime"}
                with pytest.raises(Conflict, match="is sent, not queued"):
                    await desk.desk.cancel(other.id)

    async def test_a_terminal_that_does_not_exist_is_said_so(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            with pytest.raises(NotFound):
                await desk.desk.ask(999, OpenDoor(), operator="ann")
            with pytest.raises(NotFound):
                await desk.desk.wait(999, 1)


class Gate:
    """A writer that holds pushes until opened, or cannot store them; `reg` passes."""

    def __init__(self, real: Any, *, fail: bool = False) -> None:
        self.real = real
        self.fail = fail
        self.entered, self.opened = trio.Event(), trio.Event()

    async def submit(self, frame: Any) -> Any:
        self.entered.set()
        if self.fail:
            raise StoreUnavailable("down")
        await self.opened.wait()
        return await self.real.submit(frame)
