"""`python -m tests.soak --minutes 10 --terminals 200 [--rate 30] [--seed N]`: the long run, as a table.

Exits 1 when a punch is missing anywhere, is anywhere twice, failed without being poison,
or when the server's memory grew by a tenth between the third and the last minute.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

import trio

from tests.soak.harness import Outcome, Plan, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--terminals", type=int, default=200)
    parser.add_argument("--rate", type=float, default=30.0, help="punches a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    given = parser.parse_args()
    plan = Plan(given.minutes * 60, given.terminals, given.rate, given.seed)
    with tempfile.TemporaryDirectory(prefix="tm20tui-soak-") as folder:
        outcome = trio.run(partial(soak, plan, Path(folder), partial(print, flush=True)))
    print(table(outcome, plan))
    return 1 if outcome.findings.violations else 0


def table(outcome: Outcome, plan: Plan) -> str:
    """What was done and found, for people."""
    fleet = outcome.fleet
    assert fleet is not None
    rows: list[tuple[str, object]] = [
        ("seed, minutes, terminals", f"{plan.seed}, {plan.seconds / 60:g}, {plan.terminals}"),
        *outcome.findings.counts.items(),
        ("ack p50, p99", f"{_ms(fleet.ack_p50_seconds)}, {_ms(fleet.ack_p99_seconds)}"),
        ("frames, resent", f"{fleet.frames}, {fleet.resends}"),
        ("reconnects", fleet.reconnects),
    ]
    for service_id, receiver in outcome.receivers.items():
        rows += [
            (f"HR {service_id}: records held", len(receiver.records)),
            (f"HR {service_id}: records replayed", receiver.counts["replayed"]),
            (f"HR {service_id}: delivered twice", receiver.counts["delivered_twice"]),
            (f"HR {service_id}: answers", dict(sorted(receiver.requests.items()))),
        ]
    third, last = outcome.rss_mib(120, 180), outcome.rss_mib(plan.seconds - 60, plan.seconds)
    middle = outcome.rss_mib(plan.seconds / 2 - 30, plan.seconds / 2 + 30)
    rows += [
        ("RSS at the start", _mib(outcome.samples[0].rss_kib / 1024)),
        ("RSS in the third minute", _mib(third)),
        ("RSS in the middle", _mib(middle)),
        ("RSS in the last minute", _mib(last)),
        ("growth, minute 3 to last", f"{100 * (last / third - 1):.1f} %" if third and last else "-"),
        ("CPU of the server", f"{outcome.cpu_seconds:.1f} s"),
        ("drained in", f"{outcome.drain_seconds:.1f} s"),
        ("violations", outcome.findings.violations.total()),
    ]
    lines = [f"{name:28} {value}" for name, value in rows]
    return "\n".join([*lines, outcome.findings.report()]).rstrip()


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _mib(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} MiB"


if __name__ == "__main__":
    sys.exit(main())
