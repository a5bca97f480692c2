"""One terminal by hand: what it sends and what it is answered, frame by frame."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.process.server import Server

TIME = "2026-03-02 08:00:{:02}"


class ByHand:
    """A connected terminal."""

    def __init__(self, socket: WebSocketConnection, sn: str) -> None:
        self._socket = socket
        self.sn = sn

    async def register(self) -> dict[str, Any]:
        return await self.ask({"cmd": "reg", "sn": self.sn, "devinfo": {"modelname": "tfs30"}})

    async def send_punch(self, number: int) -> None:
        """The punch of that number, below 60; the same number is the same punch."""
        record = {"enrollid": number + 1, "time": TIME.format(number), "mode": 1, "inout": 0, "event": 0}
        await self.send({"cmd": "sendlog", "sn": self.sn, "count": 1, "logindex": number, "record": [record]})

    async def punch(self, number: int) -> dict[str, Any]:
        await self.send_punch(number)
        return await self.answer()

    async def ask(self, frame: dict[str, Any]) -> dict[str, Any]:
        await self.send(frame)
        return await self.answer()

    async def send(self, frame: dict[str, Any]) -> None:
        await self.send_text(json.dumps(frame))

    async def send_text(self, text: str) -> None:
        await self._socket.send_message(text)

    async def was_read(self) -> None:
        """Return once the server has read what was sent: it answers a ping behind that."""
        with trio.fail_after(30):
            await self._socket.ping()

    async def answer(self, seconds: float = 30.0) -> dict[str, Any]:
        with trio.fail_after(seconds):
            found: dict[str, Any] = json.loads(await self._socket.get_message())
        return found

    async def hears_nothing(self, seconds: float) -> bool:
        with trio.move_on_after(seconds):
            await self._socket.get_message()
            return False
        return True

    async def close_code(self, seconds: float = 30.0) -> int | None:
        """Wait for the server to hang up; the code it gave."""
        with trio.fail_after(seconds):
            try:
                while True:
                    await self._socket.get_message()
            except ConnectionClosed as closed:
                return closed.reason.code if closed.reason else None


@asynccontextmanager
async def dialled(server: Server, sn: str = "TM20-001") -> AsyncIterator[ByHand]:
    """A terminal that has registered."""
    async with open_websocket_url(server.url) as socket:
        terminal = ByHand(socket, sn)
        assert (await terminal.register())["result"] is True
        yield terminal
