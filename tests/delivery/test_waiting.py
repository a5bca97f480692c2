"""When a courier goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tm20tui.delivery.waiting import Plan, plan

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)
SOON = NOW + timedelta(minutes=5)
BEFORE = NOW - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Plan(False)),
        ({"news": True}, Plan(True)),
        ({"news": True, "interval": QUARTER}, Plan(True)),
        ({"news": True, "interval": QUARTER, "last_sync_at": BEFORE}, Plan(False, BEFORE + QUARTER)),
        ({"news": True, "interval": QUARTER, "last_sync_at": NOW - QUARTER}, Plan(True)),
        ({"interval": QUARTER, "last_sync_at": NOW - QUARTER}, Plan(False)),
        ({"in_round": True, "interval": QUARTER, "last_sync_at": NOW}, Plan(True)),
        ({"recover": True, "interval": QUARTER, "last_sync_at": NOW}, Plan(True, open_only=True)),
        ({"next_due_at": SOON}, Plan(False, SOON)),
        ({"next_due_at": BEFORE}, Plan(True)),
        ({"next_due_at": SOON, "interval": QUARTER, "last_sync_at": NOW}, Plan(False, NOW + QUARTER)),
        ({"news": True, "retry_at": SOON, "state": "backing off"}, Plan(False, SOON)),
        ({"news": True, "retry_at": BEFORE, "state": "backing off"}, Plan(True)),
        ({"news": True, "retry_at": NOW + DAY, "state": "backing off"}, Plan(False, NOW + DAY)),
        ({"news": True, "retry_at": NOW + DAY + MOMENT, "state": "backing off"}, Plan(True)),
        ({"news": True, "interval": QUARTER, "last_sync_at": NOW + MOMENT}, Plan(True)),
        ({"news": True, "state": "paused"}, Plan(False)),
        ({"news": True, "active": False, "forced": True}, Plan(False)),
        ({"forced": True, "state": "paused"}, Plan(True)),
        ({"forced": True, "state": "backing off", "retry_at": SOON}, Plan(True)),
        ({"forced": True, "interval": QUARTER, "last_sync_at": NOW}, Plan(True)),
    ],
)
def test_the_timetable(given: dict[str, Any], expected: Plan) -> None:
    facts: dict[str, Any] = {
        "active": True,
        "state": "healthy",
        "retry_at": None,
        "forced": False,
        "recover": False,
        "in_round": False,
        "news": False,
        "next_due_at": None,
        "last_sync_at": None,
        "interval": timedelta(0),
        "longest_wait": DAY,
        "now": NOW,
    }
    assert plan(**(facts | given)) == expected
