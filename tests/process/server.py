"""The real server as a child process: started, watched by its log, stopped or killed."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from tests.process.forked import Forked
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.01
START_SECONDS = 120.0
READY = "listening for terminals"
ZONE = "Asia/Kolkata"
"""Of the site: no summer time, and an offset that nobody gets by accident."""


class Died(AssertionError):
    """The server ended, or never became ready."""


class Server:
    """One server on one database and one port, over any number of lives."""

    def __init__(self, folder: Path, database_url: str | None = None, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database_url = database_url or f"sqlite:///{folder / 'tm20.db'}"
        self.port = free_port()
        self.log_path = folder / "server.log"
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.starts = 0
        self._life_begins = 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TM20_")}
        self.environment = kept | {
            "PYTHONPATH": str(ROOT),
            "TM20_STATE_DIRECTORY": str(folder),
            "TM20_DATABASE__URL": self.database_url,
            "TM20_SITE__TIMEZONE": ZONE,
            "TM20_TERMINALS__HOST": "127.0.0.1",
            "TM20_TERMINALS__PORT": str(self.port),
            "TM20_TERMINALS__ADMISSION": "open",
            "TM20_DELIVERY__ALLOW_PRIVATE_HOSTS": "true",
            "TM20_DELIVERY__BACKOFF_SECONDS": "[0.1, 0.2, 0.5]",
            "TM20_API__ENABLED": "false",
            **settings,
        }

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def prepare(self, *drafts: ServiceDraft) -> list[int]:
        """Bring the database to the schema and add services, while no server runs."""
        vault = Vault.open(self.folder / "secret.key")
        database = Database(self.database_url)
        try:
            upgrade(database)
            with database.connect(writing=True) as connection, connection.begin():
                now = datetime.now(UTC)
                return [add_service(connection, vault, draft, now).id for draft in drafts]
        finally:
            database.close()

    def spawn(self, *, fresh: bool = False) -> None:
        """Start a life; nothing of it is ready yet. `fresh` where the imports belong to what is tested."""
        assert not self.is_running
        self.starts += 1
        self._life_begins = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            if not fresh:
                self.process = Forked(self.folder, self.environment, log.fileno())
                return
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tm20tui", "--headless"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def start(self, *, fresh: bool = False) -> None:
        """Start a life and wait until terminals can dial."""
        self.spawn(fresh=fresh)
        await self.ready()

    async def ready(self) -> None:
        await self.until_logged(READY, START_SECONDS)

    async def until_logged(self, words: str, seconds: float = 30.0) -> None:
        """Wait until this life has said so."""
        try:
            await until(lambda: words in self.said() or not self.is_running, seconds)
        except trio.TooSlowError:
            raise Died(f"never said {words!r}:\n{self.said()[-2000:]}") from None
        if words not in self.said():
            raise Died(f"ended with {self.process and self.process.returncode}:\n{self.said()[-2000:]}")

    async def stop(self, number: int = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.signal(number)
        return await self.ended(seconds)

    async def ended(self, seconds: float = 30.0) -> int:
        process = self.process
        assert process is not None
        await until(lambda: process.poll() is not None, seconds)
        return process.returncode

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """As `kill -9`; returns when nothing of the process is left."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def said(self) -> str:
        """What this life has written to standard error so far."""
        with self.log_path.open("rb") as log:
            log.seek(self._life_begins)
            return log.read().decode("utf-8", "replace")

    def log_entries(self) -> Iterator[dict[str, Any]]:
        """Every line of the log of all lives. A line that a kill has torn is left out."""
        with self.log_path.open(encoding="utf-8", errors="replace") as log:
            for line in log:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue


@contextmanager
def serving(folder: Path, database_url: str | None = None, **settings: str) -> Iterator[Server]:
    """A server that is not started yet, and of which nothing runs afterwards."""
    server = Server(folder, database_url, **settings)
    try:
        yield server
    finally:
        server.kill()


def service_draft(name: str, port: int, **fields: Any) -> ServiceDraft:
    """A service on this machine that is sent punches as they arrive."""
    values: dict[str, Any] = {
        "attendance_endpoint": "/api/v1/attendance",
        "users_endpoint": "/api/v1/employees",
        "sync_interval_minutes": 0,
        "timeout_seconds": 5.0,
    }
    return ServiceDraft(name=name, base_url=f"http://127.0.0.1:{port}", **(values | fields))


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition; `trio.TooSlowError` when it does not come."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(POLL_SECONDS)


def free_port() -> int:
    """A port below those that outgoing connections take: a terminal that dials while the server
    is down must find nobody there, not itself or a stranger."""
    for _ in range(100):
        port = random.randrange(15000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("no free port")


def faults_logged(entries: Iterator[dict[str, Any]], allowed: Sequence[str] = ()) -> list[str]:
    """What no run may have in its log: tracebacks, crashes, critical lines."""
    return [
        f"{entry['message']}: {entry.get('traceback', '').strip().splitlines()[-1:]}"
        for entry in entries
        if ("traceback" in entry or entry.get("level") == "critical")
        and not any(words in entry["message"] for words in allowed)
    ]
