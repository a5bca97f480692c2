"""A short version of `python -m tests.crash`: acknowledged is stored, stored is sent, all of it once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import POSTGRES_URL
from tests.crash.__main__ import table
from tests.crash.harness import Outcome, Plan, crash
from tests.process.databases import postgres_database

PLAN = Plan(kills=6, seed=20, rate=40.0, load_seconds=0.5, migration_kills=1, drain_seconds=240.0)


async def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    assert_nothing_broken(await crash(PLAN, tmp_path))


@pytest.mark.postgres
async def test_nothing_is_lost_or_doubled_on_postgres_either(postgres_url: str, tmp_path: Path) -> None:
    with postgres_database(POSTGRES_URL) as url:
        assert_nothing_broken(await crash(PLAN, tmp_path, url))


def assert_nothing_broken(outcome: Outcome) -> None:
    assert outcome.findings.report() == "", table(outcome, PLAN, "any")
    assert outcome.kills.total() == PLAN.kills + PLAN.migration_kills
    assert outcome.findings.counts["acknowledged"] > 100
    # Some batches were sent, stored over there, and not known to be sent here.
    assert sum(receiver.counts["replayed"] for receiver in outcome.receivers.values()) > 0
