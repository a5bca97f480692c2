"""Numbers, times and spans as they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tm20tui.tui import formats

NOW = datetime(2026, 11, 22, 13, 32, 5, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (4320, "1 h 12"),
        (86_400, "1 d"),
        (-5, "0 s"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert formats.span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (0.4, "0 s"), (-2, "-2 s"), (220, "+3 min"), (-7300, "-2 h 01")]
)
def test_drift(seconds: float | None, text: str) -> None:
    assert formats.drift(seconds) == text


def test_numbers_have_plain_spaces() -> None:
    assert formats.number(1284) == "1 284"
    assert formats.number(None) == "–"


def test_a_share_is_never_rounded_up_to_everything() -> None:
    assert formats.percent(9999, 10_000) == "99.9 %"
    assert formats.percent(10_000, 10_000) == "100.0 %"
    assert formats.percent(0, 0) == "–"


def test_a_moment_is_the_clock_today_and_the_day_before() -> None:
    assert formats.moment(NOW, PARIS, NOW) == "14:32:05"
    assert formats.moment(NOW - timedelta(days=2), PARIS, NOW) == "Nov 20 14:32"
    assert formats.moment(NOW - timedelta(days=700), PARIS, NOW) == "Dec 22 2024 14:32"
    new_year = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
    assert formats.moment(new_year - timedelta(hours=30), PARIS, new_year) == "Dec 30 19:30"


def test_an_age_stands_still_for_a_minute() -> None:
    assert {formats.age(NOW - timedelta(seconds=s), NOW) for s in range(60)} == {"< 1 min"}
    assert formats.age(None, NOW) == "–"


def test_an_unknown_zone_is_not_the_end() -> None:
    assert formats.zone_of("Mars/Olympus") == ZoneInfo("UTC")
