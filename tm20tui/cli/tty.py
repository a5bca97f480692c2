"""A terminal as it was found, taken raw and given back: nothing in here ever waits for it."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import time

RESTORE = (
    b"\x1b[?2026l"  # paint at once again
    b"\x1b[<u"  # the keyboard protocol of the other screen
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # focus, paste, sizes
    b"\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"  # wrapping, colours, screen, cursor
)
RESTORE_SECONDS = 1.0
"""How long a terminal that does not read is waited for before it is given up."""
_LATE_SECONDS = 0.03


class Tty:
    """The terminal of `descriptor`, read and written without waiting. `restore` may be called twice."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = _open_own(descriptor)
        self._found = termios.tcgetattr(self.descriptor)
        self._is_raw = False
        self._has_output = False
        self._lock = threading.Lock()

    def make_raw(self) -> None:
        """Every key becomes a byte; nothing is echoed, no key is a signal."""
        raw = termios.tcgetattr(self.descriptor)
        raw[0] &= ~(
            termios.BRKINT
            | termios.ICRNL
            | termios.INLCR
            | termios.IGNCR
            | termios.INPCK
            | termios.ISTRIP
            | termios.IXON
            | termios.IXOFF
        )
        raw[1] &= ~termios.OPOST
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.descriptor, termios.TCSANOW, raw)
        self._is_raw = True

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self.descriptor)
        except OSError:
            return 80, 24
        return columns, rows

    def read(self) -> bytes | None:
        """What was typed; None when the terminal is gone."""
        try:
            return os.read(self.descriptor, 4096) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def write(self, data: bytes) -> int:
        """Write as much as it takes now; the number of bytes. `OSError` when it is gone."""
        self._has_output = True
        try:
            return os.write(self.descriptor, data[:4096])
        except BlockingIOError:
            return 0

    def restore(self) -> None:
        """Give the terminal back as it was found. Any thread may."""
        with self._lock:
            self._restore()

    def say(self, text: str) -> None:
        """Write plain lines, as many as it takes within a moment."""
        with contextlib.suppress(OSError):
            self._put(text.encode("utf-8", "replace"))

    def is_gone(self) -> bool:
        """Whether it has hung up, rather than said that nothing more is typed."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))

    def owes(self) -> None:
        """Somebody else has written to this terminal what `restore` takes back."""
        self._has_output = True

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)

    def _restore(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            if self._has_output:
                self._put(RESTORE)
                self._has_output = False
            if self._is_raw:
                time.sleep(_LATE_SECONDS)  # for reports of the mouse that are on their way
                termios.tcflush(self.descriptor, termios.TCIFLUSH)
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self._found)
        self._is_raw = False

    def _put(self, data: bytes) -> None:
        deadline = time.monotonic() + RESTORE_SECONDS
        while data and (left := deadline - time.monotonic()) > 0:
            if select.select([], [self.descriptor], [], left)[1]:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self.descriptor, data) :]


def _open_own(descriptor: int) -> int:
    """A description of our own: one that does not wait must not be shared with the shell."""
    names = []
    with contextlib.suppress(OSError):
        os.tcgetpgrp(descriptor)
        names.append("/dev/tty")
    with contextlib.suppress(OSError):
        names.append(os.ttyname(descriptor))
    for name in names:
        with contextlib.suppress(OSError):
            return os.open(name, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return os.dup(descriptor)
