"""A whole server with simulated terminals of chosen families, for operations that ask something of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trio

from tests.ingest.frames import rows
from tm20tui.gateway import Gateway
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.settings import load
from tm20tui.simulate.fleet import Fleet
from tm20tui.simulate.terminal import Terminal
from tm20tui.store.terminals import find_terminal
from tm20tui.tasks import TaskRecord


@dataclass(frozen=True, slots=True)
class Site:
    """A running server and its simulated terminals, by family."""

    gateway: Gateway
    devices: dict[str, Terminal]

    def call(self, role: Role = "admin") -> Call:
        return Call(self.gateway, Operator("ann", role, "console"))

    async def terminal_id(self, family: str) -> int:
        found = await self.gateway.database.read(find_terminal, self.devices[family].sn)
        assert found is not None
        return found.id

    def teach(self, family: str, *names: str) -> None:
        """Let a firmware know more commands than it does."""
        device = self.devices[family].device
        device.family = replace(device.family, commands=device.family.commands | set(names))

    async def audited(self) -> list[tuple[str, str]]:
        return [(row["operation"], row["outcome"]) for row in await rows(self.gateway.database, "audit")]

    async def result(self, task: TaskRecord) -> Any:
        with trio.fail_after(30):
            while (found := self.gateway.tasks.get(task.id)).status == "running":
                await trio.sleep(0.01)
        assert found.status == "done", found.error
        return found.result


@asynccontextmanager
async def running_site(
    url: str, tmp_path: Path, families: tuple[str, ...] = ("TH600", "TH900", "AiFace"), **sections: Any
) -> AsyncIterator[Site]:
    """Everything connected and registered; no terminal does anything by itself."""
    settings = load(
        None,
        {
            "state_directory": str(tmp_path),
            "database": {"url": url},
            "site": {"timezone": "UTC"},
            "terminals": {"host": "127.0.0.1", "port": 0, "admission": "open"},
            **sections,
        },
    )
    gateway = Gateway(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run)
        fleet = Fleet(
            gateway.listener.address,
            count=len(families),
            rate=0,
            seed=1,
            families=families,
            time_scale=0.02,
            enrol_seconds=float("inf"),
        )
        async with trio.open_nursery() as terminals:
            terminals.start_soon(fleet.run)
            with trio.fail_after(30):
                while gateway.commands.statistics().connected < len(families):
                    await trio.sleep(0.01)
            yield Site(gateway, dict(zip(families, fleet.terminals, strict=True)))
            terminals.cancel_scope.cancel()
        gateway.stop()
    assert not fleet.ledger.violation_count
