"""An operator's shell beside a running server."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.process.server import Server

HOSTILE = "Porte \x1b[31m\u202enord"
ROOT = Path(__file__).parents[2]


class Shell:
    """Runs `tm20tui` as an operator of one server would."""

    def __init__(self, server: Server, home: Path) -> None:
        self.server = server
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TM20_", "LC_"))}
        self.environment = kept | {
            "PYTHONPATH": str(ROOT),
            "TM20_STATE_DIRECTORY": str(server.folder),
            "XDG_CACHE_HOME": str(home),
            "LANG": "en_GB.UTF-8",
            "TZ": "Europe/Paris",
        }

    def run(self, *arguments: str, stdin: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """One command without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "tm20tui", *arguments],
            cwd=self.server.folder,
            env=self.environment | env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, **env: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments, **env)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def on_a_terminal(
        self, *arguments: str, columns: int = 80, typed: bytes = b"", **env: str
    ) -> tuple[int, str]:
        """Exit code and what is seen of a command on a terminal."""
        ours, its = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "tm20tui", *arguments],
            cwd=self.server.folder,
            env=self.environment | {"TERM": "xterm", "COLUMNS": str(columns), "LINES": "40"} | env,
            stdin=its,
            stdout=its,
            stderr=its,
        )
        os.close(its)
        if typed:
            os.write(ours, typed)
        seen = b""
        with suppress(OSError):  # the end of a pseudo-terminal
            while select.select([ours], [], [], 30)[0] and (data := os.read(ours, 65536)):
                seen += data
        os.close(ours)
        return process.wait(timeout=30), seen.decode()
