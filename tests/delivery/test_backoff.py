"""Pauses: steps, jitter, Retry-After in both forms."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tm20tui.delivery.backoff import pause_seconds, retry_after_seconds

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
STEPS = (5, 15, 60)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 5), (1, 5), (2, 15), (3, 60), (99, 60)])
def test_steps_grow_and_the_last_repeats(failures: int, seconds: float) -> None:
    assert pause_seconds(failures, STEPS, 0.2, 0.5) == seconds


def test_jitter_goes_both_ways() -> None:
    assert pause_seconds(1, STEPS, 0.2, 0.0) == pytest.approx(4)
    assert pause_seconds(1, STEPS, 0.2, 1.0) == pytest.approx(6)
    assert pause_seconds(1, (), 0.2, 1.0) == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3600", 3600),
        (" 1.5 ", 1.5),
        ("0", 0),
        ("-5", 0),
        ("999999999", 86400),
        ("inf", 86400),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 3600),
        ("Mon, 02 Mar 2026 10:00:00 +0100", 3600),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("Mon, 99 Foo 2026", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW, 86400) == seconds
