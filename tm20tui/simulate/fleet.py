"""A fleet of simulated terminals: the load of a site, or of a thousand of them, on one server."""

from __future__ import annotations

import math
import random
import ssl
from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

import trio

from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import FleetStats, Tally
from tm20tui.simulate.terminal import Terminal, Traits

DRAIN_POLL_SECONDS = 0.02


class Fleet:
    """Terminals `first` to `first + count - 1`, families in turn. See `run_fleet` for the arguments."""

    def __init__(
        self,
        url: str,
        *,
        count: int,
        rate: float,
        seed: int | None = None,
        families: Sequence[str] = ("TH600", "TH900", "AiFace"),
        duration: float | None = None,
        punches: int | None = None,
        batch: int = 1,
        offline_share: float = 0.0,
        users: int = 50,
        drift_seconds: float = 0.0,
        time_scale: float = 1.0,
        ledger: Ledger | None = None,
        report: Callable[[FleetStats], None] | None = None,
        report_seconds: float = 5.0,
        drain: bool = False,
        drain_seconds: float = 30.0,
        ssl_context: ssl.SSLContext | None = None,
        enrol_seconds: float = 600.0,
        history: int = 5000,
        first: int = 1,
    ) -> None:
        _check(count >= 1, "count must be at least 1")
        _check(rate >= 0, "rate must not be negative")
        _check(batch >= 1, "batch must be at least 1")
        _check(users >= 1, "users must be at least 1")
        _check(0.0 <= offline_share < 1.0, "offline_share must be at least 0 and below 1")
        _check(time_scale > 0, "time_scale must be above 0")
        _check(bool(families), "at least one family is needed")
        for name in families:
            _check(name in FAMILIES, f"family {name!r} is unknown; known are {', '.join(FAMILIES)}")
        self.ledger = ledger if ledger is not None else Ledger(keep=False)
        self.rate = rate
        self._duration = math.inf if duration is None else duration
        self._left = math.inf if punches is None else punches
        self._batch = batch
        self._report = report
        self._report_seconds = report_seconds
        self._drain = drain
        self._drain_seconds = drain_seconds
        self._rng = random.Random(f"fleet/{seed}") if seed is not None else random.Random()
        self._all_made = trio.Event()
        self._tally = Tally()
        self._started_at: float | None = None
        target = Target.from_url(url, ssl_context)
        roster = make_roster(users, seed)
        traits = Traits(
            seed=seed if seed is not None else self._rng.getrandbits(32),
            batch=batch,
            closed_loop=math.isinf(rate),
            time_scale=time_scale,
            drift_seconds=drift_seconds,
            enrol_seconds=enrol_seconds,
            history=history,
        )
        self.terminals = [
            Terminal(
                first + n,
                FAMILIES[families[n % len(families)]],
                roster,
                traits=traits,
                ledger=self.ledger,
                tally=self._tally,
                allowance=self._allow,
            )
            for n in range(count)
        ]
        self._connections = [
            Connection(terminal, target, offline_share=offline_share) for terminal in self.terminals
        ]

    def stats(self) -> FleetStats:
        """The fleet now."""
        tally = self._tally
        now = trio.current_time()
        return FleetStats(
            terminals=len(self.terminals),
            connected=sum(t.is_connected for t in self.terminals),
            registered=sum(t.is_registered for t in self.terminals),
            made=tally.made,
            acked=tally.acked,
            pending=sum(len(t.device.logs.pending) for t in self.terminals),
            frames=tally.frames,
            resends=tally.resends,
            refused=tally.refused,
            commands=tally.commands,
            reconnects=tally.reconnects,
            violations=self.ledger.violation_count,
            ack_p50_seconds=tally.quantile(0.50),
            ack_p99_seconds=tally.quantile(0.99),
            trouble=tally.trouble,
            elapsed_seconds=0.0 if self._started_at is None else now - self._started_at,
        )

    async def run(self) -> FleetStats:
        """Live until the duration is over or all punches are made, then drain if asked to.

        Cancelling hangs up every terminal; the ledger is complete in every case.
        """
        self._started_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            for connection in self._connections:
                nursery.start_soon(connection.run)
            if self._report is not None:
                nursery.start_soon(self._report_regularly, self._report)
            with trio.move_on_after(self._duration):
                await self._people_pass()
            for terminal in self.terminals:
                terminal.closed_loop = False
            if self._drain:
                with trio.move_on_after(self._drain_seconds):
                    await self._until_acknowledged()
            final = self.stats()
            nursery.cancel_scope.cancel()
        return final

    async def _people_pass(self) -> None:
        """Punches at random moments and terminals, `rate` of them a second over the whole fleet."""
        if self.rate == 0 or math.isinf(self.rate):
            await self._all_made.wait()
            return
        mean = self._batch / self.rate
        next_at = trio.current_time()
        while not self._all_made.is_set():
            next_at += self._rng.expovariate(1 / mean)
            if next_at > trio.current_time():
                await trio.sleep_until(next_at)
            else:
                await trio.lowlevel.checkpoint()
            n = int(self._rng.random() * len(self.terminals))
            self.terminals[n].punch(trio.current_time(), self._batch)
            self._connections[n].wake()

    def _allow(self, wanted: int) -> int:
        granted = int(min(wanted, self._left))
        self._left -= granted
        if self._left <= 0:
            self._all_made.set()
        return granted

    async def _until_acknowledged(self) -> None:
        for connection in self._connections:
            connection.stay_online()
        while any(terminal.device.logs.pending for terminal in self.terminals):  # noqa: ASYNC110
            await trio.sleep(DRAIN_POLL_SECONDS)

    async def _report_regularly(self, report: Callable[[FleetStats], None]) -> None:
        while True:
            await trio.sleep(self._report_seconds)
            report(self.stats())


class FleetOptions(TypedDict, total=False):
    """What `run_fleet` and `Fleet` take besides url, count and rate."""

    seed: int | None
    families: Sequence[str]
    duration: float | None
    punches: int | None
    batch: int
    offline_share: float
    users: int
    drift_seconds: float
    time_scale: float
    ledger: Ledger | None
    report: Callable[[FleetStats], None] | None
    report_seconds: float
    drain: bool
    drain_seconds: float
    ssl_context: ssl.SSLContext | None
    enrol_seconds: float
    history: int
    first: int


async def run_fleet(url: str, *, count: int, rate: float, **options: Unpack[FleetOptions]) -> FleetStats:
    """Run a fleet against `url` and return its last statistics.

    `count`: terminals. `rate`: punches a second over the whole fleet, 0 for idle
    terminals, ``inf`` to send the next batch as soon as the last one is acknowledged.
    `seed`: same staff, same order of punches. `families`: dealt out in turn.
    `duration`: seconds, None for ever. `punches`: stop after that many over the fleet.
    `batch`: records of one live frame. `offline_share`: share of the time each terminal
    is away and builds a backlog. `users`: staff, enrollids 1..users. `drift_seconds`: how
    far clocks may be off at the start. `time_scale` multiplies the waits of the firmware.
    `report` is called every `report_seconds`. `drain`: at the end wait, at most
    `drain_seconds`, until everything is acknowledged. `first`: number of the first serial.
    """
    return await Fleet(url, count=count, rate=rate, **options).run()


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
