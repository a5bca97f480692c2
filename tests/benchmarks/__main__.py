"""`python -m tests.benchmarks [--quick]`: the numbers of the product on this machine, as a table.

More in detail, each with `--help`: `tests.benchmarks.claims` (a long queue, also on PostgreSQL),
`tests.benchmarks.upkeep` (punches while much is forgotten or retried), `tests.benchmarks.console`.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from tests.benchmarks import backfill, bare, claims, desk, drain, idle, ingest
from tm20tui.store.vault import Vault


class Table:
    """Lines of name, figure, unit and goal, printed as they are measured."""

    def __init__(self) -> None:
        print(f"{'measure':58} {'figure':>12}  {'goal':>12}")

    def add(self, name: str, figure: float, unit: str, goal: str = "") -> None:
        digits = 1 if unit else 3
        print(f"{name:58} {figure:12,.{digits}f}  {goal:>12}  {unit}", flush=True)


async def _fresh(function: Callable[[Path], Awaitable[object]]) -> object:
    with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as folder:
        return await function(Path(folder))


async def run(*, quick: bool) -> None:
    seconds = 4.0 if quick else 10.0
    table = Table()
    for batch, goal in ((1, "4,000"), (100, "30,000")):

        async def saturate(folder: Path, batch: int = batch, goal: str = goal) -> None:
            found = await ingest.measure(folder, batch=batch, rate=math.inf, seconds=seconds, owed=True)
            yardstick = bare.rows_per_second(folder, max(200, 20 * batch))
            name = f"ingest, {ingest.TERMINALS} terminals, {batch} a message"
            if batch == 1:
                table.add(f"{name}: messages", found.messages_per_second, "/s", goal)
            table.add(f"{name}: durable punches", found.punches_per_second, "/s", goal)
            table.add(f"{name}: ratio to bare sqlite3", found.punches_per_second / yardstick, "")
            table.add("  bare sqlite3 executemany, same fsync policy", yardstick, "rows/s")

        await _fresh(saturate)

    async def steady(folder: Path) -> None:
        found = await ingest.measure(folder, batch=1, rate=100, seconds=seconds, owed=True)
        table.add("ack at 100 messages/s, p50", found.fleet.ack_p50_seconds * 1000, "ms")
        table.add("ack at 100 messages/s, p99", found.fleet.ack_p99_seconds * 1000, "ms", "50")

    await _fresh(steady)

    async def pulled(folder: Path) -> None:
        found = await backfill.measure(folder, 30_000 if quick else 100_000)
        table.add("records pulled from one terminal", found.records_per_second, "/s")
        table.add("ack of live punches meanwhile, p99", found.ack_p99_seconds * 1000, "ms", "50")

    await _fresh(pulled)

    async def resting(folder: Path) -> None:
        count = 300 if quick else 1000
        table.add(
            f"memory per idle terminal, {count:,}", await idle.kb_per_terminal(folder, count), "kB", "40"
        )

    await _fresh(resting)

    async def draining(folder: Path) -> None:
        count = 10_000 if quick else 50_000
        table.add(
            f"drain of {count:,} deliveries", await drain.deliveries_per_second(folder, count), "/s", "5,000"
        )

    await _fresh(draining)

    async def claiming(folder: Path) -> None:
        rows = 50_000 if quick else 1_000_000
        vault = Vault.open(folder / "secret.key")
        took = []
        for count in (claims.SMALL, rows):
            found = claims.run(f"sqlite:///{folder}/{count}.db", count, vault)
            took.append(found[claims.CLAIM][0])
            table.add(f"claim of a batch with {count:,} pending, median", took[-1], "ms")
        table.add("  ratio of the two", took[1] / took[0], "", "1")

    await _fresh(claiming)

    async def asking(folder: Path) -> None:
        count = 500 if quick else 2000
        found = await desk.measure(folder, count=count, each=2)
        table.add(f"commands to {count:,} terminals, 2 each", found.per_second, "/s")
        table.add("  most in flight at one terminal", found.most_in_flight, "", "1")
        table.add("  most in flight at once, of all", found.at_once, "")

    await _fresh(asking)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="shorter runs, for a first look")
    trio.run(lambda: run(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
