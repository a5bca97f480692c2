"""A real gateway with its control socket, and clients of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

from tm20tui.control.server import ControlServer
from tm20tui.control.wire import VERSION, encode
from tm20tui.gateway import Gateway
from tm20tui.model import Terminal
from tm20tui.settings import load
from tm20tui.store.terminals import add_terminal

HELLO = {"hello": VERSION, "for": "operations"}


class Lines:
    """A client that says what it likes."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def say(self, *messages: dict[str, Any] | bytes) -> None:
        """Send messages, or bytes as they are."""
        for message in messages:
            await self.stream.send_all(message if isinstance(message, bytes) else encode(message))

    async def hear(self) -> dict[str, Any] | None:
        """The next message; None at the end."""
        with trio.fail_after(30):
            while b"\n" not in self._buffer:
                try:
                    data = await self.stream.receive_some(65536)
                except trio.BrokenResourceError:  # what was queued before is read first
                    data = b""
                if not data:
                    return None
                self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    async def ask(self, ident: int, **message: Any) -> dict[str, Any]:
        """Send one request and return the next message."""
        await self.say({"id": ident, **message})
        answer = await self.hear()
        assert answer is not None
        assert answer["id"] == ident
        return answer


@dataclass(frozen=True, slots=True)
class Running:
    """A running server."""

    gateway: Gateway
    server: ControlServer

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Lines]:
        """A connection that has said nothing yet."""
        async with await trio.open_unix_socket(str(self.server.path)) as stream:
            yield Lines(stream)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Lines]:
        """A connection after its hello."""
        async with self.raw() as lines:
            await lines.say(HELLO)
            hello = await lines.hear()
            assert hello is not None
            assert "error" not in hello
            yield lines

    async def add_terminal(self, sn: str) -> Terminal:
        """A terminal that waits for approval."""
        return await self.gateway.database.write(
            add_terminal,
            sn,
            site_id=self.gateway.site_id,
            admission="pending",
            direction_policy="terminal",
            now=datetime.now(UTC),
        )


@asynccontextmanager
async def running_control(url: str, folder: Path, **sections: Any) -> AsyncIterator[Running]:
    """A gateway with its control socket and nothing else."""
    settings = load(
        None,
        {
            "state_directory": str(folder),
            "database": {"url": url},
            "site": {"timezone": "UTC"},
            "terminals": {"host": "127.0.0.1", "port": 0},
            **sections,
        },
    )
    gateway, server = Gateway(settings), ControlServer(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run, [server])
        yield Running(gateway, server)
        gateway.stop()


@pytest.fixture
async def control(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A running server on SQLite."""
    async with running_control(sqlite_url, tmp_path) as running:
        yield running
