"""Commands when a connection, the server or the database goes away in between."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import WebSocketConnection

from tests.terminals.server import SN, ask, hear
from tests.terminals.test_commands import Desk, expect_no_frame, reply, running_desk
from tm20tui.protocol import (
    CleanLog,
    Command,
    GetDevInfo,
    GetTime,
    GetUserList,
    OpenDoor,
    Reboot,
    SetDevInfo,
)
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

TIME = "2026-06-02 08:00:00"


async def take_down(desk: Desk, socket: WebSocketConnection) -> None:
    """End a connection as a cable does, and wait until the server knows."""
    await trio.aclose_forcefully(socket._stream)
    with trio.fail_after(30):
        while desk.server.state() is not None or desk.desk.statistics().at_work:
            await trio.sleep(0.1)


class TestDisconnection:
    async def test_what_is_harmless_is_asked_again(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked = await desk.ask(SetDevInfo(volume=6))
            async with desk.server.terminal() as socket:
                await hear(socket)
                await take_down(desk, socket)
            waits = await desk.get(asked)
            assert (waits.status, waits.attempts) == ("queued", 1)
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "setdevinfo", "volume": 6}
                await reply(socket, "setdevinfo")
                done = await desk.wait(asked)
                assert (done.status, done.attempts) == ("confirmed", 2)

    async def test_three_times_at_most(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            asked = await desk.ask(GetTime())
            for _ in range(3):
                async with desk.server.terminal() as socket:
                    assert (await hear(socket))["cmd"] == "gettime"
                    await take_down(desk, socket)
            done = await desk.get(asked)
            assert (done.status, done.attempts) == ("unknown", 3)
            async with desk.server.terminal() as socket:
                await expect_no_frame(socket)

    @pytest.mark.parametrize("command", [OpenDoor(), CleanLog(), GetUserList(stn=False)])
    async def test_what_is_not_is_unknown(
        self, sqlite_database: Database, vault: Vault, command: Command
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            asked = await desk.ask(command)
            async with desk.server.terminal() as socket:
                await hear(socket)
                await take_down(desk, socket)
            done = await desk.wait(asked, 0)
            assert (done.status, done.reason) == ("unknown", "disconnected before it answered")
            async with desk.server.terminal() as socket:
                await expect_no_frame(socket)

    async def test_what_was_not_sent_yet_waits_for_the_next_connection(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            async with desk.server.terminal() as socket:
                lost = await desk.ask(CleanLog())
                await hear(socket)
                door = await desk.ask(OpenDoor())
                await take_down(desk, socket)
            assert (await desk.get(lost)).status == "unknown"
            assert (await desk.get(door)).attempts == 0
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "opendoor"}

    async def test_what_was_sent_before_and_expires_is_unknown(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            asked = await desk.ask(GetTime(), expires_seconds=10)
            async with desk.server.terminal() as socket:
                await hear(socket)
                await take_down(desk, socket)
            assert (await desk.wait(asked)).status == "unknown"

    async def test_a_terminal_whose_old_connection_is_dead_is_asked_on_the_new_one(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            asked = await desk.ask(GetTime())
            async with desk.server.terminal() as frozen:
                await hear(frozen)
                (old,) = desk.server.sessions
                old.prove_alive = never_alive  # type: ignore[method-assign]
                async with desk.server.terminal() as socket:
                    assert await hear(socket) == {"cmd": "gettime"}
                    await reply(socket, "gettime", time=TIME)
                    assert (await desk.wait(asked)).attempts == 2
                    await desk.ask(GetDevInfo())
                    assert (await hear(socket))["cmd"] == "getdevinfo"

    async def test_another_serial_on_the_same_connection_is_another_terminal(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(OpenDoor())
            await hear(socket)
            assert (await ask(socket, cmd="reg", sn="OTHER"))["result"] is True
            await reply(socket, "opendoor", sn="OTHER")
            done = await desk.wait(asked)
            assert done.status == "unknown"
            other = await desk.server.stored_terminal("OTHER")
            assert other is not None
            await desk.desk.ask(other.id, GetTime(), operator="ann")
            assert await hear(socket) == {"cmd": "gettime"}


async def never_alive(seconds: float) -> bool:
    return False


class TestReboot:
    async def test_the_reconnection_confirms_it(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked, after = await desk.ask(Reboot(), priority=-1), await desk.ask(GetTime())
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "reboot"}
                assert (await ask(socket, cmd="reg", sn=SN))["result"] is True
                await expect_no_frame(socket)
                assert (await desk.get(asked)).status == "sent"
                await trio.aclose_forcefully(socket._stream)
            async with desk.server.terminal() as socket:
                assert (await desk.wait(asked)).status == "confirmed"
                assert await hear(socket) == {"cmd": "gettime"}
                assert (await desk.get(after)).attempts == 1

    @pytest.mark.parametrize(("goes_down", "reason"), [(True, "not back"), (False, "did not go down")])
    async def test_without_it_the_outcome_is_unknown(
        self,
        sqlite_database: Database,
        vault: Vault,
        clock: MockClock,
        monkeypatch: pytest.MonkeyPatch,
        goes_down: bool,
        reason: str,
    ) -> None:
        for module in ("commands", "command_exchange"):
            monkeypatch.setattr(f"tm20tui.terminals.{module}.REBOOT_SECONDS", 10.0)
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(Reboot())
            await hear(socket)
            if goes_down:
                await trio.aclose_forcefully(socket._stream)
            else:
                await reply(socket, "reboot")
            done = await desk.wait(asked)
            assert done.status == "unknown"
            assert done.reason == f"{reason} within 10 s"

    async def test_a_terminal_that_refuses_it_is_believed(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(Reboot())
            await hear(socket)
            await reply(socket, "reboot", result=False, reason=1, msg="can not find this command")
            assert (await desk.wait(asked)).status == "refused"
            assert (await desk.ask(Reboot())).status == "refused"
