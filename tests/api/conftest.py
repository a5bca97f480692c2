"""The API of a real gateway on a real socket, and a client of it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tm20tui.api import application
from tm20tui.api.server import ApiServer
from tm20tui.gateway import Gateway
from tm20tui.settings import load

# Routes know no gateway; to make them costs more than to start one.
application.RESOURCES = tuple(functools.cache(routes) for routes in application.RESOURCES)


@dataclass(frozen=True, slots=True)
class Running:
    """A running server: its gateway, its API and an HTTP client of it."""

    gateway: Gateway
    server: ApiServer
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        """Where the API listens."""
        return int(self.server.address.rsplit(":", 1)[1].strip("/"))

    async def task(self, task_id: str) -> dict[str, Any]:
        """The task, once it is over."""
        with trio.fail_after(30):
            while True:
                task: dict[str, Any] = (await self.client.get(f"/devices/api/tasks/{task_id}/")).json()[
                    "task"
                ]
                if task["status"] != "running":
                    return task
                await trio.sleep(0.01)


@asynccontextmanager
async def running_api(url: str, tmp_path: Path, **sections: Any) -> AsyncIterator[Running]:
    """A gateway with its API on free ports."""
    settings = load(
        None,
        {
            "state_directory": str(tmp_path),
            "database": {"url": url},
            "site": {"timezone": "UTC"},
            "terminals": {"host": "127.0.0.1", "port": 0},
            "delivery": {"allow_private_hosts": True},
            **sections,
            "api": {"port": 0, "max_body_bytes": 4096, "requests_per_second": 100_000}
            | sections.get("api", {}),
        },
    )
    gateway, server = Gateway(settings), ApiServer(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run, [server])
        # To read the certificates of all authorities takes longer than most tests.
        async with httpx.AsyncClient(
            base_url=server.address, trust_env=False, verify=False, timeout=30
        ) as client:
            yield Running(gateway, server, client)
        gateway.stop()


@pytest.fixture
async def api(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A running server on SQLite."""
    async with running_api(sqlite_url, tmp_path) as running:
        yield running


@pytest.fixture
async def api_on_both(database_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A running server on each engine."""
    async with running_api(database_url, tmp_path) as running:
        yield running
