"""One console's connection inside the consoles' loop: frames in, bounded output, patience with an end.

When a client does not read, its application stops painting; once it reads again, everything
is painted anew. So nothing queues beyond the transport's limits, and a client that never
reads again is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tm20tui.locale import N_
from tm20tui.tui import frames
from tm20tui.tui.frames import CODE_ENDED, BrokenFrame, End, FrameBuffer

BROKEN = N_("the console was closed: what its client sent cannot be meant")
STALL_SECONDS = 120.0
"""How long a client may not read."""
HIGH_WATER = 65_536
LOW_WATER = 8_192
INPUT_CHUNK = 128
"""Bytes of input that are given in one go. An application works through what it has without a pause;
only in between do other consoles have their turn."""
MOST_INPUT = 65_536
"""Bytes of input that may wait; the client is not read meanwhile."""
_BUSY_SECONDS = 0.02


class Screen(Protocol):
    """What a link is for."""

    def feed(self, data: bytes) -> None:
        """Take input."""

    def resize(self, columns: int, rows: int) -> None:
        """Take the terminal's size."""

    def restart(self) -> None:
        """Set the terminal's modes again and paint everything."""

    def pause(self) -> None:
        """Paint nothing from now on."""

    def resume(self) -> None:
        """Paint everything, and go on."""

    def is_busy(self) -> bool:
        """Whether input that was taken has yet to be worked through."""


class Link(asyncio.Protocol):
    """`on_end(how, end)` is called once, when the client is gone, unreadable or has given up: why, and
    what to tell it if it can still be told."""

    def __init__(self, on_end: Callable[[str, End], None]) -> None:
        self.is_paused = False
        self.bytes_sent = 0
        self._on_end = on_end
        self._screen: Screen | None = None
        self._frames = FrameBuffer(
            (frames.INPUT, frames.RESIZE, frames.FOREGROUND, frames.QUIT), frames.LONGEST_FROM_CLIENT
        )
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._stalled: asyncio.TimerHandle | None = None
        self._early_size: tuple[int, int] | None = None
        self._input: deque[bytes] = deque()
        self._waiting = 0
        self._feeding: asyncio.Handle | None = None
        self._has_ended = False
        self._closed = asyncio.Event()

    @property
    def has_input(self) -> bool:
        """Whether input waits that the screen has not been given."""
        return bool(self._input)

    def show(self, screen: Screen) -> None:
        """Input goes to `screen` from now on; what came before it was there goes first."""
        self._screen = screen
        if self._early_size is not None:
            screen.resize(*self._early_size)
        if self.is_paused:
            screen.pause()
        self._feed_soon()

    def send(self, data: bytes) -> None:
        """Queue output. What is written while the client does not read is dropped: see `Screen.resume`."""
        if self._transport is None or self._transport.is_closing() or self.is_paused:
            return
        self.bytes_sent += len(data)
        self._transport.write(frames.frame(frames.OUTPUT, data))

    def close(self, how: End) -> None:
        """Tell how it ended and hang up; what the client does not read within a moment is lost."""
        self._finish()
        if self._transport is None or self._transport.is_closing():
            return
        if self.is_paused:  # it would wait behind what is not read
            self._transport.abort()
            return
        self._transport.write(frames.end(how))
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once."""
        self._finish()
        if self._transport is not None:
            self._transport.abort()

    def break_off(self, reason: str) -> None:
        """End the console: what its client sends cannot be meant."""
        self._end(f"its client broke the protocol: {reason}", End(CODE_ENDED, BROKEN))

    async def wait_closed(self, seconds: float) -> bool:
        """Whether the connection is closed, everything sent, within so long."""
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._has_ended:
            return
        try:
            for kind, payload in self._frames.feed(data):
                self._take(kind, payload)
        except BrokenFrame as error:
            self.break_off(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self._transport is not None:
            self._read_rest(self._transport)
        self._transport = None
        self._closed.set()
        self._end("its client went away", End(0, ""))

    def pause_writing(self) -> None:
        self.is_paused = True
        self._stalled = self._loop.call_later(STALL_SECONDS, self._give_up)
        if self._screen is not None:
            self._screen.pause()

    def resume_writing(self) -> None:
        self.is_paused = False
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        if self._screen is not None and not self._has_ended:
            self._screen.resume()

    def _read_rest(self, transport: asyncio.Transport) -> None:
        """A write failed because the client is gone: what it said last may not be read yet."""
        descriptor = transport.get_extra_info("socket").fileno()
        with contextlib.suppress(OSError):
            while data := os.read(descriptor, MOST_INPUT):
                self.data_received(data)

    def _take(self, kind: bytes, payload: bytes) -> None:
        if self._has_ended:
            return
        if kind == frames.INPUT:
            self._input.append(payload)
            self._waiting += len(payload)
            if self._waiting > MOST_INPUT and self._transport is not None:
                self._transport.pause_reading()
            self._feed_soon()
        elif kind == frames.RESIZE:
            size = frames.read_resize(payload)
            if self._screen is None:
                self._early_size = size
            else:
                self._screen.resize(*size)
        elif kind == frames.FOREGROUND:
            if self._screen is not None:
                self._screen.restart()
        else:
            told = payload.decode("utf-8", "replace")
            self._end(told if told in frames.REASONS else frames.LEFT, End(0, ""))

    def _feed_soon(self, seconds: float = 0.0) -> None:
        if self._feeding is None and self._screen is not None and self._input:
            self._feeding = self._loop.call_later(seconds, self._feed)

    def _feed(self) -> None:
        self._feeding = None
        if self._screen is None or not self._input or self._has_ended:
            return
        if self._screen.is_busy():
            self._feed_soon(_BUSY_SECONDS)
            return
        data = self._input.popleft()
        if len(data) > INPUT_CHUNK:
            self._input.appendleft(data[INPUT_CHUNK:])
            data = data[:INPUT_CHUNK]
        self._waiting -= len(data)
        if self._waiting <= MOST_INPUT and self._transport is not None:
            self._transport.resume_reading()
        self._screen.feed(data)
        self._feed_soon()

    def _give_up(self) -> None:
        self._end(f"its terminal did not read for {STALL_SECONDS:g} seconds", End(CODE_ENDED, ""))
        self.abort()

    def _end(self, how: str, told: End) -> None:
        if not self._has_ended:
            self._finish()
            self._on_end(how, told)

    def _finish(self) -> None:
        self._has_ended = True
        self._input.clear()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
