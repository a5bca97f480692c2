"""Users to one terminal whose connection is cut, by a server that is killed: nobody missing, none twice.

The terminal lives in this process and survives every kill, so that it is the witness of what it
was told and of what it holds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import trio
from sqlalchemy import Connection as StoreConnection

from tests.process.server import Server, free_port, serving, until
from tm20tui.simulate import commands as firmware
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.device import Device
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store import terminals
from tm20tui.store.engine import Database
from tm20tui.store.hr_users import add_site_users

PACKET = 40


@dataclass(frozen=True)
class Plan:
    """One run: after which shares of the users the terminal is cut off, or the server is killed."""

    users: int
    cuts: tuple[float, ...] = (0.2, 0.5, 0.8)
    kills: tuple[float, ...] = (0.35,)
    family: str = "TH900"
    time_scale: float = 0.01
    seconds: float = 300.0


@dataclass
class Outcome:
    """What a run saw. `told` counts how often each user's name was told to the terminal."""

    seconds: float = 0.0
    task: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    shares: list[tuple[str, int, int]] = field(default_factory=list)
    told: Counter[int] = field(default_factory=Counter)
    held: dict[int, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    commands: int = 0


def name_of(number: int) -> str:
    """The name of a user by enrollid."""
    return f"Employee {number}"


async def load_users(plan: Plan, folder: Path, tell: Callable[[str], object] = lambda _: None) -> Outcome:
    """Do what the plan says."""
    port = free_port()
    settings = {"TM20_API__ENABLED": "true", "TM20_API__PORT": str(port)}
    with serving(folder, **settings) as server:
        _prepare(server, plan.users)
        await server.start()
        return await _Run(plan, server, f"http://127.0.0.1:{port}/devices/api", tell).run()


def _prepare(server: Server, count: int) -> None:
    server.prepare()
    now = datetime.now(UTC)

    def fill(connection: StoreConnection) -> None:
        site_id = terminals.ensure_site(connection, "Default", "UTC")
        rows = [{"enrollid": str(number), "name": name_of(number)} for number in range(1, count + 1)]
        add_site_users(connection, site_id, rows, now)

    database = Database(server.database_url)
    with database.connect(writing=True) as connection, connection.begin():
        fill(connection)
    database.close()


class _Run:
    def __init__(self, plan: Plan, server: Server, api: str, tell: Callable[[str], object]) -> None:
        self.plan = plan
        self.server = server
        self.api = api
        self.outcome = Outcome()
        self._tell = tell
        self._ledger = Ledger()
        traits = Traits(seed=1, enrol_seconds=float("inf"), time_scale=plan.time_scale, patience_seconds=10)
        self.device = Terminal(
            1, FAMILIES[plan.family], [], traits=traits, ledger=self._ledger, tally=Tally()
        )

    async def run(self) -> Outcome:
        whole = firmware._HANDLERS["setusername"]

        def counted(device: Device, message: dict[str, Any]) -> dict[str, Any]:
            self.outcome.told.update(row["enrollid"] for row in message["record"])
            return whole(device, message)

        firmware._HANDLERS["setusername"] = counted
        try:
            async with trio.open_nursery() as nursery, httpx.AsyncClient(timeout=30) as self.client:
                scope = await self._dial(nursery)
                begun = time.monotonic()
                with trio.fail_after(self.plan.seconds):
                    await self._load(nursery, scope)
                self.outcome.seconds = time.monotonic() - begun
                nursery.cancel_scope.cancel()
        finally:
            firmware._HANDLERS["setusername"] = whole
        self.outcome.held = {one.enrollid: one.name for one in self.device.device.users.rows.values()}
        self.outcome.violations = [str(one) for one in self._ledger.violations]
        self.outcome.commands = self.device.tally.commands
        return self.outcome

    async def _dial(self, nursery: trio.Nursery) -> trio.CancelScope:
        scope = trio.CancelScope()

        async def connected() -> None:
            with scope:
                await Connection(self.device, Target.from_url(self.server.url)).run()

        nursery.start_soon(connected)
        await until(lambda: self.device.is_registered, 30)
        return scope

    async def _load(self, nursery: trio.Nursery, scope: trio.CancelScope) -> None:
        sent = await self.client.post(f"{self.api}/sync/users/to-terminal/", json={"terminal_id": 1})
        task_id = sent.json()["task_id"]
        shocks = sorted([(at, "cut") for at in self.plan.cuts] + [(at, "kill") for at in self.plan.kills])
        for share, shock in shocks:
            task = await self._until(task_id, int(share * self.plan.users))
            self.outcome.shares.append((shock, task["done"], task["total"]))
            self._tell(f"{shock} after {task['done']} of {task['total']}")
            if shock == "kill":
                self.server.kill()
                await self.server.start()
            else:
                scope.cancel()
                await until(lambda: not self.device.is_registered)
                scope = await self._dial(nursery)
        self.outcome.task = await self._until(task_id, None)
        loads = (await self.client.get(f"{self.api}/sync/users/loads/")).json()["loads"]
        (self.outcome.load,) = loads

    async def _until(self, task_id: str, done: int | None) -> dict[str, Any]:
        """The task once so many are done, or it is over."""
        while True:
            try:
                answer = await self.client.get(f"{self.api}/tasks/{task_id}/")
            except httpx.TransportError:
                await trio.sleep(0.05)
                continue
            # A server that is up again does not know it before it has taken up what was left.
            if answer.status_code == 200:
                task: dict[str, Any] = answer.json()["task"]
                if task["status"] != "running" or (done is not None and task["done"] >= done):
                    return task
            await trio.sleep(0.02)
