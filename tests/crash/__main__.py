"""`python -m tests.crash --kills 50 [--postgres URL] [--seed N]`: the long run, as a table.

Exits 1 when anything acknowledged is missing, stored or delivered twice, or forgotten.
`--postgres` names a server; a database is made there for the run and dropped.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import trio

from tests.crash.harness import Outcome, Plan, crash
from tests.process.databases import postgres_database


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--terminals", type=int, default=20)
    parser.add_argument("--rate", type=float, default=100.0, help="punches a second")
    parser.add_argument("--postgres", metavar="URL")
    given = parser.parse_args()
    plan = Plan(
        kills=given.kills,
        seed=given.seed,
        terminals=given.terminals,
        rate=given.rate,
        load_seconds=2.0,
        migration_kills=max(3, given.kills // 5),
        patient=True,
        drain_seconds=240.0,
    )
    database = postgres_database(given.postgres) if given.postgres else nullcontext()
    with tempfile.TemporaryDirectory(prefix="tm20tui-crash-") as folder, database as url:
        outcome = trio.run(partial(crash, plan, Path(folder), url, partial(print, flush=True)))
    print(table(outcome, plan, "PostgreSQL" if given.postgres else "SQLite"))
    return 1 if outcome.findings.violations else 0


def table(outcome: Outcome, plan: Plan, engine: str) -> str:
    """What was done and found, for people."""
    rows: list[tuple[str, object]] = [
        ("engine", engine),
        ("seed", plan.seed),
        ("kills", f"{outcome.kills.total()}: {', '.join(f'{n} {k}' for k, n in outcome.kills.items())}"),
        ("starts refused by the lock", outcome.refused_starts),
        ("slowest start", f"{outcome.slowest_start_seconds:.2f} s"),
        *outcome.findings.counts.items(),
    ]
    if outcome.fleet is not None:
        rows += [
            ("frames, resent", f"{outcome.fleet.frames}, {outcome.fleet.resends}"),
            ("reconnects", outcome.fleet.reconnects),
        ]
    for service_id, receiver in outcome.receivers.items():
        rows += [
            (f"HR {service_id}: records held", len(receiver.records)),
            (f"HR {service_id}: records replayed", receiver.counts["replayed"]),
            (f"HR {service_id}: delivered twice", receiver.counts["delivered_twice"]),
            (f"HR {service_id}: answers", dict(sorted(receiver.requests.items()))),
        ]
    rows += [
        ("drained in", f"{outcome.drain_seconds:.1f} s"),
        ("took", f"{outcome.seconds:.0f} s"),
        ("violations", outcome.findings.violations.total()),
    ]
    lines = [f"{name:28} {value}" for name, value in rows]
    return "\n".join([*lines, outcome.findings.report()]).rstrip()


if __name__ == "__main__":
    sys.exit(main())
