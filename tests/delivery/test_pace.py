"""The pace: never more requests within any minute than the service allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tm20tui.delivery.pace import MINUTE, Pace

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_without_a_limit_everything_goes_at_once() -> None:
    pace = Pace()
    for _ in range(100):
        pace = pace.after(NOW)
    assert pace.next_at(NOW) is None


def test_a_full_minute_waits_for_its_oldest_request_to_pass() -> None:
    pace = Pace(2).after(at(0)).after(at(20))
    assert pace.next_at(at(20)) == at(60)
    assert pace.next_at(at(60)) is None
    assert pace.after(at(60)).next_at(at(60)) == at(80)


def test_what_an_earlier_process_sent_counts() -> None:
    pace = Pace.of(2, [at(-5), at(-70), at(-30)])
    assert pace.next_at(NOW) == at(30)


def test_a_clock_that_was_set_back_costs_a_minute_at_most() -> None:
    assert Pace(1).after(at(3600)).next_at(NOW) == at(60)


@given(st.integers(1, 5), st.lists(st.floats(0, 50), max_size=40))
def test_no_minute_has_more_than_the_limit(limit: int, gaps: list[float]) -> None:
    pace, now, sent = Pace(limit), NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        now = pace.next_at(now) or now
        pace = pace.after(now)
        sent.append(now)
    for first, over in zip(sent, sent[limit:], strict=False):
        assert over - first >= MINUTE
