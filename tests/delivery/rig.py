"""A dispatcher on a real database and a real HTTP server, with a clock that only moves when told.

A test must name `mock_clock` among its own arguments, or its run uses the real clock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import trio
import trio.testing
from sqlalchemy import Connection, text

from tests.store.factories import add_punches, add_terminal
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.dispatcher import Dispatcher
from tm20tui.events import EventBus
from tm20tui.model import Service
from tm20tui.simulate.hr import serve_hr
from tm20tui.simulate.hr_service import HrService, Reply, Request
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service, get_service
from tm20tui.store.vault import Vault

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PATIENCE_SECONDS = 30.0
JSON = (("content-type", "application/json"),)

Answer = Callable[[Request], Reply | None]


class Receiver(HrService):
    """The simulated HR service, with answers of the test's own before its usual ones."""

    def __init__(self, **options: Any) -> None:
        super().__init__(seed=1, **options)
        self.seen: list[Request] = []
        self.script: list[Answer] = []
        self.always: Answer | None = None

    def handle(self, request: Request) -> Reply:
        self.seen.append(request)
        answer = self.script.pop(0) if self.script else self.always
        reply = answer(request) if answer is not None else None
        return reply if reply is not None else super().handle(request)

    @property
    def keys(self) -> list[str]:
        return [request.headers["idempotency-key"] for request in self.seen]


def says(status: int, body: bytes = b"{}", *headers: tuple[str, str], **how: Any) -> Answer:
    return lambda request: Reply(status, body, (*(headers or JSON),), **how)


@dataclass
class Rig:
    """Everything a test touches."""

    database: Database
    vault: Vault
    clock: trio.testing.MockClock
    receiver: Receiver
    port: int
    config: DeliveryConfig
    nursery: trio.Nursery
    node: str = "here"
    events: EventBus = field(default_factory=EventBus)
    dispatcher: Dispatcher = field(init=False)

    @property
    def started_at(self) -> datetime:
        return START

    def now(self) -> datetime:
        return START + timedelta(seconds=self.clock.current_time() - self._zero)

    def __post_init__(self) -> None:
        assert isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock), (
            "name mock_clock in the test"
        )
        self._zero = self.clock.current_time()
        self.terminal_id = 0
        self.receiver.now = lambda: self.now().timestamp()

    async def add_service(self, **values: Any) -> Service:
        fields: dict[str, Any] = {
            "name": "hr",
            "base_url": f"http://127.0.0.1:{self.port}",
            "attendance_endpoint": "/api/v1/attendance",
            "sync_interval_minutes": 0,
        }
        draft = ServiceDraft(**(fields | values))
        return await self.database.write(lambda conn: add_service(conn, self.vault, draft, self.now()))

    async def punch(self, count: int, **values: Any) -> list[int]:
        """Punches owed to every service, and the news of them."""

        def work(conn: Connection) -> list[int]:
            if not self.terminal_id:
                self.terminal_id = add_terminal(conn)
            first = conn.scalar(text("SELECT COUNT(*) FROM punches")) or 0
            return add_punches(conn, self.terminal_id, count, first=first, **values)

        ids = await self.database.write(work)
        if hasattr(self, "dispatcher"):
            self.dispatcher.news(
                await self.database.read(lambda conn: list(conn.scalars(text("SELECT id FROM services"))))
            )
        return ids

    async def start(self) -> trio.CancelScope:
        """A dispatcher of its own nursery task; cancelling the scope is a crash."""
        self.dispatcher = Dispatcher(
            self.database,
            self.vault,
            self.config,
            self.node,
            now=self.now,
            random=lambda: 0.5,
            events=self.events,
        )
        scope = trio.CancelScope()

        async def run(task_status: trio.TaskStatus[None]) -> None:
            with scope:
                await self.dispatcher.run(task_status=task_status)

        await self.nursery.start(run)
        return scope

    async def until(self, condition: Callable[[], Any] | Callable[[], Awaitable[Any]]) -> Any:
        """Wait in real time, while the clock of the program stands still."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            assert time.monotonic() < end, f"never happened; health {self.health()}, {self.receiver.requests}"
            await trio.to_thread.run_sync(time.sleep, 0.002)

    async def until_settled(self, **wanted: int) -> None:
        """Until exactly so many deliveries are in each status."""
        await self.until(lambda: self._statuses(wanted))

    async def _statuses(self, wanted: dict[str, int]) -> bool:
        return await self.database.read(all_statuses) == {k.replace("_", " "): v for k, v in wanted.items()}

    def health(self) -> str:
        states = self.dispatcher.status()
        return states[0].health if states else ""

    async def until_health(self, health: str) -> str:
        """Until the first courier is in that state and at rest; returns the reason."""
        await self.until(
            lambda: self.health() == health and self.dispatcher.status()[0].in_flight_since is None
        )
        return self.dispatcher.status()[0].reason

    async def service(self, service_id: int = 1) -> Service:
        return await self.database.read(get_service, service_id)

    async def quiet(self, requests: int) -> None:
        """Real time passes, and the receiver hears nothing more."""
        await trio.to_thread.run_sync(time.sleep, 0.05)
        assert len(self.receiver.seen) == requests

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        return await self.database.read(lambda conn: [tuple(row) for row in conn.execute(text(query))])


def all_statuses(conn: Connection) -> dict[str, int]:
    rows: Iterable[Any] = conn.execute(text("SELECT status, COUNT(*) FROM deliveries GROUP BY status"))
    return {status: count for status, count in rows}  # noqa: C416 (rows are no pairs to a type checker)


@contextlib.asynccontextmanager
async def open_rig(
    database: Database, vault: Vault, clock: trio.testing.MockClock, **options: Any
) -> AsyncIterator[Rig]:
    config = options.pop("config", DeliveryConfig(allow_private_hosts=True))
    receiver = Receiver(**options)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        yield Rig(database, vault, clock, receiver, port, config, nursery)
        nursery.cancel_scope.cancel()
