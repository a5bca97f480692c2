"""A real listener with real sessions, ingest and store, and the client side of a terminal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from tests.ingest.frames import rows
from tm20tui.alarms import Alarms
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.users import decide_qr_code
from tm20tui.ingest.writer import GroupWriter
from tm20tui.model import Terminal
from tm20tui.settings import TerminalsSettings
from tm20tui.store import terminals
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.context import SessionContext
from tm20tui.terminals.heartbeat import watch_sessions
from tm20tui.terminals.listener import Listener
from tm20tui.terminals.roster import Roster
from tm20tui.terminals.session import Session
from tm20tui.terminals.wire import Wire

SN = "ZXAB21004711"


@dataclass
class Server:
    """What tests look at."""

    database: Database
    settings: TerminalsSettings
    writer: GroupWriter
    listener: Listener
    roster: Roster
    alarms: Alarms
    sessions: set[Session] = field(default_factory=set)
    seen: dict[int, datetime] = field(default_factory=dict)
    announced: list[set[int]] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, path: str = "pub/chat", **options: Any) -> AsyncIterator[WebSocketConnection]:
        url = self.listener.address.replace("0.0.0.0", "127.0.0.1") + path
        async with open_websocket_url(url, disconnect_timeout=1, **options) as socket:
            yield socket

    @asynccontextmanager
    async def terminal(self, sn: str = SN, **options: Any) -> AsyncIterator[WebSocketConnection]:
        async with self.connect(**options) as socket:
            answer = await ask(socket, cmd="reg", sn=sn)
            assert answer["result"] is True, answer
            yield socket

    def state(self, sn: str = SN) -> str | None:
        session = self.roster.find(sn)
        view = None if session is None else session.view()
        return None if view is None else view.state

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return await rows(self.database, table)

    async def stored_terminal(self, sn: str = SN) -> Terminal | None:
        return await self.database.read(terminals.find_terminal, sn)


@asynccontextmanager
async def running_server(
    database: Database, vault: Vault, *, ingest: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Server]:
    """A server on a free loopback port; unknown terminals are let in unless `ingest` says otherwise."""
    config = IngestConfig(**({"admission": "open"} | (ingest or {})))
    listener_settings = TerminalsSettings(**({"host": "127.0.0.1", "port": 0} | settings))
    site_id = await database.write(terminals.ensure_site, "Default", "Europe/Paris")
    announced: list[set[int]] = []

    def announce(service_ids: Iterable[int]) -> None:
        announced.append(set(service_ids))

    async def decide(terminal: Terminal, code: str, now: datetime) -> Any:
        return await database.read(decide_qr_code, site_id, code, config=config, vault=vault, now=now)

    async def serve(wire: Wire) -> None:
        session = Session(wire, context)
        server.sessions.add(session)
        try:
            await session.run()
        finally:
            server.sessions.discard(session)

    writer = GroupWriter(database, vault, config, site_id, announce)
    listener = Listener(listener_settings, serve)
    server = Server(
        database,
        listener_settings,
        writer,
        listener,
        Roster(listener_settings.takeover_seconds),
        Alarms(),
        announced=announced,
    )
    context = SessionContext(
        settings=listener_settings,
        roster=server.roster,
        writer=writer,
        alarms=server.alarms,
        decide_qr_code=decide,
        note_seen=server.seen.__setitem__,
    )
    await listener.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        nursery.start_soon(listener.run)
        nursery.start_soon(watch_sessions, server.sessions, listener_settings)
        yield server
        nursery.cancel_scope.cancel()


async def say(socket: WebSocketConnection, **members: Any) -> None:
    """Send a frame."""
    await socket.send_message(json.dumps(members))


async def hear(socket: WebSocketConnection) -> dict[str, Any]:
    """The next frame, within 20 s."""
    with trio.fail_after(30):
        answer: dict[str, Any] = json.loads(await socket.get_message())
    return answer


async def ask(socket: WebSocketConnection, **members: Any) -> dict[str, Any]:
    """Send a frame and return the answer."""
    await say(socket, **members)
    return await hear(socket)


async def expect_silence(socket: WebSocketConnection) -> None:
    """Nothing is answered: an echo of a later question comes first."""
    answer = await ask(socket, cmd="checklive")
    assert answer == {"ret": "checklive", "result": True}


async def raw_terminal(server: Server, sn: str = SN) -> trio.SocketStream:
    """A registered terminal without a WebSocket library: nothing is read or answered for it."""
    host, port = server.listener.address.removeprefix("ws://").rstrip("/").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    await stream.send_all(
        b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await stream.receive_some()
    text = b'{"cmd":"reg","sn":"%s"}' % sn.encode()
    await stream.send_all(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
    await stream.receive_some()
    return stream
