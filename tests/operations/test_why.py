"""What happened in a row and came to the same is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tm20tui.operations.why import fold
from tm20tui.store.history import AttemptView

START = datetime(2026, 11, 24, 8, tzinfo=UTC)


def attempt(minute: int, code: int | None, reason: str, *, batch: int = 1, answer: str = "") -> AttemptView:
    at = START + timedelta(minutes=minute)
    return AttemptView(batch, None, "key", 3, "open", at, 0.5 + minute, code, "backing off", reason, answer)


def test_attempts_that_came_to_the_same_are_one_with_their_count_and_both_times() -> None:
    runs = fold(
        [
            *(attempt(minute, None, "no answer within 30 s") for minute in range(200)),
            attempt(200, 503, "answered 503", answer="first"),
            attempt(201, 503, "answered 503", answer="second"),
            attempt(202, None, "no answer within 30 s"),
            attempt(203, None, "no answer within 30 s", batch=2),
        ]
    )
    assert [(run.times, run.status_code, run.batch_id) for run in runs] == [
        (200, None, 1),
        (2, 503, 1),
        (1, None, 1),
        (1, None, 2),
    ]
    assert (runs[0].started_at, runs[0].last_started_at) == (START, START + timedelta(minutes=199))
    assert (runs[0].duration_seconds, runs[1].answer) == (199.5, "second")
    assert runs[3].started_at == runs[3].last_started_at


def test_nothing_was_tried() -> None:
    assert fold([]) == ()
