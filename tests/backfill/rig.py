"""A whole server, and terminals of the simulator that hold more than they sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from tests.ingest.frames import rows
from tm20tui.backfill.completeness import DayCompleteness, read_completeness
from tm20tui.gateway import Gateway
from tm20tui.model import utc_now
from tm20tui.operations.call import Call, Operator
from tm20tui.settings import load
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Ledger, Punch
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store import reconciliations
from tm20tui.store.commands import list_commands
from tm20tui.store.reconciliations import Reconciliation
from tm20tui.store.terminals import find_terminal

Listings = Callable[[str, dict[str, Any]], dict[str, Any] | None]


@dataclass
class Office:
    """A running server and what tests look at of it."""

    gateway: Gateway
    nursery: trio.Nursery
    ledger: Ledger = field(default_factory=Ledger)
    scopes: dict[str, trio.CancelScope] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)

    def call(self) -> Call:
        return Call(self.gateway, Operator("ann", "admin", "console"))

    def make(self, family: str, **changes: Any) -> Terminal:
        """A terminal that is not connected. `changes` of its firmware; it tells its counters once a `reg`."""
        traits = Traits(
            seed=1, enrol_seconds=float("inf"), time_scale=0.01, patience_seconds=10, history=200_000
        )
        made = replace(FAMILIES[family], **({"repeats_reg_seconds": None} | changes))
        index = len(self.scopes) + 1
        return Terminal(index, made, make_roster(45, 1), traits=traits, ledger=self.ledger, tally=Tally())

    async def plug(self, device: Terminal) -> int:
        """Connect a terminal; its id once it is registered."""
        scope = self.scopes[device.sn] = trio.CancelScope()
        connection = Connection(device, Target.from_url(self.gateway.listener.address))
        self.connections[device.sn] = connection

        async def run() -> None:
            with scope:
                await connection.run()

        self.nursery.start_soon(run)
        with trio.fail_after(30):
            while not device.is_registered:
                await trio.sleep(0.005)
        return await self.terminal_id(device.sn)

    def punch(self, device: Terminal) -> None:
        """Somebody passes a terminal that is plugged in."""
        device.punch(trio.current_time(), 1)
        self.connections[device.sn].wake()

    async def unplug(self, device: Terminal) -> None:
        """The connection breaks."""
        self.scopes[device.sn].cancel()
        device.disconnected()
        with trio.fail_after(30):
            while self.gateway.roster.find(device.sn) is not None:
                await trio.sleep(0.005)

    async def terminal_id(self, sn: str) -> int:
        found = await self.gateway.database.read(find_terminal, sn)
        assert found is not None
        return found.id

    async def known(self, terminal_id: int) -> Reconciliation:
        return await self.gateway.database.read(reconciliations.find_reconciliation, terminal_id)

    async def agreed(
        self, terminal_id: int, after: Reconciliation | None = None, *, counted: int | None = None
    ) -> Reconciliation:
        """What is known once the terminal agreed, after `after`, and counted so many.

        One that is not answered at once repeats its `reg`, and may agree again without anything new.
        """
        before = None if after is None else after.agreed_at
        with trio.fail_after(30):
            while True:
                known = await self.known(terminal_id)
                is_new = known.agreed_at not in (None, before) and not known.phase
                if is_new and counted in (None, known.counted):
                    return known
                await trio.sleep(0.02)

    async def finished(self, terminal_id: int, *, pulls: int = 1) -> Reconciliation:
        """What is known once so many pulls are over."""
        last = None
        with trio.fail_after(60):
            while True:
                known = await self.known(terminal_id)
                if known.finished_at is not None and known.finished_at != last:
                    last = known.finished_at
                    pulls -= 1
                if pulls == 0 and not known.phase:
                    return known
                await trio.sleep(0.02)

    async def days(self, terminal_id: int, *days: date) -> list[DayCompleteness]:
        view = self.gateway.roster.views().get(terminal_id)
        return await self.gateway.database.read(
            read_completeness,
            terminal_id,
            min(days),
            max(days),
            now=utc_now(),
            online_since=None if view is None else view.connected_at,
        )

    async def stored(self) -> list[str]:
        """Times of the punches, sorted."""
        return sorted(row["time_raw"] for row in await rows(self.gateway.database, "punches"))

    async def asked(self, terminal_id: int) -> list[tuple[str, str]]:
        """Commands and their outcomes, oldest first."""
        page = await self.gateway.database.read(list_commands, terminal_id=terminal_id, limit=500)
        return [(one.name, one.status) for one in page.commands[::-1]]


@asynccontextmanager
async def running_office(url: str, tmp_path: Path, **sections: Any) -> AsyncIterator[Office]:
    """A server that compares soon after each `reg`."""
    settings = load(
        None,
        {
            "state_directory": str(tmp_path),
            "database": {"url": url},
            "site": {"timezone": "UTC"},
            "terminals": {"host": "127.0.0.1", "port": 0, "admission": "open"},
            "delivery": {"allow_private_hosts": True},
            "clock": {"check_minutes": 0},
            **({"backfill": {"settle_seconds": 0.1}} | sections),
        },
    )
    gateway = Gateway(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run)
        async with trio.open_nursery() as terminals:
            office = Office(gateway, terminals)
            yield office
            terminals.cancel_scope.cancel()
        gateway.stop()
    assert not office.ledger.violations


def punches(count: int, start: datetime, every: timedelta = timedelta(minutes=3)) -> list[Punch]:
    """Punches of many users, one after the other; closer together where some would lie in the future."""
    every = min(every, (utc_now() - start) / count)
    return [
        Punch(number % 45 + 1, f"{start + number * every:%Y-%m-%d %H:%M:%S}", 1, 0, 0)
        for number in range(count)
    ]


def hours_ago(hours: float) -> datetime:
    """A whole minute of today's past, as terminals in UTC print it; never of yesterday."""
    now = utc_now().replace(microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0)
    return max(midnight, now - timedelta(hours=hours))


