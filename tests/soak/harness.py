"""A site in miniature for many minutes: many terminals, HR services that fail in every way.

At the end the services work again, everything drains, and the same verifier as after
kills compares all books. The server's memory is sampled all the while.
"""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx
import trio

from tests.crash.harness import EndableFleet
from tests.crash.verify import Findings, Promises, verify
from tests.process.server import ZONE, Server, faults_logged, free_port, service_draft, serving
from tm20tui.simulate.fleet import Fleet
from tm20tui.simulate.hr import Fault, HrService, serve_hr
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.stats import FleetStats

POISON = (7, 31)
EVERY_FAULT = (
    Fault.SERVER_ERROR,
    Fault.THROTTLE,
    Fault.TIMEOUT,
    Fault.TIMEOUT_BEFORE,
    Fault.GARBAGE,
    Fault.RESET,
    Fault.RESET_AFTER,
    Fault.PARTIAL,
    Fault.REDIRECT,
    Fault.BIG,
    Fault.SLOW,
    Fault.MIXED,
    Fault.AUTH,
    Fault.GONE,
)
# After these deliveries are paused until an operator acts.
PAUSING = (Fault.AUTH, Fault.GONE)
# A record that a service puts off waits a minute.
QUICK_FAULTS = tuple(fault for fault in EVERY_FAULT if fault not in (Fault.PARTIAL, Fault.MIXED))
GROWTH_ALLOWED = 0.10


@dataclass(frozen=True)
class Plan:
    """One soak. `time_scale` shortens the waits of the firmware, and with them a terminal's absences."""

    seconds: float
    terminals: int
    rate: float
    seed: int
    faults: Sequence[Fault] = EVERY_FAULT
    fault_seconds: float = 4.0
    timeout_seconds: float = 2.0
    time_scale: float = 0.2
    drain_seconds: float = 300.0


class Sample(NamedTuple):
    """The server at one moment since the start."""

    seconds: float
    rss_kib: int


@dataclass
class Outcome:
    """What a soak found."""

    findings: Findings = field(default_factory=Findings)
    fleet: FleetStats | None = None
    receivers: dict[int, HrService] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    cpu_seconds: float = 0.0
    drain_seconds: float = 0.0

    def rss_mib(self, start: float, end: float) -> float | None:
        """The median between two moments, None when there is no sample."""
        found = [sample.rss_kib for sample in self.samples if start <= sample.seconds < end]
        return statistics.median(found) / 1024 if found else None


async def soak(plan: Plan, folder: Path, tell: Callable[[str], object] = lambda _: None) -> Outcome:
    """Do what the plan says. Violations are in the outcome."""
    outcome = Outcome()
    api_port = free_port()
    settings = {
        "TM20_DELIVERY__BACKOFF_SECONDS": "[0.2, 0.5, 1, 2]",
        "TM20_API__ENABLED": "true",
        "TM20_API__PORT": str(api_port),
    }
    with serving(folder, **settings) as server:
        async with trio.open_nursery() as nursery:
            await _open_services(plan, server, outcome, nursery)
            await server.start()
            fleet = EndableFleet(
                server.url,
                count=plan.terminals,
                rate=plan.rate,
                seed=plan.seed,
                offline_share=0.1,
                drift_seconds=60.0,
                time_scale=plan.time_scale,
                ledger=Ledger(),
                report=lambda stats: tell(_progress(stats, outcome)),
                report_seconds=20.0,
                drain=True,
                drain_seconds=plan.drain_seconds,
            )
            fleet_done = trio.Event()
            nursery.start_soon(_live, fleet, fleet_done)
            nursery.start_soon(_sample, server, outcome)
            with trio.move_on_after(plan.seconds + plan.drain_seconds):
                await _fail_in_turn(plan, outcome, api_port)
            for service_id in outcome.receivers:
                await _resume(service_id, outcome, api_port)
            await _drain(plan, server, outcome, fleet, fleet_done, api_port)
            outcome.cpu_seconds = _cpu_seconds(server.pid)
            nursery.cancel_scope.cancel()
        outcome.fleet = fleet.stats()
        if (code := await server.stop()) != 0:
            outcome.findings.broken("the server did not exit 0", code)
        _judge(plan, server, outcome, fleet)
    return outcome


async def _open_services(plan: Plan, server: Server, outcome: Outcome, nursery: trio.Nursery) -> None:
    drafts, receivers = [], []
    for name in ("first", "second"):
        receiver = HrService(
            seed=plan.seed, poison_enrollids=POISON, hang_seconds=60.0, retry_after_seconds=1.0, big_above=40
        )
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        drafts.append(service_draft(name, port, timeout_seconds=plan.timeout_seconds, retry_attempts=1))
        receivers.append(receiver)
    outcome.receivers = dict(zip(server.prepare(*drafts), receivers, strict=True))


async def _live(fleet: Fleet, done: trio.Event) -> None:
    await fleet.run()
    done.set()


