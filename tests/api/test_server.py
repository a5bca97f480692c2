"""The HTTP server under clients that are slow, hostile or gone."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import trio

from tests.api.conftest import Running, running_api
from tests.store.factories import add_punches, add_terminal
from tm20tui.api import bodies, connections
from tm20tui.api.server import ApiServer
from tm20tui.errors import AlreadyRunning, StoreUnavailable
from tm20tui.gateway import Gateway
from tm20tui.operations import background
from tm20tui.settings import load

BIG = b"GET /devices/api/attendance/?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /devices/api/terminals/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def everything(stream: trio.SocketStream) -> bytes:
    """All that comes until the other end closes."""
    received = b""
    try:
        async for part in stream:
            received += part
    except trio.BrokenResourceError:
        pass
    return received


async def test_a_client_that_never_reads_cannot_keep_the_server_from_stopping(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", 3600.0)
    async with running_api(sqlite_url, tmp_path) as api:
        terminal = await api.gateway.database.write(add_terminal, "TM20-001")
        await api.gateway.database.write(add_punches, terminal, 500)
        clients = [await trio.open_tcp_stream("127.0.0.1", api.port) for _ in range(3)]
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                for client in clients:
                    nursery.start_soon(client.send_all, BIG * 200)
        # Those sends are stuck by now, and others are served meanwhile.
        assert (await api.client.get("/healthz")).status_code == 200
        stopping_at = trio.current_time()
    assert trio.current_time() - stopping_at < 30
    for client in clients:
        await client.aclose()


async def test_a_client_that_does_not_read_loses_its_connection_in_the_end(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SEND_SECONDS", 0.05)
    async with running_api(sqlite_url, tmp_path) as api:
        terminal = await api.gateway.database.write(add_terminal, "TM20-001")
        await api.gateway.database.write(add_punches, terminal, 500)
        client = await trio.open_tcp_stream("127.0.0.1", api.port)
        await client.send_all(BIG * 20)
        with trio.fail_after(30), pytest.raises(trio.BrokenResourceError):
            await client.send_all(BIG * 100_000)


async def test_an_answer_in_flight_is_finished_when_the_server_stops(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = trio.Event()
    real = background.check_readiness

    async def slow(gateway: Gateway) -> object:
        asked.set()
        await trio.sleep(0.2)
        return await real(gateway)

    monkeypatch.setattr(connections, "GRACE_SECONDS", 30.0)
    monkeypatch.setattr(background, "check_readiness", slow)
    answers: list[int] = []
    async with running_api(sqlite_url, tmp_path) as api:

        async def ask() -> None:
            async with httpx.AsyncClient(base_url=api.server.address, trust_env=False, timeout=30) as client:
                answers.append((await client.get("/readyz")).status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await asked.wait()
            api.gateway.stop()
    assert answers in ([200], [503])


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        (UPGRADE, b"HTTP/1.1 403"),
        (UPGRADE + b"\x81\x85\x00\x00\x00\x00hello", b"HTTP/1.1 403"),
        (UPGRADE + b"junk" * 100, b"HTTP/1.1 403"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 431"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"HTTP/1.1 4"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 4"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, b"HTTP/1.1 400"),
        (b"\x00" * 1000, b"HTTP/1.1 400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100, b""),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nHTTP2-Settings: %%\r\n\r\n", b""),
    ],
)
async def test_a_hostile_packet_costs_its_own_connection_only(
    api: Running, packet: bytes, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await trio.open_tcp_stream("127.0.0.1", api.port)
    with trio.fail_after(30):
        try:
            await client.send_all(packet)
            await client.send_eof()
        except trio.BrokenResourceError:
            pass
        received = await everything(client)
    assert received.startswith(answer), received[:200]
    assert (await api.client.get("/healthz")).status_code == 200


async def test_heads_and_bodies_that_never_end_are_given_up(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.2)
    async with running_api(sqlite_url, tmp_path) as api:
        body = await trio.open_tcp_stream("127.0.0.1", api.port)
        await body.send_all(
            b"POST /devices/api/attendance/manual-sync/ HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 99\r\n\r\n{"
        )
        with trio.fail_after(30):
            assert (await everything(body)).startswith(b"HTTP/1.1 408")
    monkeypatch.setattr(connections, "KEEP_ALIVE_SECONDS", 0.2)
    async with running_api(sqlite_url, tmp_path) as api:
        head = await trio.open_tcp_stream("127.0.0.1", api.port)
        await head.send_all(b"GET /healthz HTTP/1.1\r\nHost: loc")
        with trio.fail_after(30):
            assert await everything(head) == b""


async def test_clients_that_leave_take_nothing_with_them(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 4)
    post = b"POST /devices/api/third-party-configs/ HTTP/1.1\r\n"
    body = post + b"Host: localhost\r\nContent-Length: 9\r\n\r\n{"
    async with running_api(sqlite_url, tmp_path) as api:
        terminal = await api.gateway.database.write(add_terminal, "TM20-001")
        await api.gateway.database.write(add_punches, terminal, 200)
        for packet in (BIG, BIG * 200, BIG[:20], post, body, b""):
            client = await trio.open_tcp_stream("127.0.0.1", api.port)
            await client.send_all(packet)
            await client.aclose()
            # Were one of them still held, the fourth would find no room.
            await healthy(api)


async def healthy(api: Running) -> None:
    """Return once the API answers on a new connection."""
    with trio.fail_after(30):
        while True:
            async with httpx.AsyncClient(base_url=api.server.address, trust_env=False, timeout=30) as client:
                try:
                    answer = await client.get("/healthz")
                except httpx.TransportError:
                    await trio.sleep(0.01)
                else:
                    assert answer.status_code == 200
                    return


async def test_too_many_connections_are_refused_and_room_is_made_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    async with running_api(sqlite_url, tmp_path) as api:
        held = [await trio.open_tcp_stream("127.0.0.1", api.port) for _ in range(2)]
        refused = await trio.open_tcp_stream("127.0.0.1", api.port)
        with trio.fail_after(30):
            assert await everything(refused) == b""
        for client in held:
            await client.aclose()
        await healthy(api)


async def test_one_address_leaves_room_for_others(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "MAX_OF_THIS_MACHINE", 2)
    async with running_api(sqlite_url, tmp_path) as api:

        async def dial() -> trio.SocketStream:
            return await trio.open_tcp_stream("127.0.0.1", api.port, local_address="127.0.0.2")

        held = [await dial() for _ in range(2)]
        for _ in range(3):
            with trio.fail_after(30):
                assert await everything(await dial()) == b""
        assert caplog.text.count("an HTTP connection of 127.0.0.2 was refused") == 1
        await healthy(api)
        await held[0].aclose()
        with trio.fail_after(30):
            while True:
                client = await dial()
                with contextlib.suppress(trio.BrokenResourceError):
                    await client.send_all(
                        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                    )
                if b"200" in await everything(client):
                    break
        await held[1].aclose()


async def test_of_many_addresses_that_are_refused_little_is_said_and_nothing_kept(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 1)
    async with running_api(sqlite_url, tmp_path) as api:

        async def dial(last: int) -> trio.SocketStream:
            return await trio.open_tcp_stream("127.0.0.1", api.port, local_address=f"127.0.0.{last}")

        for times in (1, 2):
            with trio.fail_after(30):
                while True:  # the one that was held before may not be counted out yet
                    held = await dial(2)
                    await held.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    with contextlib.suppress(trio.BrokenResourceError):
                        if b"200" in await held.receive_some(65536):
                            break
            caplog.clear()
            for last in (3, 4, 3):
                with trio.fail_after(30):
                    assert await everything(await dial(last)) == b""
            assert caplog.text.count("was refused") == 1, times
            await held.aclose()


async def test_a_fault_of_an_endpoint_is_logged_and_tells_nothing(
    api: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "check_readiness", _raising(RuntimeError("inner words")))
    with caplog.at_level(logging.ERROR), trio.fail_after(30):
        answer = await api.client.get("/readyz")
        while not caplog.records:
            await trio.sleep(0.01)
    assert answer.status_code == 500
    assert answer.json()["success"] is False
    assert "inner words" not in answer.text
    assert [record.getMessage() for record in caplog.records] == ["GET /readyz crashed"]
    assert "inner words" in caplog.text
    monkeypatch.setattr(background, "check_readiness", _raising(StoreUnavailable("disk full")))
    answer = await api.client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "disk full")


async def test_a_crash_of_the_http_server_restarts_it_on_the_same_port(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = connections.serve_connections
    crashes = [True]

    async def crashing(app: object, listening: object, stop: trio.Event) -> None:
        if crashes:
            crashes.pop()
            raise RuntimeError("a fault of the server's own")
        await real(app, listening, stop)  # type: ignore[arg-type]

    monkeypatch.setattr("tm20tui.api.connections.serve_connections", crashing)
    monkeypatch.setattr("tm20tui.api.server._PAUSE_SECONDS", 0.01)
    async with running_api(sqlite_url, tmp_path) as api:
        assert (await api.client.get("/healthz")).status_code == 200
    assert "starting it again" in caplog.text


async def test_a_port_that_is_taken_is_said(api: Running, tmp_path: Path) -> None:
    settings = load(None, {"state_directory": str(tmp_path), "api": {"port": api.port}})
    with pytest.raises(AlreadyRunning, match=r"api\.port"):
        await ApiServer(settings).open(api.gateway)


def _raising(error: Exception) -> Callable[[Gateway], Awaitable[object]]:
    async def fail(gateway: Gateway) -> object:
        raise error

    return fail
