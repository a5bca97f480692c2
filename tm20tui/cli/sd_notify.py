"""Tells systemd how the server is: ready, alive, what it does, stopping. Does nothing without systemd.

The datagrams are those of sd_notify(3). The watchdog is fed by a task of the server's loop, so
that a server whose loop stands still is started anew (`WatchdogSec=` of the unit).
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, MutableMapping

import trio

log = logging.getLogger(__name__)

_STATUS_SECONDS = 15.0


class SystemdNotifier:
    """One server's line to the service manager; `environ` names its socket and its watchdog."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        # Taken out, so that no program started by this one speaks for it.
        self._address = environ.pop("NOTIFY_SOCKET", "")
        self._watchdog_seconds = _watchdog(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        self._status = ""
        self._is_stopping = False

    def ready(self) -> None:
        """The server takes punches."""
        self._send("READY=1")

    def stopping(self, seconds: float) -> None:
        """It drains, which may take so long."""
        self._is_stopping = True
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}", "STATUS=stopping")

    async def keep(self, status: Callable[[], str]) -> None:
        """Feed the watchdog at half its time and show `status`, one line, until cancelled."""
        if not self._address:
            return
        while True:
            lines = ["WATCHDOG=1"] if self._watchdog_seconds else []
            if not self._is_stopping and (text := status()) != self._status:
                lines.append(f"STATUS={text}")
                self._status = text
            if lines:
                self._send(*lines)
            await trio.sleep(min(_STATUS_SECONDS, (self._watchdog_seconds or _STATUS_SECONDS) / 2))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the NUL of an abstract address.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.setblocking(False)
                line.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.warning("systemd could not be told", extra={"said": lines[0], "reason": error.strerror})


def _watchdog(microseconds: str, pid: str) -> float | None:
    """Seconds between two signs of life that are expected of this process, if any are."""
    if not microseconds.isdecimal() or int(microseconds) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000