async def _fail_in_turn(plan: Plan, outcome: Outcome, api_port: int) -> None:
    """Half of the requests fail, in another way every few seconds; each service at its own place.

    It lasts as long as planned, and on until every service was sent a batch of unknown outcome again.
    What a service that refused us needs is an operator, who comes at the end of its turn.
    """
    rng = random.Random(f"soak/{plan.seed}")
    turns: dict[int, Iterator[Fault]] = {}
    for service_id in outcome.receivers:
        faults = list(plan.faults)
        rng.shuffle(faults)
        turns[service_id] = itertools.cycle(faults)
    ends = trio.current_time() + plan.seconds
    receivers = outcome.receivers.values()
    while trio.current_time() < ends or not all(receiver.counts["replayed"] for receiver in receivers):
        for service_id, receiver in outcome.receivers.items():
            before = receiver.fault
            receiver.fault, receiver.share = next(turns[service_id]), 0.5
            if before in PAUSING:
                await _resume(service_id, outcome, api_port)
        await trio.sleep(plan.fault_seconds)


def _operator(api_port: int) -> httpx.AsyncClient:
    """To read the certificates of all authorities would cost more than what is asked."""
    url = f"http://127.0.0.1:{api_port}/devices/api/"
    return httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=30)


async def _resume(service_id: int, outcome: Outcome, api_port: int) -> None:
    """As an operator: say that the service is to be tried again."""
    receiver = outcome.receivers[service_id]
    if receiver.fault in PAUSING:
        receiver.fault = Fault.NONE
    async with _operator(api_port) as client:
        answer = await client.post("attendance/manual-sync/", json={"config_id": service_id})
    if answer.status_code != 200:
        outcome.findings.broken("the API refused to resume a service", answer.text[:200])


async def _sample(server: Server, outcome: Outcome) -> None:
    started = trio.current_time()
    while server.is_running:
        outcome.samples.append(Sample(trio.current_time() - started, _rss_kib(server.pid)))
        await trio.sleep(1.0)


async def _release(database_url: str, outcome: Outcome, api_port: int) -> None:
    """As an operator: have sent anew what may have arrived and, by the service's books, did not."""
    query = "SELECT punch_id, service_id FROM deliveries WHERE status = 'held'"
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
        held = connection.execute(query).fetchall()
    async with _operator(api_port) as client:
        for punch_id, service_id in held:
            if punch_id in outcome.receivers[service_id].records:
                outcome.findings.broken("held although it arrived and was never refused", punch_id)
                continue
            await client.post(f"attendance/{punch_id}/release/")


async def _drain(
    plan: Plan,
    server: Server,
    outcome: Outcome,
    fleet: EndableFleet,
    fleet_done: trio.Event,
    api_port: int,
) -> None:
    begun = time.monotonic()
    for receiver in outcome.receivers.values():
        receiver.fault = Fault.NONE
    fleet.finish()
    # What a busy machine does not answer in time would be doubted again and again.
    async with _operator(api_port) as client:
        for service_id in outcome.receivers:
            await client.patch(f"third-party-configs/{service_id}/", json={"timeout_seconds": 30.0})
    with trio.move_on_after(plan.drain_seconds):
        await fleet_done.wait()
        while _owed(server.database_url):
            await _release(server.database_url, outcome, api_port)
            await trio.sleep(0.1)
    outcome.drain_seconds = time.monotonic() - begun


def _judge(plan: Plan, server: Server, outcome: Outcome, fleet: Fleet) -> None:
    promises = Promises(list(fleet.ledger.entries()), outcome.receivers, ZoneInfo(ZONE), poison=POISON)
    earlier = outcome.findings
    outcome.findings = found = verify(server.database_url, promises)
    for kind, count in earlier.violations.items():
        found.violations[kind] += count
        found.examples[kind] += earlier.examples[kind]
    for words, count in fleet.ledger.violations.items():
        found.broken(f"the server broke the protocol: {words}", count)
    for line in faults_logged(server.log_entries()):
        found.broken("the server's log", line)
    early, late = outcome.rss_mib(120, 180), outcome.rss_mib(plan.seconds - 60, plan.seconds)
    if plan.seconds >= 300 and early and late and late > early * (1 + GROWTH_ALLOWED):
        found.broken("memory grows", f"{early:.1f} MiB in minute 3, {late:.1f} MiB in the last")


def _owed(database_url: str) -> bool:
    query = "SELECT 1 FROM deliveries WHERE status IN ('pending', 'in flight', 'held') LIMIT 1"
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(query).fetchone() is not None


def _rss_kib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def _cpu_seconds(pid: int) -> float:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def _progress(stats: FleetStats, outcome: Outcome) -> str:
    held = "+".join(str(len(receiver.records)) for receiver in outcome.receivers.values())
    faults = ", ".join(str(receiver.fault) for receiver in outcome.receivers.values())
    return (
        f"{stats.elapsed_seconds:5.0f} s  online {stats.registered:4}  made {stats.made:6}  "
        f"acked {stats.acked:6}  HR holds {held}  failing: {faults}  "
        f"RSS {outcome.samples[-1].rss_kib / 1024:.1f} MiB"
    )
