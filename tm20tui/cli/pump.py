"""Carries bytes between a terminal and a console: keys one way, pictures the other."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket

from tm20tui.cli.tty import Tty
from tm20tui.locale import N_
from tm20tui.tui import frames
from tm20tui.tui.frames import CODE_ENDED, CODE_STOPPED, BrokenFrame, End, FrameBuffer

LEAVE_KEYS = (b"\x1c", b"\x1b[92;5u")
"""Ctrl+\\, which leaves whatever the console is doing, also as terminals with another protocol say it."""
MOST_OUTPUT = 262_144
"""Bytes that may wait for the terminal; the console is not read meanwhile."""
MOST_INPUT = 262_144
LEAVE_SECONDS = 0.5
GONE = N_("the server went away")

RESIZED, CONTINUED = b"w", b"c"
"""What a pump is told by `wake`, besides the words of `frames.REASONS`."""


class Pump:
    """One console on one terminal. `wake` may be called from a signal handler or another thread."""

    def __init__(
        self, tty: Tty, console: socket.socket, early: bytes = b"", guard: int | None = None
    ) -> None:
        self._tty = tty
        self._console = console
        self._guard = guard
        self._frames = FrameBuffer((frames.OUTPUT, frames.END), frames.LONGEST_FROM_SERVER)
        self._early = early
        self._to_terminal = bytearray()
        self._to_console = bytearray()
        self._end: End | None = None
        self._reason = ""
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)

    def wake(self, word: bytes | str) -> None:
        """Tell it something: `RESIZED`, `CONTINUED`, or why to leave."""
        text = word.encode() if isinstance(word, str) else word
        with contextlib.suppress(OSError):
            os.write(self._waker, text + b"\n")

    def run(self) -> End:
        """Until either end has had enough; the terminal is raw meanwhile, and restored by the caller."""
        self._console.setblocking(False)
        try:
            self._take_frames(self._early)
            with selectors.DefaultSelector() as selector:
                selector.register(self._woken, selectors.EVENT_READ)
                if self._guard is not None:
                    selector.register(self._guard, selectors.EVENT_READ)
                while self._end is None:
                    self._watch(selector)
                    for key, events in selector.select():
                        self._serve(key.fd, events)
            self._flush_terminal()
        finally:
            os.close(self._woken)
            os.close(self._waker)
        return self._end

    def _watch(self, selector: selectors.BaseSelector) -> None:
        terminal = selectors.EVENT_READ if len(self._to_console) < MOST_INPUT else 0
        terminal |= selectors.EVENT_WRITE if self._to_terminal else 0
        console = selectors.EVENT_READ if len(self._to_terminal) < MOST_OUTPUT else 0
        console |= selectors.EVENT_WRITE if self._to_console else 0
        for descriptor, events in ((self._tty.descriptor, terminal), (self._console.fileno(), console)):
            known = selector.get_map().get(descriptor)
            if known is None and events:
                selector.register(descriptor, events)
            elif known is not None and not events:
                selector.unregister(descriptor)
            elif known is not None and known.events != events:
                selector.modify(descriptor, events)

    def _serve(self, descriptor: int, events: int) -> None:
        if self._end is not None:
            return
        if descriptor == self._woken:
            self._read_words()
        elif descriptor == self._guard:  # killed; nobody else restores the terminal
            self._leave(frames.TOLD_TO_END, CODE_ENDED)
        elif descriptor == self._tty.descriptor:
            if events & selectors.EVENT_READ:
                self._read_terminal()
            if events & selectors.EVENT_WRITE:
                self._write_terminal()
        else:
            if events & selectors.EVENT_READ:
                self._read_console()
            if events & selectors.EVENT_WRITE:
                self._write_console()

    def _read_words(self) -> None:
        for word in os.read(self._woken, 4096).split(b"\n"):
            if word == RESIZED:
                self._to_console += frames.resize(*self._tty.size())
            elif word == CONTINUED:
                self._tty.make_raw()
                self._to_console += frames.resize(*self._tty.size()) + frames.frame(frames.FOREGROUND)
            elif word and self._end is None:
                self._leave(word.decode(), CODE_ENDED)

    def _read_terminal(self) -> None:
        data = self._tty.read()
        if data is None:
            self._leave(frames.HUNG_UP, CODE_ENDED)
        elif data in LEAVE_KEYS:
            self._leave(frames.LEFT, 0)
        elif data:
            self._to_console += frames.frame(frames.INPUT, data)

    def _write_terminal(self) -> None:
        try:
            done = self._tty.write(bytes(self._to_terminal[:4096]))
        except OSError:
            self._leave(frames.HUNG_UP, CODE_ENDED)
        else:
            del self._to_terminal[:done]

    def _read_console(self) -> None:
        try:
            data = self._console.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end = End(CODE_STOPPED, GONE)
            return
        self._take_frames(data)

    def _take_frames(self, data: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(data):
                if kind == frames.OUTPUT:
                    self._to_terminal += payload
                else:
                    self._end = frames.read_end(payload)
                    return
        except BrokenFrame as error:
            self._end = End(CODE_ENDED, f"the server broke the protocol: {error}")

    def _write_console(self) -> None:
        try:
            done = self._console.send(self._to_console)
        except BlockingIOError:
            return
        except OSError:  # how it ended may still be read
            self._to_console.clear()
        else:
            del self._to_console[:done]

    def _leave(self, reason: str, code: int) -> None:
        self._end = End(code, "")
        self._console.settimeout(LEAVE_SECONDS)
        with contextlib.suppress(OSError):
            self._console.sendall(bytes(self._to_console) + frames.frame(frames.QUIT, reason.encode()))

    def _flush_terminal(self) -> None:
        """What was painted last is of no use to a terminal that is being restored."""
        self._to_terminal.clear()
