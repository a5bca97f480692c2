"""One live session per serial: takeover, replacement, races."""

from __future__ import annotations

import socket as sockets

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.terminals.server import SN, ask, hear, raw_terminal, running_server
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault


async def test_a_connected_serial_cannot_be_taken_over(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as genuine:
        async with server.connect() as impostor:
            answer = await ask(impostor, cmd="reg", sn=SN.lower())
            assert answer["result"] is False
            assert "connected already" in answer["reason"]
            with pytest.raises(ConnectionClosed):
                await hear(impostor)
        assert any(SN.lower() in alarm for alarm in server.alarms.sentences())
        assert (await ask(genuine, cmd="heartbeat"))["ret"] == "heartbeat"
        assert server.state() == "online"


async def test_a_dead_connection_is_replaced_at_once(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server:
        dead = await raw_terminal(server)
        before = trio.current_time()
        async with server.terminal() as newcomer:
            assert trio.current_time() - before < server.settings.takeover_seconds + 1
            assert len(server.roster) == 1
            await trio.sleep(5)
            assert len(server.sessions) == 1
            assert (await ask(newcomer, cmd="heartbeat"))["ret"] == "heartbeat"
            assert server.state() == "online"
        await dead.aclose()


async def test_a_race_of_reconnections_leaves_exactly_one(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server:
        dead = await raw_terminal(server)
        accepted: list[bool] = []

        async def reconnect(hold: trio.Event) -> None:
            async with open_websocket_url(server.listener.address, disconnect_timeout=1) as socket:
                accepted.append((await ask(socket, cmd="reg", sn=SN))["result"])
                await hold.wait()

        hold = trio.Event()
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(reconnect, hold)
            while len(accepted) < 8:
                await trio.sleep(0.1)
            assert accepted.count(True) == 1
            assert len(server.roster) == 1
            assert server.state() == "online"
            hold.set()
        await dead.aclose()


async def test_closing_an_old_session_does_not_unregister_a_newer_one(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server:
        dead = await raw_terminal(server)
        (old,) = server.sessions
        async with server.terminal():
            server.roster.leave(SN, old)
            assert server.state() == "online"
        await dead.aclose()


async def test_a_mute_terminal_is_shown_offline(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault, offline_after_seconds=30, ping_seconds=10) as server:
        mute = await raw_terminal(server)
        assert server.state() == "online"
        await trio.sleep(31)
        assert server.state() == "offline"
        await mute.aclose()


async def test_a_terminal_that_answers_pings_stays_online(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with (
        running_server(sqlite_database, vault, offline_after_seconds=30, ping_seconds=10) as server,
        server.terminal(),
    ):
        await trio.sleep(45)
        assert server.state() == "online"


async def test_a_terminal_that_stops_answering_pings_is_ended(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault, offline_after_seconds=30, ping_seconds=10) as server:
        mute = await raw_terminal(server)
        (session,) = server.sessions
        session.has_ponged = True
        await trio.sleep(40)
        assert server.state() is None
        assert len(server.sessions) == 0
        assert list(server.seen) == [1]
        await mute.aclose()


async def test_a_connection_that_never_registers_is_closed(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with (
        running_server(sqlite_database, vault, first_reg_seconds=20) as server,
        server.connect() as socket,
    ):
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason.code == 1008


async def test_a_ping_while_we_are_closing_harms_nobody(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal("OTHER") as other:
        closing = await raw_terminal(server)
        (session,) = (one for one in server.sessions if one.terminal is not None and one.terminal.sn == SN)
        session.end(1008, "test")
        assert (await closing.receive_some())[:1] == b"\x88"
        await closing.send_all(bytes([0x89, 0x80]) + bytes(4))
        while len(server.sessions) > 1:
            await trio.sleep(0.1)
        await trio.sleep(3)
        assert (await ask(other, cmd="heartbeat"))["ret"] == "heartbeat"
        await closing.aclose()


async def test_a_reset_connection_leaves_the_roster(
    sqlite_database: Database, vault: Vault, clock: MockClock
) -> None:
    async with running_server(sqlite_database, vault) as server:
        stream = await raw_terminal(server)
        stream.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.socket.close()
        while server.roster.find(SN) is not None:
            await trio.sleep(0.1)
