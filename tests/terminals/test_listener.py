"""The listener against what the network brings: limits, TLS, hostile peers."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, ConnectionRejected, open_websocket_url

from tests.terminals.server import SN, ask, running_server
from tm20tui.errors import AlreadyRunning, ConfigError
from tm20tui.settings import TerminalsSettings
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.listener import Listener
from tm20tui.terminals.wire import Wire


async def nobody(wire: Wire) -> None:
    raise AssertionError(wire.address)


async def test_a_taken_port_is_said_plainly(sqlite_database: Database, vault: Vault) -> None:
    async with running_server(sqlite_database, vault) as server:
        port = int(server.listener.address.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(AlreadyRunning, match=f"port {port} is taken"):
            await Listener(TerminalsSettings(host="127.0.0.1", port=port), nobody).open()


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"terminals\.host"):
        await Listener(TerminalsSettings(host="192.0.2.1", port=0), nobody).open()


async def test_a_frame_over_the_limit_ends_only_its_connection(
    sqlite_database: Database, vault: Vault
) -> None:
    async with (
        running_server(sqlite_database, vault, max_frame_bytes=65536) as server,
        server.terminal() as other,
    ):
        async with server.connect(max_message_size=2**24) as socket:
            await socket.send_message("x" * 100_000)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason.code == 1009
        assert (await ask(other, cmd="heartbeat"))["ret"] == "heartbeat"


async def test_networks_that_are_not_allowed_are_refused(sqlite_database: Database, vault: Vault) -> None:
    async with running_server(sqlite_database, vault, allowed_networks=["10.0.0.0/8"]) as server:
        with pytest.raises(ConnectionRejected) as rejected:
            async with server.connect():
                pass
        assert rejected.value.status_code == 403


async def test_connections_past_the_limit_are_refused(sqlite_database: Database, vault: Vault) -> None:
    async with running_server(sqlite_database, vault, max_connections=1) as server, server.terminal():
        with pytest.raises(ConnectionRejected) as rejected:
            async with server.connect():
                pass
        assert rejected.value.status_code == 503


async def test_compression_is_never_agreed_to(sqlite_database: Database, vault: Vault) -> None:
    offer = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]
    async with (
        running_server(sqlite_database, vault) as server,
        server.connect(extra_headers=offer) as socket,
    ):
        assert socket.handshake_headers is not None
        assert b"sec-websocket-extensions" not in dict(socket.handshake_headers)


async def test_tls_terminals_are_served(sqlite_database: Database, vault: Vault, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    files = {"cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    async with running_server(sqlite_database, vault, **files) as server:
        assert server.listener.address.startswith("wss://")
        async with open_websocket_url(server.listener.address, context, disconnect_timeout=1) as socket:
            assert (await ask(socket, cmd="reg", sn=SN))["result"] is True
        async with await trio.open_tcp_stream(
            "127.0.0.1", int(server.listener.address[:-1].rsplit(":", 1)[1])
        ) as plain:
            await plain.send_all(b"GET / HTTP/1.1\r\n\r\n")
        async with open_websocket_url(server.listener.address, context, disconnect_timeout=1) as socket:
            assert (await ask(socket, cmd="reg", sn="OTHER"))["result"] is True


HOSTILE = [
    b"",
    b"\0" * 5000,
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x83\xff" + b"\xff" * 300,
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\0\0\0\0{}\x81\x05hello\x88\x80\0\0\0\0",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_hostile_bytes_leave_the_others_alone(
    clock: MockClock, sqlite_database: Database, vault: Vault, number: int
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as other:
        host, port = server.listener.address.removeprefix("ws://").rstrip("/").split(":")
        for _ in range(3):
            stream = await trio.open_tcp_stream(host, int(port))
            with trio.move_on_after(2):
                try:
                    await stream.send_all(HOSTILE[number])
                    await stream.send_eof()
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
            await stream.aclose()
        assert (await ask(other, cmd="heartbeat"))["ret"] == "heartbeat"


async def test_a_session_that_crashes_does_not_end_the_server(
    sqlite_database: Database, vault: Vault
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as other:
        async with server.connect() as socket:
            while len(server.sessions) < 2:
                await trio.sleep(0)
            for session in server.sessions:
                if session.terminal is None:
                    session._handle = None  # type: ignore[assignment,method-assign]
            with pytest.raises(ConnectionClosed):
                await ask(socket, cmd="reg", sn="OTHER")
        assert (await ask(other, cmd="heartbeat"))["ret"] == "heartbeat"
