"""What pulling a terminal's whole memory costs the live punches of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import trio
from sqlalchemy import func, select

from tests.benchmarks.product import Product, running
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.fleet import run_fleet
from tm20tui.simulate.ledger import Ledger, Punch
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store.engine import Database
from tm20tui.store.schema import punches, terminals

LIVE_TERMINALS = 50
LIVE_RATE = 50.0
LIVE_SECONDS = 20.0
LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Pulling:
    """Records pulled in a second, and how long live punches waited for their acknowledgement then."""

    records_per_second: float
    ack_p50_seconds: float
    ack_p99_seconds: float


async def measure(folder: Path, records: int) -> Pulling:
    """Pull `records` of one terminal while others report live."""
    memory = Terminal(
        9000,
        FAMILIES["TH900"],
        make_roster(45, 1),
        traits=Traits(seed=1, enrol_seconds=float("inf"), time_scale=0.1, history=records),
        ledger=Ledger(),
        tally=Tally(),
    )
    newest = datetime.now().replace(microsecond=0)
    memory.device.logs.keep_back(
        [
            Punch(number % 45 + 1, f"{newest - timedelta(seconds=20 * (records - number))}", 1, 0, 0)
            for number in range(records)
        ]
    )
    with running(folder, TM20_BACKFILL__SETTLE_SECONDS="0.2", TM20_BACKFILL__DAYS="400") as product:
        await product.wait_until_listening()
        return await _pull(product, memory, records)


async def _pull(product: Product, memory: Terminal, records: int) -> Pulling:
    database = Database(f"sqlite:///{product.folder / 'tm20.db'}")
    begun = trio.current_time()
    taken = math.inf
    done = trio.Event()

    async def watch() -> None:
        nonlocal taken
        query = select(func.count()).select_from(punches).join(terminals).where(terminals.c.sn == memory.sn)
        while await database.read(lambda connection: connection.execute(query).scalar_one()) < records:
            await trio.sleep(1)
        taken = trio.current_time() - begun
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(Connection(memory, Target.from_url(product.url)).run)
        nursery.start_soon(watch)
        # Measured while the pull goes on, not after it.
        await trio.sleep(2)
        fleet = await run_fleet(
            product.url,
            count=LIVE_TERMINALS,
            rate=LIVE_RATE,
            seed=2,
            duration=LIVE_SECONDS,
            enrol_seconds=math.inf,
            drain=True,
        )
        was_pulling = not done.is_set()
        with trio.fail_after(LONGEST_SECONDS):
            await done.wait()
        nursery.cancel_scope.cancel()
    assert was_pulling, "the pull was over before the live punches: take more records"
    database.close()
    return Pulling(records / taken, fleet.ack_p50_seconds, fleet.ack_p99_seconds)
