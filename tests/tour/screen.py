"""A real terminal that a script looks at and types into: tmux, with a server of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 15.0
ESCAPE_SECONDS = 0.4
END_SECONDS = 1.0


class NeverSeen(AssertionError):
    """What was waited for did not come; the message holds the screen."""


class Screen:
    """One tmux session. A context manager; everything in it is killed at the end."""

    def __init__(self, command: str, *, columns: int, rows: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tm20tui-tour-")
        self._socket = str(Path(self._folder.name) / "tmux")
        size = ["-x", str(columns), "-y", str(rows)]
        self.started_at = time.monotonic()
        # What a program that has ended said last stays to be seen.
        keep = ("start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";")
        self._tmux("-f", "/dev/null", *keep, "new-session", "-d", "-s", "tour", *size, command)
        self._process = int(self._tmux("display-message", "-p", "-t", "tour", "#{pane_pid}"))

    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p", "-t", "tour")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names (`Enter`, `Escape`, `C-t`), or single characters."""
        for key in keys:
            self._tmux("send-keys", "-t", "tour", *(["-l", key] if len(key) == 1 else [key]))
            if key == "Escape":
                # Escape and the next key at once would be one key with Alt.
                time.sleep(ESCAPE_SECONDS)

    def type(self, text: str) -> None:
        """Letters as they are."""
        self._tmux("send-keys", "-t", "tour", "-l", text)

    def see(self, *words: str, seconds: float = PATIENCE_SECONDS) -> float:
        """Wait until all of these are on the screen; the seconds it took."""
        started = time.monotonic()
        while True:
            text = self.text()
            if all(word in text for word in words):
                return time.monotonic() - started
            if time.monotonic() - started > seconds:
                missing = [word for word in words if word not in text]
                raise NeverSeen(f"not within {seconds:.0f} s: {missing}\n{text}")
            time.sleep(0.05)

    def gone(self, words: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until this is not on the screen any more."""
        started = time.monotonic()
        while words in (text := self.text()):
            if time.monotonic() - started > seconds:
                raise NeverSeen(f"still there after {seconds:.0f} s: {words}\n{text}")
            time.sleep(0.05)

    def ended(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the program has ended by itself."""
        started = time.monotonic()
        while _is_alive(self._process):
            if time.monotonic() - started > seconds:
                raise NeverSeen(f"it did not end within {seconds:.0f} s\n{self.text()}")
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until nothing moves for a moment, as somebody does who reads before typing on."""
        before, since = "", time.monotonic()
        while time.monotonic() - since < ESCAPE_SECONDS:
            if (text := self.text()) != before:
                before, since = text, time.monotonic()
            time.sleep(0.05)

    def resize(self, columns: int, rows: int) -> None:
        """Another size."""
        self._tmux("resize-window", "-t", "tour", "-x", str(columns), "-y", str(rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A server outlives its terminal, as it should: it is told to end, and to end at once.
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
            if _is_alive(self._process):
                os.kill(self._process, number)
                time.sleep(END_SECONDS)
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, capture_output=True)
        self._folder.cleanup()

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments], check=True, capture_output=True, text=True, timeout=10
        )
        return done.stdout


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
