"""A whole server, simulated terminals that can be cut off, and an HR service that can be told what to say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from tests.ingest.frames import rows
from tests.test_gateway import running, settings_for
from tm20tui.gateway import Gateway
from tm20tui.model import Terminal as TerminalRecord
from tm20tui.model import utc_now
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store import services, terminals
from tm20tui.store.services import ServiceDraft
from tm20tui.tasks import TaskRecord


def terminal_record(**values: Any) -> TerminalRecord:
    """A terminal as the store knows it."""
    fields: dict[str, Any] = dict.fromkeys(TerminalRecord.__slots__)
    return TerminalRecord(**(fields | {"fpalgo": "thbio3.0", "model": "M", "capacity": {}} | values))


@dataclass
class Rig:
    """What a test of users touches."""

    gateway: Gateway
    nursery: trio.Nursery
    hr: HrService
    config_id: int
    ledger: Ledger = field(default_factory=Ledger)

    def call(self, role: Role = "operator") -> Call:
        return Call(self.gateway, Operator("ann", role, "api"))

    async def terminal(
        self, family: str = "TH900", index: int = 1, *, roster: int = 0, scale: float = 0.002
    ) -> tuple[Terminal, int]:
        """A simulated terminal that is connected, and its id here."""
        traits = Traits(seed=1, enrol_seconds=float("inf"), time_scale=scale, patience_seconds=10)
        device = Terminal(
            index, FAMILIES[family], make_roster(roster, 1), traits=traits, ledger=self.ledger, tally=Tally()
        )
        connection = Connection(device, Target.from_url(self.gateway.listener.address))
        self.nursery.start_soon(connection.run)
        await self.online(device)
        found = await self.gateway.database.read(terminals.find_terminal, device.sn)
        assert found is not None
        return device, found.id

    async def online(self, device: Terminal) -> None:
        with trio.fail_after(30):
            while not device.is_registered:
                await trio.sleep(0.01)

    def cut(self, device: Terminal) -> None:
        """End its connection, whatever is in flight."""
        for session in tuple(self.gateway._sessions):
            if session.terminal is not None and session.terminal.sn == device.sn:
                session.end(1001, "cut")

    async def reconnect(self, device: Terminal) -> None:
        """Cut it off and wait until it is back: it sends then what it has kept."""
        self.cut(device)
        with trio.fail_after(30):
            while device.is_registered:
                await trio.sleep(0.005)
        await self.online(device)

    async def told(self, table: str, count: int, *devices: Terminal) -> None:
        """Wait until so many rows are there of what the terminals have kept."""
        for device in devices:
            await self.reconnect(device)
        with trio.fail_after(30):
            while len(await self.rows(table)) < count:
                await trio.sleep(0.02)

    async def finished(self, task: TaskRecord, seconds: float = 60) -> TaskRecord:
        with trio.fail_after(seconds):
            while (task := self.gateway.tasks.get(task.id)).status == "running":
                await trio.sleep(0.02)
        return task

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return await rows(self.gateway.database, table)

    def alarms(self) -> list[str]:
        return [alarm.sentence for alarm in self.gateway.alarms.active() if alarm.key.startswith("users:")]


@asynccontextmanager
async def running_rig(
    url: str, tmp_path: Path, *, people: int = 10, users: dict[str, Any] | None = None
) -> AsyncIterator[Rig]:
    """A server with one HR service that lists `people`, and no terminal yet; `users` are settings."""
    hr = HrService(seed=1, users=people)
    async with (
        running(settings_for(url, tmp_path, users=users or {})) as gateway,
        trio.open_nursery() as nursery,
    ):
        port = await nursery.start(serve_hr, hr, "127.0.0.1", 0)
        draft = ServiceDraft(
            name="HR", base_url=f"http://127.0.0.1:{port}", users_endpoint="/api/v1/employees"
        )
        service = await gateway.database.write(services.add_service, gateway.vault, draft, utc_now())
        rig = Rig(gateway, nursery, hr, service.id)
        yield rig
        nursery.cancel_scope.cancel()
    assert not rig.ledger.violations
