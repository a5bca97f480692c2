"""What an outcome means: pure functions from what happened to a decision.

Only a verdict about a record costs that record an attempt. What concerns the service
makes it back off or pause, and leaves the frozen batch as it is. `states` says what a
refusal means of a batch that may have arrived before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from tm20tui.delivery.backoff import pause_seconds, retry_after_seconds
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.states import DeliveryEvent, move_delivery
from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.generic import Garbage, Verdict, read_verdicts
from tm20tui.store.batches import DeliveryRow
from tm20tui.store.deliveries import DOUBTED
from tm20tui.store.settling import Settlement

OUTAGES = frozenset({408, 425, 429})
PAUSES: Mapping[int, str] = {
    401: "the service refuses our credentials",
    403: "the service forbids us to send",
    407: "a proxy asks for credentials",
    410: "the service says this address is gone for good",
}
TOO_LARGE = 413
# These are given before a request is looked at; after other 5xx it may have been taken. So it may after
# a 503, which what stands in front of a service says too when the service was slow or cut off, unless
# it says when to come again.
NOT_TAKEN = frozenset({501, 505})
# Where to look at what came of a request, and that it took too long.
MAYBE_TAKEN = frozenset({303, 408})
DOUBTFUL_TRIES = 3
RECORD_RETRY_SECONDS = 60.0
GROW_AFTER = 20
_REASON_LENGTH = 400


@dataclass(frozen=True, slots=True)
class Settle:
    """Every record has its verdict."""

    verdicts: Mapping[int, Verdict]


@dataclass(frozen=True, slots=True)
class BackOff:
    """The service does not work now: leave it alone until `retry_at`. With `verdicts`, it put every
    record off: they are pending again, since the same key would get the same answer. `doubt` is
    the batch's from here on."""

    reason: str
    retry_at: datetime
    verdicts: Mapping[int, Verdict] | None = None
    doubt: int = 0


@dataclass(frozen=True, slots=True)
class Pause:
    """Sending again is of no use until an operator acts. `doubt` is the batch's from here on."""

    reason: str
    doubt: int = 0


@dataclass(frozen=True, slots=True)
class Split:
    """The batch was refused: send its halves. `batch_limit` is a smaller size to remember."""

    reason: str
    batch_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The record, alone, was refused."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The batch may have been taken before it was refused: no part of it may go under another key."""

    reason: str


Decision = Settle | BackOff | Pause | Split | Refuse | Hold


def decide(
    outcome: Outcome,
    log_ids: Sequence[int],
    *,
    failures: int,
    doubt: int,
    now: datetime,
    config: DeliveryConfig,
    draw: float,
) -> Decision:
    """What to do about the outcome of one batch; `failures` in a row came before it.

    `doubt` is that of the batch before this try.
    """
    step = pause_seconds(failures + 1, config.backoff_seconds, config.jitter, draw)
    if isinstance(outcome, Failure):
        if outcome.kind in (FailureKind.CERTIFICATE, FailureKind.SECRET, FailureKind.PRIVATE_HOST):
            return Pause(outcome.reason, max(doubt, int(outcome.sent)))
        return BackOff(outcome.reason, now + timedelta(seconds=step), doubt=max(doubt, int(outcome.sent)))
    status = outcome.status
    doubt = max(doubt, int(outcome.resent))
    asked = retry_after_seconds(outcome.retry_after, now, config.retry_after_cap_seconds)
    later = now + timedelta(seconds=max(step, asked or 0.0))
    if status in OUTAGES or not (200 <= status < 300 or 400 <= status < 500):
        is_put_off = status == 503 and asked is not None
        taken = status in MAYBE_TAKEN or (status >= 500 and status not in NOT_TAKEN and not is_put_off)
        return BackOff(_words(outcome), later, doubt=max(doubt, int(taken)))
    if status < 300:
        verdicts = read_verdicts(outcome, log_ids)
        if isinstance(verdicts, Garbage):
            return BackOff(verdicts.reason, later, doubt=max(doubt, 1))
        if all(verdict.word == "retry" for verdict in verdicts.values()):
            return BackOff("the service put off every record of a batch", later, verdicts)
        return Settle(verdicts)
    if status in PAUSES:
        return Pause(f"{PAUSES[status]} ({_words(outcome)})", doubt)
    if config.services_know_log_ids:
        doubt = 0
    if doubt > DOUBTFUL_TRIES:
        return Hold(_words(outcome))
    if doubt:
        return BackOff(f"refused what may have arrived before: {_words(outcome)}", later, doubt=doubt + 1)
    if len(log_ids) == 1:
        return Refuse(_words(outcome))
    limit = (len(log_ids) + 1) // 2 if status == TOO_LARGE else None
    return Split(_words(outcome), limit)


def settle(
    row: DeliveryRow, verdict: Verdict, *, retry_attempts: int, now: datetime, config: DeliveryConfig
) -> Settlement:
    """What a verdict makes of one delivery; a refused one is tried again while attempts are left."""
    if verdict.word == "unclear":
        if config.services_know_log_ids:
            verdict = Verdict("retry", verdict.reason)
        else:
            words = f"{DOUBTED}as far as its answer tells: {verdict.reason}"
            assert move_delivery("in flight", "doubted") == "held"
            return Settlement(row, "held", words)
    event = cast("DeliveryEvent", verdict.word)
    status = move_delivery("in flight", event)
    if verdict.word == "rejected":
        again = row.attempts + 1 < retry_attempts
        later = now + timedelta(minutes=config.retry_sweep_minutes)
        reason = verdict.reason or "the service rejected this record without a reason"
        return Settlement(row, "failed", reason, later if again else None)
    if verdict.word == "retry":
        later = now + timedelta(seconds=RECORD_RETRY_SECONDS)
        return Settlement(row, "pending", verdict.reason or "the service asked to send it later", later)
    return Settlement(row, "duplicate" if status == "duplicate" else "sent")


def hold(rows: Sequence[DeliveryRow], reason: str) -> list[Settlement]:
    """Deliveries of which nobody can tell whether they arrived."""
    assert move_delivery("in flight", "doubted") == "held"
    words = f"{DOUBTED}before it was refused: {reason}"[:_REASON_LENGTH]
    return [Settlement(row, "held", words) for row in rows]


def grow(limit: int | None, full: int, count: int, batch_size: int) -> tuple[int | None, int]:
    """The limit that a 413 taught, and how many batches as large were accepted in a row, `count` the last.

    After `GROW_AFTER` of them the limit doubles; it is forgotten when it reaches the
    service's own `batch_size`.
    """
    if limit is None or count < limit:
        return limit, full
    if full + 1 < GROW_AFTER:
        return limit, full + 1
    return (limit * 2 if limit * 2 < batch_size else None), 0


def _words(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        where = f" to {answer.location[:200]}" if answer.location else ""
        return f"answered {answer.status}: redirected{where}, which is not followed: correct base_url"
    detail = f": {answer.excerpt}" if answer.excerpt else ""
    asked = f" (Retry-After {answer.hide(answer.retry_after)[:40]})" if answer.retry_after else ""
    return f"answered {answer.status}{asked}{detail}"[:_REASON_LENGTH]
