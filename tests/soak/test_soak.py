"""A short version of `python -m tests.soak`."""

from __future__ import annotations

from pathlib import Path

from tests.soak.__main__ import table
from tests.soak.harness import QUICK_FAULTS, Plan, soak

PLAN = Plan(
    seconds=8.0,
    terminals=40,
    rate=60.0,
    seed=4,
    faults=QUICK_FAULTS,
    fault_seconds=0.4,
    timeout_seconds=0.5,
    time_scale=0.03,
    drain_seconds=240.0,
)


async def test_a_failing_service_gets_everything_once_and_poison_fails_with_its_reason(
    tmp_path: Path,
) -> None:
    outcome = await soak(PLAN, tmp_path)
    assert outcome.findings.report() == ""
    assert outcome.findings.counts["acknowledged"] > 100
    assert outcome.findings.counts["deliveries failed"] > 0
    for receiver in outcome.receivers.values():
        assert receiver.counts["replayed"] > 0
    assert "RSS" in table(outcome, PLAN)
