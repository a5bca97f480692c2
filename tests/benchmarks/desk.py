"""Commands: how many a second go out and are settled, with thousands of terminals that answer at once.

Without sockets: what is measured is the queue, the database and the dispatcher. Each terminal
counts what it was asked and has not answered.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio
from sqlalchemy import Connection

from tests.benchmarks.product import prepare
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import GetTime, Reply, decode
from tm20tui.store import commands, terminals
from tm20tui.store.commands import CommandRecord
from tm20tui.terminals.command_slot import CommandSlot
from tm20tui.terminals.commands import CommandDesk

_GIVE_UP_SECONDS = 600.0
_CHUNK = 200


@dataclass(frozen=True)
class Measured:
    """`most_in_flight` at any one terminal; `at_once` over all of them."""

    per_second: float
    most_in_flight: int
    at_once: int
    confirmed: int


class _Simulated:
    """A session without a socket: what is sent to it is answered within 20 ms."""

    def __init__(self, terminal: Terminal, load: _Load) -> None:
        self.terminal: Terminal | None = terminal
        self.slot = CommandSlot()
        self.wire: Any = self
        self._sn = terminal.sn
        self._load = load
        self._in_flight = 0

    async def send(self, text: str) -> None:
        await trio.lowlevel.checkpoint()
        self._in_flight += 1
        self._load.sent(self._in_flight)
        self._load.nursery.start_soon(self._answer, json.loads(text)["cmd"])

    async def _answer(self, name: str) -> None:
        await trio.sleep(random.uniform(0.0, 0.02))
        self._in_flight -= 1
        self._load.at_once -= 1
        now = f"{utc_now():%Y-%m-%d %H:%M:%S}"
        reply = decode(json.dumps({"ret": name, "sn": self._sn, "result": True, "time": now}))
        assert isinstance(reply, Reply)
        assert self.slot.deliver(reply)

    def end(self, code: int, reason: str) -> None:
        raise AssertionError(reason)


class _Load:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.most_in_flight = 0
        self.at_once = 0
        self.most_at_once = 0

    def sent(self, in_flight: int) -> None:
        self.most_in_flight = max(self.most_in_flight, in_flight)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)


async def measure(folder: Path, *, count: int, each: int) -> Measured:
    """Queue `each` commands for each of `count` terminals, then have them all carried out."""
    database, vault = prepare(folder)
    known: list[Terminal] = []
    for start in range(0, count, _CHUNK):

        def fill(connection: Connection, start: int = start) -> None:
            site_id = terminals.ensure_site(connection, "Default", "UTC")
            for number in range(start, min(start + _CHUNK, count)):
                terminal = terminals.add_terminal(
                    connection,
                    f"BENCH{number:05}",
                    site_id=site_id,
                    admission="approved",
                    direction_policy="terminal",
                    now=utc_now(),
                )
                known.append(terminal)
                for _ in range(each):
                    commands.add_command(
                        connection, vault, terminal.id, GetTime(), operator="bench", now=utc_now()
                    )

        await database.write(fill)
    settled: list[CommandRecord] = []
    done = trio.Event()

    def note(record: CommandRecord) -> None:
        settled.append(record)
        if len(settled) == count * each:
            done.set()

    desk = CommandDesk(database, vault)
    desk.on_settled.append(note)
    async with trio.open_nursery() as nursery:
        load = _Load(nursery)
        sessions = [_Simulated(terminal, load) for terminal in known]
        nursery.start_soon(desk.run)
        begun = time.perf_counter()
        for session in sessions:
            session.slot.registered(True)
            desk.session_ready(session)
        with trio.fail_after(_GIVE_UP_SECONDS):
            await done.wait()
        seconds = time.perf_counter() - begun
        desk.stop()
        nursery.cancel_scope.cancel()
    database.close()
    confirmed = sum(record.status == "confirmed" for record in settled)
    return Measured(count * each / seconds, load.most_in_flight, load.most_at_once, confirmed)