@dataclass
class Scripted:
    """A terminal whose firmware the test makes up: `answer` gets each command's name and members."""

    office: Office
    answer: Listings
    sn: str = "SCRIPTED1"
    devinfo: dict[str, Any] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[int]:
        """The terminal's id while it is connected and answers."""
        url = self.office.gateway.listener.address
        async with open_websocket_url(url, disconnect_timeout=1) as socket, trio.open_nursery() as nursery:
            reg = {"cmd": "reg", "sn": self.sn, "devinfo": {"firmware": "F1", **self.devinfo}}
            await socket.send_message(json.dumps(reg))
            accepted = json.loads(await socket.get_message())
            assert accepted["result"] is True
            nursery.start_soon(self._serve, socket)
            yield await self.office.terminal_id(self.sn)
            nursery.cancel_scope.cancel()

    async def _serve(self, socket: WebSocketConnection) -> None:
        while True:
            try:
                frame = json.loads(await socket.get_message())
            except ConnectionClosed:
                return
            if "cmd" not in frame:
                continue
            self.heard.append(frame)
            members = self.answer(frame["cmd"], frame)
            if members is not None:
                reply = {"ret": frame["cmd"], "sn": self.sn, "result": True} | members
                await socket.send_message(json.dumps(reply))


def page(records: list[Punch], start: int, size: int = 50, **members: Any) -> dict[str, Any]:
    """One page of a listing, `to` exclusive and `count` the total unless `members` say otherwise."""
    part = records[start : start + size]
    listed = [
        {"enrollid": one.enrollid, "time": one.time, "mode": one.mode, "inout": one.inout, "event": one.event}
        for one in part
    ]
    return {"count": len(records), "from": start, "to": start + len(part), "record": listed} | members


@contextmanager
def violations_allowed(office: Office) -> Iterator[None]:
    """A kill in the middle may look like one."""
    yield
    office.ledger.violations.clear()
