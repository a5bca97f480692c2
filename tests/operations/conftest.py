"""A gateway's parts for operations: a real store and writer, a dispatcher that only remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from tests.ingest.frames import rows
from tests.store.factories import NOON
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.writer import GroupWriter
from tm20tui.model import Terminal
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.settings import load
from tm20tui.store import terminals
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.tasks import Tasks


class FakeDispatcher:
    """Remembers whose news came; every courier goes next at `next_round_at`."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.edits = 0
        self.next_round_at: datetime | None = None

    def news(self, service_ids: Iterable[int]) -> None:
        self.told += service_ids

    def services_changed(self) -> None:
        self.edits += 1

    def status(self) -> list[Any]:
        return [SimpleNamespace(service_id=ident, next_round_at=self.next_round_at) for ident in range(1, 9)]


class FakeRoster:
    """Nobody is connected; remembers which terminals changed."""

    def __init__(self) -> None:
        self.refreshed: list[Terminal] = []

    def refresh(self, terminal: Terminal) -> None:
        self.refreshed.append(terminal)

    def views(self) -> dict[int, Any]:
        return {}

    def find_view(self, _terminal_id: int) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Desk:
    """What a test of operations touches."""

    database: Database
    vault: Vault
    dispatcher: FakeDispatcher
    roster: FakeRoster
    gateway: Gateway

    def call(self, role: Role = "admin", name: str = "ann") -> Call:
        return Call(self.gateway, Operator(name, role, "console", "tty1"))

    async def audited(self) -> list[tuple[str, str]]:
        """(operation, outcome) of every audit line."""
        return [(row["operation"], row["outcome"]) for row in await rows(self.database, "audit")]


@pytest.fixture
async def desk(database: Database, vault: Vault, nursery: trio.Nursery) -> AsyncIterator[Desk]:
    """The parts over an empty store, with the default site `Default` in UTC."""
    settings = load(None, {"site": {"timezone": "UTC"}})
    site_id = await database.write(terminals.ensure_site, "Default", "UTC")
    dispatcher, roster = FakeDispatcher(), FakeRoster()
    writer = GroupWriter(database, vault, IngestConfig(), site_id, dispatcher.news)
    parts = SimpleNamespace(
        database=database,
        vault=vault,
        settings=settings,
        dispatcher=dispatcher,
        roster=roster,
        writer=writer,
        events=EventBus(),
        tasks=Tasks(nursery),
        users=SimpleNamespace(removes_leavers=False, look=lambda: None),
        started_at=NOON,
        site_id=site_id,
    )
    nursery.start_soon(writer.run)
    yield Desk(database, vault, dispatcher, roster, cast(Gateway, parts))
    writer.close()
