"""Outcome in, decision out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tm20tui.delivery.brake import REFUSALS_ALLOWED, Brake
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.policy import (
    DOUBTFUL_TRIES,
    GROW_AFTER,
    BackOff,
    Decision,
    Hold,
    Pause,
    Refuse,
    Settle,
    Split,
    decide,
    grow,
    settle,
)
from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.generic import Verdict
from tm20tui.store.batches import DeliveryRow

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CONFIG = DeliveryConfig()
ROW = DeliveryRow(1, 11, 1, "SN", "5", "Ann", NOW, "", 0, 0, 0, None, True, 0)


def decided(
    outcome: Outcome, count: int = 4, failures: int = 0, doubt: int = 0, config: DeliveryConfig = CONFIG
) -> Decision:
    log_ids = list(range(1, count + 1))
    return decide(outcome, log_ids, failures=failures, doubt=doubt, now=NOW, config=config, draw=0.5)


@pytest.mark.parametrize(
    ("outcome", "doubt"),
    [
        (Failure(FailureKind.TIMEOUT, "no answer", sent=True), 1),
        (Failure(FailureKind.CONNECT, "nobody there"), 0),
        *((Answer(status), 1) for status in (200, 303, 408, 500, 502, 503, 504, 524)),
        *((Answer(status), 0) for status in (302, 401, 425, 429, 501)),
        (Answer(503, retry_after="30"), 0),
        (Answer(503, retry_after="soon"), 1),
    ],
)
def test_what_may_have_arrived(outcome: Outcome, doubt: int) -> None:
    if isinstance(outcome, Answer) and outcome.status == 200:
        outcome = replace(outcome, body=b"<html>")
    for before in (0, 3):
        decision = decided(outcome, doubt=before)
        assert isinstance(decision, (BackOff, Pause))
        assert decision.doubt == max(before, doubt)


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
@pytest.mark.parametrize("count", [1, 100])
def test_what_may_have_arrived_and_is_refused_is_tried_again_and_then_held(status: int, count: int) -> None:
    for doubt in range(1, DOUBTFUL_TRIES + 1):
        decision = decided(Answer(status), count, doubt=doubt)
        assert isinstance(decision, BackOff)
        assert decision.doubt == doubt + 1
    held = decided(Answer(status, excerpt="no"), count, doubt=DOUBTFUL_TRIES + 1)
    assert held == Hold(f"answered {status}: no")
    assert isinstance(decided(Answer(200), count, doubt=DOUBTFUL_TRIES + 1), Settle)
    known = replace(CONFIG, services_know_log_ids=True)
    parts = decided(Answer(status), count, doubt=DOUBTFUL_TRIES + 1, config=known)
    assert isinstance(parts, Refuse if count == 1 else Split)


def test_what_went_out_twice_at_once_is_in_doubt() -> None:
    assert isinstance(decided(Answer(422, resent=True)), BackOff)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_settles(status: int) -> None:
    decision = decided(Answer(status))
    assert isinstance(decision, Settle)
    assert {verdict.word for verdict in decision.verdicts.values()} == {"accepted"}


@pytest.mark.parametrize(
    "status", [101, 300, 301, 302, 304, 307, 308, 408, 425, 429, 500, 502, 503, 504, 599, 600]
)
def test_outages(status: int) -> None:
    decision = decided(Answer(status), failures=2)
    assert isinstance(decision, BackOff)
    assert decision.retry_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize("status", [401, 403, 407, 410])
def test_refusals_of_us(status: int) -> None:
    assert isinstance(decided(Answer(status)), Pause)
    assert isinstance(decided(Answer(status), count=1), Pause)


@pytest.mark.parametrize("status", [400, 402, 404, 405, 406, 409, 411, 414, 415, 418, 422, 451])
def test_refusals_of_the_batch(status: int) -> None:
    decision = decided(Answer(status, excerpt="no"))
    assert decision == Split(f"answered {status}: no")
    assert decided(Answer(status, excerpt="no"), count=1) == Refuse(f"answered {status}: no")


def test_413_remembers_half() -> None:
    assert decided(Answer(413), count=5) == Split("answered 413", 3)
    assert decided(Answer(413), count=1) == Refuse("answered 413")


@pytest.mark.parametrize("kind", FailureKind)
def test_failures(kind: FailureKind) -> None:
    pauses = (FailureKind.CERTIFICATE, FailureKind.SECRET, FailureKind.PRIVATE_HOST)
    decision = decided(Failure(kind, "why"))
    assert isinstance(decision, Pause if kind in pauses else BackOff)
    assert decision.reason == "why"


def test_retry_after_never_shortens_the_step() -> None:
    for asked, seconds in (("2", 5), ("7", 7), ("200000", 86400), ("rubbish", 5)):
        decision = decided(Answer(503, retry_after=asked))
        assert isinstance(decision, BackOff)
        assert decision.retry_at == NOW + timedelta(seconds=seconds)


def test_all_records_put_off_is_an_outage_that_frees_the_batch() -> None:
    body = json.dumps({"results": [{"log_id": 1, "status": "retry"}]}).encode()
    decision = decided(Answer(200, body=body), count=1)
    assert isinstance(decision, BackOff)
    assert decision.verdicts is not None


@pytest.mark.parametrize(
    ("attempts", "allowed", "again"),
    [(0, 3, True), (1, 3, True), (2, 3, False), (0, 0, False), (0, 1, False)],
)
def test_a_rejected_record_is_tried_again_while_attempts_are_left(
    attempts: int, allowed: int, again: bool
) -> None:
    row = replace(ROW, attempts=attempts)
    found = settle(row, Verdict("rejected", "x"), retry_attempts=allowed, now=NOW, config=CONFIG)
    assert found.status == "failed"
    assert found.next_attempt_at == (NOW + timedelta(hours=1) if again else None)


def test_a_limit_grows_back_after_enough_full_batches_in_a_row() -> None:
    limit: int | None = 25
    full, seen = 0, []
    for _ in range(3 * GROW_AFTER):
        limit, full = grow(limit, full, limit or 120, 120)
        seen.append(limit)
    assert seen == [25] * 19 + [50] * 20 + [100] * 20 + [None]
    assert grow(25, 19, 24, 120) == (25, 19)
    assert grow(60, 19, 60, 120) == (None, 0)
    assert grow(None, 0, 120, 120) == (None, 0)


def refuse(brake: Brake, *reasons: str, **values: Any) -> Brake:
    for reason in reasons:
        brake = brake.refused(replace(ROW, **values), reason)
    return brake


def test_the_brake_trips_after_enough_refusals_alike() -> None:
    alike = [f"answered 422: log_id {number} is unknown" for number in range(REFUSALS_ALLOWED)]
    assert not refuse(Brake(), *alike[:-1]).tripped
    assert refuse(Brake(), *alike).tripped
    assert not refuse(Brake(), *alike[:-1], "answered 400: other").tripped
    assert not refuse(Brake(), *alike, attempts=1).tripped
    assert not refuse(Brake().accepted(), *alike).tripped
    assert not refuse(refuse(Brake(), *alike[:4]).next_batch(), *alike[:4]).tripped
    assert refuse(refuse(Brake(), *["answered 404"] * 4).next_batch(), "answered 404").tripped
    assert not refuse(Brake(), "answered 400: x", "answered 422: x").tripped
