"""Servers forked from a process that has imported the program: a whole start but for the imports,
which take longer than all the rest of it.

`python -m tests.process.forked FD` is that process; it ends with the tests, which hold the other end.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Forked:
    """What the tests need of a `subprocess.Popen`. `returncode` is None while it runs."""

    def __init__(self, folder: Path, environment: dict[str, str], log: int) -> None:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told = json.dumps({"folder": str(folder), "environment": environment}).encode()
        socket.send_fds(_forker(), [told], [its.fileno(), log])
        its.close()
        self.returncode: int | None = None
        self._end = ours
        self.pid = int(ours.recv(64))

    def poll(self) -> int | None:
        """The exit code once it has ended, negative for a signal."""
        self._look(socket.MSG_DONTWAIT)
        return self.returncode

    def wait(self) -> int:
        """Wait for its end."""
        self._look(0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            # It may end in between.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """As `kill -9`."""
        self.send_signal(signal.SIGKILL)

    def _look(self, flags: int) -> None:
        if self.returncode is not None:
            return
        try:
            self.returncode = int(self._end.recv(64, flags))
        except BlockingIOError:
            return
        self._end.close()


@functools.cache
def _forker() -> socket.socket:
    """The way to this worker's own process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    subprocess.Popen(
        [sys.executable, "-m", "tests.process.forked", str(its.fileno())],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TM20_")}
        | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[its.fileno()],
    )
    its.close()
    return ours


def fork_for_ever(asked: socket.socket) -> None:
    """One child for each that is asked for, and a parent of it that tells its exit code.

    Returns in the child, with its arguments, environment, folder and log in place.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        told, fds, _, _ = socket.recv_fds(asked, 1 << 16, 2)
        if not told:
            sys.exit()
        end, log = fds
        if os.fork() == 0:
            break
        os.close(end)
        os.close(log)
    asked.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if pid := os.fork():
        os.close(log)
        with socket.socket(fileno=end) as tests:
            tests.send(str(pid).encode())
            _, status = os.waitpid(pid, 0)
            tests.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(end)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    start = json.loads(told)
    os.chdir(start["folder"])
    os.environ.clear()
    os.environ.update(start["environment"])
    time.tzset()


if __name__ == "__main__":
    fork_for_ever(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["tm20tui", "--headless"]
    runpy.run_module("tm20tui", run_name="__main__", alter_sys=True)
