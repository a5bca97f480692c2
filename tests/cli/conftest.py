"""A server in a process of its own, and shells beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.cli.shell import HOSTILE, Shell
from tests.process.server import serving, until
from tm20tui.model import utc_now
from tm20tui.store.engine import Database
from tm20tui.store.terminals import add_terminal, ensure_site, update_terminal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remote")


@pytest.fixture(scope="module")
def shell(folder: Path) -> Iterator[Shell]:
    """A server with two terminals that wait."""
    with serving(folder / "server") as server:
        server.prepare()
        database = Database(server.database_url)
        with database.connect(writing=True) as connection, connection.begin():
            site = ensure_site(connection, "Default", "UTC")
            for sn in ("ZX1", "ZX2"):
                terminal = add_terminal(
                    connection,
                    sn,
                    site_id=site,
                    admission="pending",
                    direction_policy="terminal",
                    now=utc_now(),
                )
            update_terminal(connection, terminal.id, {"name": HOSTILE})
        database.close()
        server.spawn()
        trio.run(server.ready)
        trio.run(until, lambda: (server.folder / "control.sock").exists())
        yield Shell(server, folder / "cache")


@pytest.fixture
def alone(folder: Path, tmp_path: Path) -> Iterator[Shell]:
    """No server runs."""
    with serving(tmp_path / "nobody") as server:
        yield Shell(server, tmp_path / "cache")
