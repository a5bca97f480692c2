"""The product as its users run it: a process of its own on a fresh database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from tm20tui.model import utc_now
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault

START_SECONDS = 20.0


@dataclass
class Product:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def rss_kb(self) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        raise RuntimeError("the server is gone")

    async def wait_until_listening(self) -> None:
        """Until terminals and consoles are let in."""
        with trio.fail_after(START_SECONDS):
            while True:
                if self.process.poll() is not None:
                    raise RuntimeError(f"the server ended: see {self.folder / 'log'}")
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", self.port)).aclose()
                    await (await trio.open_unix_socket(self.folder / "control.sock")).aclose()
                    return
                except OSError:
                    await trio.sleep(0.05)


def prepare(folder: Path) -> tuple[Database, Vault]:
    """An empty database and its key, where the server will look for them."""
    database = Database(f"sqlite:///{folder / 'tm20.db'}")
    upgrade(database)
    return database, Vault.open(folder / "secret.key")


def add_service(database: Database, vault: Vault, url: str, *, interval: int) -> int:
    """An HR service at `url`."""
    draft = ServiceDraft(
        name="HR", base_url=url, attendance_endpoint="/api/v1/attendance", sync_interval_minutes=interval
    )
    with database.connect(writing=True) as connection, connection.begin():
        return services.add_service(connection, vault, draft, utc_now()).id


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Product]:
    """A server on the database in `folder`; killed at the end if it does not drain."""
    port = free_port()
    variables = os.environ | {
        "TM20_DATABASE__URL": f"sqlite:///{folder / 'tm20.db'}",
        "TM20_TERMINALS__HOST": "127.0.0.1",
        "TM20_TERMINALS__PORT": str(port),
        "TM20_TERMINALS__ADMISSION": "open",
        "TM20_DELIVERY__ALLOW_PRIVATE_HOSTS": "true",
        "TM20_API__PORT": str(free_port()),
        "TM20_LOG__LEVEL": "warning",
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tm20tui", "--headless"],
            env=variables | environment,
            cwd=folder,
            stderr=log,
            stdout=log,
        )
        try:
            yield Product(process, port, folder)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
