"""The console on the terminal that the server was started from: one more client, in the same process.

It looks through a pair of sockets, as others look through the control socket. When it is
closed, or has crashed, the log is shown in its place and Enter opens another one; when the
terminal goes away, the server goes on without.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import pwd
import select
import socket
import textwrap
import threading
from collections import deque
from typing import TYPE_CHECKING

import trio

from tm20tui.cli.attach import hello_of
from tm20tui.cli.pump import CONTINUED, RESIZED, Pump
from tm20tui.cli.tty import Tty
from tm20tui.errors import OperationError
from tm20tui.locale import _, sentence
from tm20tui.operations.call import Operator
from tm20tui.tui import frames
from tm20tui.tui.frames import CODE_ENDED, CODE_STOPPED, End

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway
    from tm20tui.tui.host import ConsoleHost

log = logging.getLogger(__name__)

KEPT_LINES = 200
END_SECONDS = 1.5


class HeldLog(io.TextIOBase):
    """The log on a terminal that a console paints on meanwhile: its last lines wait until it is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._is_held = False
        self._kept: deque[str] = deque(maxlen=KEPT_LINES)

    def isatty(self) -> bool:
        """True: the lines are for people."""
        return True

    def write(self, text: str) -> int:
        """Show lines, or keep them."""
        with self._lock:
            if self._is_held:
                self._kept.extend(text.splitlines(keepends=True))
                return len(text)
        data = text.encode("utf-8", "replace")
        while data:  # only the log's own thread waits for a terminal that stalls
            data = data[os.write(self._descriptor, data) :]
        return len(text)

    def hold(self) -> None:
        """Keep lines from now on."""
        with self._lock:
            self._is_held = True

    def release(self, tty: Tty) -> None:
        """Show what was kept, as far as the terminal takes it, and lines as they come from now on."""
        with self._lock:
            kept, self._is_held = "".join(self._kept), False
            self._kept.clear()
        tty.say(kept)


class LocalConsole:
    """The consoles of this terminal, one after the other. Signals may be told from any thread."""

    def __init__(self, tty: Tty, held_log: HeldLog | None, language: str | None) -> None:
        self._tty = tty
        self._log = held_log
        self._options = argparse.Namespace(
            lang=language, theme=None, read_only=False, slow=False, ascii=False, no_mouse=False
        )
        self._pump: Pump | None = None
        self._is_gone = False
        self._idle = threading.Event()
        self._idle.set()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    async def run(self, host: ConsoleHost, gateway: Gateway) -> None:
        """Until the terminal goes away or the server ends; a console that ends can be opened again."""
        while not self._is_gone:
            try:
                end = await self._show(host, gateway)
            except OperationError as error:
                end = End(CODE_ENDED, str(error))
            if self._is_gone or end.code == CODE_STOPPED:
                return
            self._tell(end)
            if not await trio.to_thread.run_sync(self._wait_for_enter, abandon_on_cancel=True):
                return

    def resized(self) -> None:
        """The terminal has another size."""
        if (pump := self._pump) is not None:
            pump.wake(RESIZED)

    def continued(self) -> None:
        """The process was stopped, and has its terminal again."""
        if (pump := self._pump) is not None:
            pump.wake(CONTINUED)

    def hang_up(self) -> None:
        """The terminal went away."""
        self._is_gone = True
        if (pump := self._pump) is not None:
            pump.wake(frames.HUNG_UP)
        self._wake()

    def finish(self) -> None:
        """Give the terminal back; waits for it no longer than it has to."""
        self._is_gone = True
        self._wake()
        self._idle.wait(END_SECONDS)
        self.restore()

    def restore(self) -> None:
        """Give the terminal back at once."""
        self._tty.restore()
        if self._log is not None:
            self._log.release(self._tty)

    async def _show(self, host: ConsoleHost, gateway: Gateway) -> End:
        account = os.geteuid()
        try:
            name = pwd.getpwuid(account).pw_name
        except KeyError:
            name = f"uid {account}"
        operator = Operator(name, "admin", "console")
        told = hello_of(self._tty, self._options)
        console = host.admit(told, operator, os.getpid(), gateway, is_local=True)
        theirs, ours = socket.socketpair()
        theirs.setblocking(False)
        end = End(CODE_ENDED, "")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.run, theirs)
            end = await trio.to_thread.run_sync(self._carry, ours, abandon_on_cancel=True)
        return end  # noqa: RET504 - a nursery may swallow what is raised in it

    def _carry(self, ours: socket.socket) -> End:
        self._idle.clear()
        with ours:
            pump = self._pump = Pump(self._tty, ours)
            try:
                if self._log is not None:
                    self._log.hold()
                self._tty.make_raw()
                return pump.run()
            except OSError:
                self._is_gone = True
                return End(CODE_ENDED, "")
            finally:
                self._pump = None
                self.restore()
                self._idle.set()

    def _tell(self, end: End) -> None:
        lines = [f"tm20tui: {sentence(end.message)}"] if end.message else []
        lines.append(_("Enter opens the console again; Ctrl+C stops the server"))
        columns, _rows = self._tty.size()
        self._tty.say(
            "".join(f"{part}\n" for line in lines for part in textwrap.wrap(line, max(20, columns)))
        )

    def _wait_for_enter(self) -> bool:
        """Whether it was pressed; False when the terminal goes away."""
        while not self._is_gone:
            readable, _ready, _failed = select.select([self._tty.descriptor, self._woken], [], [])
            if self._woken in readable:
                return False
            typed = self._tty.read()
            if typed is None and self._tty.is_gone():
                return False
            if typed and b"\n" in typed:
                return True
        return False

    def _wake(self) -> None:
        try:
            os.write(self._waker, b"\n")
        except OSError:
            pass
