"""Signals: SIGTERM and SIGINT drain and exit 0 in time, SIGHUP changes nothing."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest
import trio

from tests.process.server import Server, service_draft, serving, until
from tests.process.terminal import dialled
from tm20tui.simulate.hr import Fault, HrService, serve_hr

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def stored(server: Server) -> int:
    with sqlite3.connect(server.folder / "tm20.db") as connection:
        found: int = connection.execute("SELECT count(*) FROM punches").fetchone()[0]
    return found


@BOTH
async def test_connected_terminals_are_hung_up_on_and_the_exit_is_0(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving(tmp_path) as server:
        await server.start()
        async with dialled(server, "TM20-001") as first, dialled(server, "TM20-002") as second:
            assert (await first.punch(1))["result"] is True
            server.signal(number)
            assert await first.close_code() == await second.close_code() == 1001
            assert await server.ended() == 0
        said = server.said()
    assert number.name in said
    assert '"stopped"' in said
    assert "Traceback" not in said
    assert stored(server) == 1


@BOTH
async def test_a_service_that_hangs_does_not_hold_the_end(tmp_path: Path, number: signal.Signals) -> None:
    receiver = HrService(fault=Fault.TIMEOUT)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path, TM20_PROCESS__DRAIN_SECONDS="0.5") as server:
            server.prepare(service_draft("HR", port, timeout_seconds=60.0))
            await server.start()
            async with dialled(server) as terminal:
                await terminal.punch(1)
                await until(lambda: receiver.requests["hang"])
            assert await server.stop(number) == 0
            # The outcome is not known: the next life sends the same bytes again, and learns it.
            receiver.fault = Fault.NONE
            await server.start()
            await until(lambda: receiver.counts["replayed"] == 1)
            assert await server.stop() == 0
        assert (len(receiver.records), receiver.counts["delivered_twice"]) == (1, 0)
        nursery.cancel_scope.cancel()


async def test_a_frame_that_is_being_stored_is_acknowledged_first(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        await server.start()
        async with dialled(server) as terminal:
            with sqlite3.connect(tmp_path / "tm20.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await terminal.send_punch(1)
                await terminal.was_read()
                server.signal(signal.SIGTERM)
                await server.until_logged("finishing what is in flight")
                assert await terminal.hears_nothing(0.2)
                other.execute("ROLLBACK")
            answer = await terminal.answer()
            assert (answer["ret"], answer["result"], answer["logindex"]) == ("sendlog", True, 1)
            assert await terminal.close_code() == 1001
        assert await server.ended() == 0
    assert stored(server) == 1


async def test_a_frame_that_cannot_be_stored_is_not_acknowledged_at_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, TM20_PROCESS__DRAIN_SECONDS="0.2") as server:
        await server.start()
        async with dialled(server) as terminal:
            with sqlite3.connect(tmp_path / "tm20.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await terminal.send_punch(1)
                await terminal.was_read()
                server.signal(signal.SIGTERM)
                # The drain, the grace, and what is left to a thread that hangs.
                assert await server.ended() == 0
            assert await terminal.close_code() in (None, 1001, 1006)
    assert stored(server) == 0


async def test_peers_that_say_and_read_nothing_do_not_hold_the_end(tmp_path: Path) -> None:
    with serving(tmp_path, TM20_PROCESS__DRAIN_SECONDS="60") as server:
        await server.start()
        silent = await trio.open_tcp_stream("127.0.0.1", server.port)
        deaf = await trio.open_tcp_stream("127.0.0.1", server.port)
        await deaf.send_all(HANDSHAKE)
        assert b"101" in await deaf.receive_some()
        assert await server.stop(signal.SIGTERM) == 0
        await silent.aclose()
        await deaf.aclose()
    assert "Traceback" not in server.said()


async def test_sighup_stops_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        await server.start()
        async with dialled(server) as terminal:
            for number in range(3):
                server.signal(signal.SIGHUP)
                await server.until_logged("SIGHUP")
                assert (await terminal.punch(number))["result"] is True
        assert await server.stop() == 0
    assert stored(server) == 3


async def test_a_signal_while_it_starts_ends_it_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.spawn()
        # As early as there is anything of it: the key is the first thing that it makes.
        await until(lambda: (tmp_path / "secret.key").exists())
        assert await server.stop() == 0
        await server.start()
        assert await server.stop() == 0
