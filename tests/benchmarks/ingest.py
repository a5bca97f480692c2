"""Ingest: durable punches per second, and how long an acknowledgement takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.product import add_service, prepare, running
from tm20tui.simulate.fleet import FleetStats, run_fleet
from tm20tui.store.engine import Database
from tm20tui.store.punches import get_totals

TERMINALS = 200
_SETTLE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Ingest:
    """`punches` were stored in `seconds`; `fleet` is the terminals' own account."""

    punches: int
    messages: float
    seconds: float
    fleet: FleetStats

    @property
    def punches_per_second(self) -> float:
        return self.punches / self.seconds

    @property
    def messages_per_second(self) -> float:
        return self.messages / self.seconds


async def measure(folder: Path, *, batch: int, rate: float, seconds: float, owed: bool) -> Ingest:
    """Run a fleet against a fresh server; `owed`: a service is owed every punch, later."""
    database, vault = prepare(folder)
    if owed:
        add_service(database, vault, "http://127.0.0.1:9", interval=1440)
    database.close()
    with running(folder) as product:
        await product.wait_until_listening()
        fleet = await run_fleet(
            product.url,
            count=TERMINALS,
            rate=rate,
            seed=1,
            batch=batch,
            users=2000,
            duration=seconds,
            time_scale=0.05 if rate == math.inf else 1.0,
            enrol_seconds=math.inf,
            drain=rate != math.inf,
        )
    database = Database(f"sqlite:///{folder / 'tm20.db'}")
    with database.connect(writing=False) as connection:
        stored = get_totals(connection).get("punches", 0)
    database.close()
    return Ingest(stored, fleet.acked / batch, fleet.elapsed_seconds, fleet)
