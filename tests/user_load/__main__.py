"""`python -m tests.user_load [--users 3000]`: users to a terminal cut off, by a server that is killed.

Exits 1 when a user is missing at the terminal, is there under another name, or was told more
often than the interruptions explain.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

import trio

from tests.user_load.harness import PACKET, Outcome, Plan, load_users, name_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.user_load", description=__doc__)
    parser.add_argument("--users", type=int, default=3000)
    parser.add_argument("--family", default="TH900")
    given = parser.parse_args()
    plan = Plan(given.users, family=given.family, seconds=1800)
    with tempfile.TemporaryDirectory(prefix="tm20tui-load-") as folder:
        outcome = trio.run(partial(load_users, plan, Path(folder), partial(print, flush=True)))
    print(table(outcome, plan))
    return 1 if faults(outcome, plan) else 0


def faults(outcome: Outcome, plan: Plan) -> list[str]:
    """What is not as it should be."""
    found = list(outcome.violations)
    if outcome.held != {number: name_of(number) for number in range(1, plan.users + 1)}:
        found.append(f"the terminal holds {len(outcome.held)} users, or other names")
    interruptions = len(plan.cuts) + len(plan.kills)
    again = sum(count - 1 for count in outcome.told.values())
    if again > PACKET * interruptions:
        found.append(f"{again} names were told again, more than {interruptions} packets hold")
    if outcome.task.get("status") != "done" or outcome.task["result"]["confirmed"] != plan.users:
        found.append(f"the task says {outcome.task}")
    if outcome.load.get("resumed") != len(plan.kills):
        found.append(f"resumed {outcome.load.get('resumed')} times")
    return found


def table(outcome: Outcome, plan: Plan) -> str:
    """What was done and found, for people."""
    rows: list[tuple[str, object]] = [
        ("users", plan.users),
        ("interruptions", ", ".join(f"{what} at {done}" for what, done, _ in outcome.shares)),
        ("users at the terminal", len(outcome.held)),
        ("names told again", sum(count - 1 for count in outcome.told.values())),
        ("commands", outcome.commands),
        ("seconds", f"{outcome.seconds:.1f}"),
        ("users a second", f"{plan.users / outcome.seconds:.0f}"),
        ("faults", "; ".join(faults(outcome, plan)) or "none"),
    ]
    return "\n".join(f"{name:24} {value}" for name, value in rows)


if __name__ == "__main__":
    sys.exit(main())
