"""A short version of `python -m tests.user_load`: cut off three times, the server killed once."""

from __future__ import annotations

from pathlib import Path

from tests.user_load.__main__ import faults, table
from tests.user_load.harness import Plan, load_users

PLAN = Plan(users=300, seconds=300)


async def test_a_load_goes_on_after_cuts_and_a_kill(tmp_path: Path) -> None:
    outcome = await load_users(PLAN, tmp_path)
    assert faults(outcome, PLAN) == [], table(outcome, PLAN)
    done = [share[1] for share in outcome.shares]
    assert done == sorted(done)
    assert [what for what, _, _ in outcome.shares].count("kill") == 1
