"""One connection of the control socket as messages, with bounds in both directions."""

from __future__ import annotations

import os
import socket
from typing import Any

import trio

from tm20tui.control.wire import LONGEST_REQUEST, LineBuffer, decode, encode
from tm20tui.errors import InvalidInput

SEND_SECONDS = 30.0
"""How long a client may not read before it is given up."""
_CHUNK = 65_536
_LARGE = 65_536


class LineTooLong(InvalidInput):
    """What follows on this connection cannot be told apart any more."""


class Connection:
    """Messages in and out; whoever sends to a client that is gone or does not read is not told."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._lines = LineBuffer(LONGEST_REQUEST)
        self._sending = trio.Lock()
        self.is_lost = False

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end, whole or torn.

        Raises:
            LineTooLong: nothing more can be received.
            InvalidInput: a line was no message; the next may be one.
        """
        while not self.is_lost:
            try:
                line = self._lines.next_line()
            except InvalidInput as error:
                raise LineTooLong(str(error)) from None
            if line is not None:
                if len(line) > _LARGE:
                    return await trio.to_thread.run_sync(decode, line)
                await trio.lowlevel.checkpoint()
                return decode(line)
            try:
                data = await self._stream.receive_some(_CHUNK)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            if not data:
                return None
            self._lines.feed(data)
        return None

    def hand_over(self) -> tuple[socket.socket, bytes]:
        """The connection itself, for somebody else, and what was received of it and not read yet."""
        own = socket.socket(fileno=os.dup(self._stream.socket.fileno()))
        own.setblocking(False)
        self.is_lost = True
        return own, self._lines.rest()

    def cut_off(self) -> None:
        """Hang up: nothing more is received, and what would be sent is not."""
        self.is_lost = True
        self._stream.socket.close()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        await self.send_line(encode(message))

    async def send_line(self, line: bytes) -> None:
        """Send a message that is encoded already."""
        async with self._sending:
            for start in range(0, len(line), _CHUNK):
                if self.is_lost:
                    return
                with trio.move_on_after(SEND_SECONDS) as patience:
                    try:
                        await self._stream.send_all(line[start : start + _CHUNK])
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        self.is_lost = True
                if patience.cancelled_caught:
                    self.is_lost = True
                if self.is_lost:
                    await trio.aclose_forcefully(self._stream)
