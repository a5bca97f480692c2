"""Kills the server again and again under a fleet that resends, then lets all drain and verifies.

The fleet and the HR services live in this process and survive every kill, so that they
are witnesses: what was acknowledged, what was received.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import trio

from tests.crash.verify import Findings, Promises, verify, verify_durable
from tests.process.server import ZONE, Died, Server, faults_logged, service_draft, serving, until
from tm20tui.simulate.fleet import Fleet
from tm20tui.simulate.hr import Fault, HrService, serve_hr
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.stats import FleetStats

MOMENTS = ("under load", "service stored", "starting", "acknowledging", "draining", "service answers")
START_SECONDS = 0.6
"""About as long as a start takes; a kill while starting comes within it."""


@dataclass(frozen=True)
class Plan:
    """One run. `patient` lets services put records off, which takes a minute to drain."""

    kills: int
    seed: int
    terminals: int = 12
    rate: float = 80.0
    time_scale: float = 0.03
    load_seconds: float = 1.0
    migration_kills: int = 3
    patient: bool = False
    drain_seconds: float = 60.0


@dataclass
class Outcome:
    """What a run found. `kills` by moment; `refused_starts`: the lock of the killed was still there."""

    findings: Findings = field(default_factory=Findings)
    kills: Counter[str] = field(default_factory=Counter)
    fleet: FleetStats | None = None
    receivers: dict[int, HrService] = field(default_factory=dict)
    refused_starts: int = 0
    slowest_start_seconds: float = 0.0
    drain_seconds: float = 0.0
    seconds: float = 0.0


class EndableFleet(Fleet):
    """A fleet whose people stop passing when the test says so."""

    def finish(self) -> None:
        self._all_made.set()


async def crash(
    plan: Plan, folder: Path, database_url: str | None = None, tell: Callable[[str], object] = lambda _: None
) -> Outcome:
    """Do what the plan says. Violations are in the outcome; an exception is a fault of the harness,
    or a server that does not start."""
    begun = time.monotonic()
    with serving(folder, database_url) as server:
        run = _Run(plan, server, tell)
        await run.kill_migrations()
        async with trio.open_nursery() as nursery:
            await run.open_services(nursery)
            await run.kill_under_load(nursery)
            await run.drain()
            nursery.cancel_scope.cancel()
        run.judge()
    run.outcome.seconds = time.monotonic() - begun
    return run.outcome


class _Run:
    def __init__(self, plan: Plan, server: Server, tell: Callable[[str], object]) -> None:
        self.plan = plan
        self.server = server
        self.outcome = Outcome()
        self._tell = tell
        self._rng = random.Random(f"crash/{plan.seed}")
        self._fleet = EndableFleet(
            server.url,
            count=plan.terminals,
            rate=plan.rate,
            seed=plan.seed,
            offline_share=0.15,
            time_scale=plan.time_scale,
            enrol_seconds=5.0 / plan.time_scale,
            drift_seconds=30.0,
            ledger=Ledger(),
            drain=True,
            drain_seconds=plan.drain_seconds,
        )
        self._fleet_done = trio.Event()

    async def kill_migrations(self) -> None:
        """The first starts, on an empty database, end while the schema is made."""
        for _ in range(self.plan.migration_kills):
            self.server.spawn()
            await trio.sleep(self._rng.uniform(0.05, START_SECONDS))
            self._kill("migrating")

    async def open_services(self, nursery: trio.Nursery) -> None:
        """Two HR services, one of which is slower and has small batches."""
        drafts = []
        receivers = []
        for name, fields in (("first", {}), ("second", {"batch_size": 7, "timeout_seconds": 1.0})):
            receiver = HrService(seed=self.plan.seed, users=50, hang_seconds=600.0, retry_after_seconds=0.2)
            port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
            drafts.append(service_draft(name, port, **fields))
            receivers.append(receiver)
        ids = self.server.prepare(*drafts)
        self.outcome.receivers = dict(zip(ids, receivers, strict=True))

    async def kill_under_load(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._live)
        moments = [MOMENTS[n % len(MOMENTS)] for n in range(self.plan.kills)]
        self._rng.shuffle(moments)
        for number, moment in enumerate(moments, 1):
            self._set_faults()
            await getattr(self, "_kill_" + moment.replace(" ", "_"))()
            self._check_durable()
            stats = self._fleet.stats()
            self._tell(
                f"kill {number:3} {moment:15} made {stats.made:6} acked {stats.acked:6} "
                f"violations {self.outcome.findings.violations.total()}"
            )
        self._set_faults(none=True)

    async def drain(self) -> None:
        """Everything works from now on: all is acknowledged, sent and stopped in order."""
        begun = time.monotonic()
        await self._start()
        self._fleet.finish()
        with trio.move_on_after(self.plan.drain_seconds):
            await self._fleet_done.wait()
            made = self._fleet.stats().made
            await until(
                lambda: all(len(receiver.records) >= made for receiver in self.outcome.receivers.values()),
                self.plan.drain_seconds,
            )
        self.outcome.fleet = self._fleet.stats()
        code = await self.server.stop()
        if code != 0:
            self.outcome.findings.broken("the last stop did not exit 0", code)
        self.outcome.drain_seconds = time.monotonic() - begun

    def judge(self) -> None:
        promises = Promises(list(self._fleet.ledger.entries()), self.outcome.receivers, ZoneInfo(ZONE))
        found = verify(self.server.database_url, promises)
        for kind, examples in self.outcome.findings.examples.items():
            found.violations[kind] += self.outcome.findings.violations[kind]
            found.examples[kind] += examples
        for words, count in self._fleet.ledger.violations.items():
            found.broken(f"the server broke the protocol: {words}", count)
        for line in faults_logged(self.server.log_entries()):
            found.broken("the server's log", line)
        self.outcome.findings = found

    # ------------------------------------------------------------ moments

    async def _kill_under_load(self) -> None:
        await self._start()
        await trio.sleep(self._rng.uniform(0.0, self.plan.load_seconds))
        self._kill("under load")

    async def _kill_service_stored(self) -> None:
        """Between POST and settle: the service holds the batch, and we shall never know."""
        await self._kill_between(Fault.TIMEOUT, "service stored")

    async def _kill_service_answers(self) -> None:
        """While an answer drips in."""
        await self._kill_between(Fault.SLOW, "service answers")

    async def _kill_between(self, fault: Fault, moment: str) -> None:
        receiver = self._rng.choice(list(self.outcome.receivers.values()))
        receiver.fault, receiver.share = fault, 1.0
        await self._start()
        taken = receiver.requests.total()
        with trio.move_on_after(30):
            await until(lambda: receiver.requests.total() > taken)
        await trio.sleep(self._rng.uniform(0.0, 0.2))
        self._kill(moment)

    async def _kill_starting(self) -> None:
        self.server.spawn()
        await trio.sleep(self._rng.uniform(0.0, START_SECONDS))
        self._kill("starting")

    async def _kill_acknowledging(self) -> None:
        """Right when an acknowledgement has arrived: others of its commit are on their way."""
        await self._start()
        await trio.sleep(self._rng.uniform(0.0, 0.5))
        acked = self._fleet.stats().acked
        with trio.move_on_after(30):
            while self._fleet.stats().acked == acked:
                await trio.sleep(0)
        self._kill("acknowledging")

    async def _kill_draining(self) -> None:
        await self._start()
        await trio.sleep(self._rng.uniform(0.0, self.plan.load_seconds))
        self.server.signal(signal.SIGTERM)
        await trio.sleep(self._rng.uniform(0.0, 0.1))
        self._kill("draining" if self.server.is_running else "drained")

    # ------------------------------------------------------------ tools

    async def _live(self) -> None:
        await self._fleet.run()
        self._fleet_done.set()

    def _kill(self, moment: str) -> None:
        self.server.kill()
        self.outcome.kills[moment] += 1

    async def _start(self) -> None:
        begun = time.monotonic()
        for _ in range(100):
            try:
                await self.server.start()
                break
            except Died:
                # PostgreSQL may need a moment to notice that the holder of the lock is dead.
                if "another tm20tui server uses" not in self.server.said():
                    raise
                self.outcome.refused_starts += 1
                await trio.sleep(0.05)
        seconds = time.monotonic() - begun
        self.outcome.slowest_start_seconds = max(self.outcome.slowest_start_seconds, seconds)

    def _set_faults(self, *, none: bool = False) -> None:
        choices = [Fault.NONE, Fault.NONE, Fault.RESET_AFTER, Fault.SERVER_ERROR, Fault.SLOW, Fault.THROTTLE]
        if self.plan.patient:
            choices += [Fault.PARTIAL, Fault.MIXED]
        for receiver in self.outcome.receivers.values():
            receiver.fault = Fault.NONE if none else self._rng.choice(choices)
            receiver.share = 0.5

    def _check_durable(self) -> None:
        """Look at a copy, so that the next start finds the files just as the kill left them."""
        url, entries = self.server.database_url, self._fleet.ledger.entries()
        if not url.startswith("sqlite:///"):
            verify_durable(url, entries, self.outcome.findings)
            return
        path, copy = Path(url.removeprefix("sqlite:///")), self.server.folder / "copy.db"
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            target = copy.with_name(copy.name + suffix)
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, target)
        verify_durable(f"sqlite:///{copy}", entries, self.outcome.findings)
