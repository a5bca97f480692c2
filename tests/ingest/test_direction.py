"""In and out: by policy, independent of the order in which punches arrive."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from tm20tui.ingest.direction import alternate, derive_direction, working_day
from tm20tui.model import DirectionPolicy


@pytest.mark.parametrize(
    ("policy", "inout", "direction"),
    [
        ("terminal", 0, "in"),
        ("terminal", 1, "out"),
        ("terminal", 2, "out"),
        ("terminal", 3, "in"),
        ("terminal", 255, None),
        ("fixed-in", 1, "in"),
        ("fixed-out", 0, "out"),
        ("alternate", 0, None),
    ],
)
def test_a_policy_decides_what_one_punch_tells(
    policy: DirectionPolicy, inout: int, direction: str | None
) -> None:
    assert derive_direction(policy, inout) == direction


def test_alternating_starts_with_in() -> None:
    assert alternate(3) == ["in", "out", "in"]


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        ("2026-06-02 08:00", "2026-06-02 04:00"),
        ("2026-06-03 03:59", "2026-06-02 04:00"),
        ("2026-06-03 04:00", "2026-06-03 04:00"),
    ],
)
def test_a_working_day_reaches_into_the_night(moment: str, start: str) -> None:
    assert working_day(datetime.fromisoformat(moment), time(4))[0] == datetime.fromisoformat(start)
