"""Terminals to look at: panes of a tmux of our own, each with a shell that stays."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import trio

POLL_SECONDS = 0.004


class Failed(AssertionError):
    """Something did not happen; the message shows the screen."""


def is_there() -> bool:
    """Whether this machine has tmux."""
    return shutil.which("tmux") is not None


class Pane:
    """One terminal of its own size."""

    def __init__(self, socket: Path, name: str, columns: int, rows: int, environment: dict[str, str]) -> None:
        self.name = name
        self._socket = socket
        told = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        size = ["-x", str(columns), "-y", str(rows)]
        shell = "env PS1='ready> ' bash --norc --noprofile"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", name, *size, *told, shell)
        self._tmux("set-option", "-t", name, "status", "off")

    def close(self) -> None:
        """End its shell and what runs in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-session", "-t", self.name], check=False)

    def type(self, text: str) -> None:
        """Type characters as they are."""
        self._tmux("send-keys", "-t", self.name, "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their names: Enter, Escape, C-c."""
        self._tmux("send-keys", "-t", self.name, *keys)

    def send(self, data: bytes) -> None:
        """Send bytes as a terminal would."""
        self._tmux("send-keys", "-t", self.name, "-H", *(f"{byte:02x}" for byte in data))

    def click(self, column: int, row: int) -> None:
        """Click with the left button; both count from 1."""
        self.send(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (column, row, column, row))

    def paste(self, text: str) -> None:
        """Paste, in brackets where that was asked for."""
        self._tmux("set-buffer", "--", text)
        self._tmux("paste-buffer", "-p", "-t", self.name)

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size."""
        self._tmux("resize-window", "-t", self.name, "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        """What it shows."""
        return self._tmux("capture-pane", "-p", "-t", self.name)

    def run(self, *command: str) -> None:
        """Run a command in its shell."""
        self.type(shlex.join(command))
        self.press("Enter")

    def pids(self) -> list[int]:
        """The processes of what its shell runs, parents first."""
        found, queue = [], [int(self._tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"))]
        while queue:
            pid = queue.pop(0)
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            queue += [int(child) for child in children]
            found += [int(child) for child in children]
        return found

    async def until(self, condition: Callable[[str], object], what: str, seconds: float = 20.0) -> float:
        """Wait until the screen is so; the seconds it took."""
        begun = time.monotonic()
        while not condition(screen := await trio.to_thread.run_sync(self.screen)):
            if time.monotonic() - begun > seconds:
                raise Failed(f"{self.name}: {what} did not come:\n{screen}")
            await trio.sleep(POLL_SECONDS)
        return time.monotonic() - begun

    async def shows(self, text: str, seconds: float = 20.0) -> float:
        """Wait until the screen shows a text; the seconds it took."""
        return await self.until(lambda screen: text in screen, repr(text), seconds)

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "TMUX"},
        )
        if done.returncode:
            raise Failed(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout
