"""One transaction per answer: the decision is written down and the next batch claimed with it.

These functions run in the store's worker threads. They change nothing but the database
and may run twice for one answer (when the store went away meanwhile): what is settled
already stays as it is.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from tm20tui.delivery.brake import Brake
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.policy import BackOff, Decision, Hold, Pause, Refuse, Settle, Split, grow, hold, settle
from tm20tui.delivery.states import ServiceEvent, ServiceState, move_service
from tm20tui.errors import SecretUnreadable
from tm20tui.hr.generic import Verdict, render
from tm20tui.model import Service, ServiceSecrets
from tm20tui.store.batches import (
    Batch,
    Connection,
    claim_batch,
    claim_open_batch,
    note_doubt,
    return_batch,
    return_batches,
    split_batch,
)
from tm20tui.store.deliveries import next_due
from tm20tui.store.services import get_secrets, get_service, set_health
from tm20tui.store.settling import (
    Attempt,
    hold_records,
    record_attempt,
    refuse_single,
    settle_records,
    settle_sent,
    take_back_refusals,
)
from tm20tui.store.vault import Vault

log = logging.getLogger(__name__)

PROBE_SIZE = 10
"""How many deliveries try whether a service works again; what is frozen already goes as it is."""


@dataclass(frozen=True, slots=True)
class Health:
    """The service's state: `reason` in words, `failures` in a row, what the pause lasts until.

    `full_batches` of the size of `batch_limit` were accepted in a row; it is not kept.
    """

    state: ServiceState = "healthy"
    reason: str = ""
    failures: int = 0
    retry_at: datetime | None = None
    batch_limit: int | None = None
    full_batches: int = field(default=0, compare=False)

    def after(self, event: ServiceEvent, reason: str = "", retry_at: datetime | None = None) -> Health:
        """The health after an event."""
        state = move_service(self.state, event)
        failures = 0 if state == "healthy" else self.failures + (event == "outage")
        if event == "probe":
            reason, retry_at = self.reason, self.retry_at
        return replace(self, state=state, reason=reason, failures=failures, retry_at=retry_at)


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose deliveries are sent, by which node, under which rules."""

    service: Service
    node: str
    config: DeliveryConfig

    @property
    def lease_seconds(self) -> float:
        """A lease outlives the longest attempt."""
        return max(self.config.lease_seconds, self.service.timeout_seconds + 30)


@dataclass(frozen=True, slots=True)
class Claim:
    """How to claim: with `open_only` nothing new is begun; `among` None means every terminal's."""

    open_only: bool = False
    among: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What a claim found. `fresh`: the batch was made now and was never sent. Without a batch,
    `next_due_at` says when a delivery that was put off may go."""

    batch: Batch | None
    health: Health
    fresh: bool = False
    next_due_at: datetime | None = None
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What one answer did: counts of deliveries, the state of things after it, what comes next.

    `failed` is negative when the brake took refusals back; `held` wait for an operator.
    `taken` is None when nothing was looked for.
    """

    health: Health
    brake: Brake
    outcome: str
    sent: int = 0
    failed: int = 0
    held: int = 0
    taken: Taken | None = None
    edited: bool = False


def load(conn: Connection, vault: Vault, service_id: int) -> tuple[Service, ServiceSecrets | None, Health]:
    """The service as it is now; one whose secrets cannot be read is paused.

    A probe that a crash interrupted is due again.
    """
    service = get_service(conn, service_id)
    state = cast("ServiceState", "backing off" if service.health == "half-open" else service.health)
    health = Health(state, service.health_reason, service.failures, service.retry_at, service.batch_limit)
    try:
        return service, get_secrets(conn, vault, service_id), health
    except SecretUnreadable as error:
        log.error("deliveries are paused: %s", error, extra={"service": service.name})
        health = replace(health, state="paused", reason=str(error), retry_at=None)
        keep_health(conn, service, health)
        return service, None, health


def keep_health(conn: Connection, service: Service, health: Health) -> bool:
    """Record the health; False when the service was edited or deleted meanwhile."""
    return set_health(
        conn,
        service,
        health=health.state,
        reason=health.reason,
        failures=health.failures,
        retry_at=health.retry_at,
        batch_limit=health.batch_limit,
    )


def take(conn: Connection, desk: Desk, health: Health, claim: Claim, now: datetime) -> Taken:
    """The batch to send now: an unknown outcome first, then the oldest that is due.

    To a service that is backing off or paused it goes as the probe. A paused one to which
    nothing can be sent as a probe is taken to be healthy: the next punch will show.
    """
    batch, fresh = _claim(conn, desk, health, claim, now)
    if batch is None:
        whole = not claim.open_only and claim.among is None
        if whole and health.state == "paused":
            health = health.after("nothing to send")
            return Taken(None, health, edited=not keep_health(conn, desk.service, health))
        return Taken(None, health, next_due_at=next_due(conn, desk.service.id) if whole else None)
    if health.state == "healthy":
        return Taken(batch, health, fresh)
    probing = health.after("probe")
    return Taken(batch, probing, fresh, edited=not keep_health(conn, desk.service, probing))


def apply(
    conn: Connection,
    desk: Desk,
    health: Health,
    brake: Brake,
    batch: Batch,
    attempt: Attempt,
    decision: Decision,
    claim: Claim | None,
    now: datetime,
) -> Settled:
    """Write the decision down; with a `claim`, take the next batch while the service works."""
    done = _act(conn, desk, health, brake, batch, decision, now)
    record_attempt(conn, batch, replace(attempt, outcome=done.outcome))
    if done.health != health:
        done = replace(done, edited=not keep_health(conn, desk.service, done.health))
    if claim is None or done.health.state != "healthy" or done.edited:
        return done
    return replace(done, taken=take(conn, desk, done.health, claim, now))


def give_back(conn: Connection, batch: Batch, is_fresh: bool, now: datetime) -> int:
    """Undo a claim that was not sent; a batch that never was is dissolved. How many are pending again."""
    note_doubt(conn, batch.id, batch.doubt)
    return return_batch(conn, batch.id, now) if is_fresh else 0


def new_key() -> str:
    """An idempotency key that no other batch has."""
    return f"msg_{secrets.token_hex(16)}"


def _act(
    conn: Connection,
    desk: Desk,
    health: Health,
    brake: Brake,
    batch: Batch,
    decision: Decision,
    now: datetime,
) -> Settled:
    match decision:
        case Settle(verdicts):
            sent, failed, held = _settle(conn, desk, batch, verdicts, now)
            outcome = "sent" if sent == len(batch.rows) else "settled"
            limit, full = grow(
                health.batch_limit, health.full_batches, len(batch.rows), desk.service.batch_size
            )
            fine = replace(health.after("answered"), batch_limit=limit, full_batches=full)
            return Settled(fine, brake.accepted() if sent else brake, outcome, sent, failed, held)
        case BackOff(reason, retry_at, put_off, doubt):
            if put_off is not None:
                _settle(conn, desk, batch, put_off, now)
            else:
                note_doubt(conn, batch.id, doubt)
            return Settled(health.after("outage", reason, retry_at), brake, "backing off")
        case Pause(reason, doubt):
            note_doubt(conn, batch.id, doubt)
            return Settled(health.after("refused us", reason), brake, "paused")
        case Split(_, limit):
            fine = health.after("answered")
            if limit is not None:
                fine = replace(fine, batch_limit=min(limit, health.batch_limit or limit), full_batches=0)
            split_batch(
                conn,
                batch,
                render=render,
                new_key=new_key,
                node=desk.node,
                lease_seconds=desk.lease_seconds,
                now=now,
            )
            return Settled(fine, brake, "split")
        case Hold(reason):
            held = hold_records(conn, batch, hold(batch.rows, reason), now)
            return Settled(health.after("answered"), brake, "held", held=held)
        case Refuse(reason):
            return _refuse(conn, desk, health, brake, batch, reason, now)


def _settle(
    conn: Connection, desk: Desk, batch: Batch, verdicts: Mapping[int, Verdict], now: datetime
) -> tuple[int, int, int]:
    """How many were sent, have failed, are held."""
    if all(verdict.word == "accepted" for verdict in verdicts.values()):
        return settle_sent(conn, batch, now), 0, 0
    attempts = desk.service.retry_attempts
    settlements = [
        settle(row, verdicts[row.punch_id], retry_attempts=attempts, now=now, config=desk.config)
        for row in batch.rows
    ]
    sent = settle_records(conn, batch, settlements, now)
    statuses = [settlement.status for settlement in settlements]
    return sent, statuses.count("failed"), statuses.count("held")


def _refuse(
    conn: Connection, desk: Desk, health: Health, brake: Brake, batch: Batch, reason: str, now: datetime
) -> Settled:
    (row,) = batch.rows
    brake = brake.refused(row, reason)
    if brake.tripped:
        note_doubt(conn, batch.id, 0)
        return_batches(conn, desk.service.id, desk.node, now)
        earlier = [known for known in brake.rows if known.id != row.id]
        taken_back = take_back_refusals(conn, earlier)
        words = f"refuses every record: {reason}"
        return Settled(health.after("refused us", words), Brake(), "paused", failed=-taken_back)
    settlement = settle(
        row,
        Verdict("rejected", reason),
        retry_attempts=desk.service.retry_attempts,
        now=now,
        config=desk.config,
    )
    refuse_single(conn, batch, settlement, now)
    return Settled(health.after("answered"), brake, "refused", failed=1)


def _claim(
    conn: Connection, desk: Desk, health: Health, claim: Claim, now: datetime
) -> tuple[Batch | None, bool]:
    service = desk.service
    found = claim_open_batch(conn, service.id, node=desk.node, lease_seconds=desk.lease_seconds, now=now)
    if found is not None or claim.open_only:
        return found, False
    made = claim_batch(
        conn,
        service.id,
        limit=min(
            service.batch_size,
            health.batch_limit or service.batch_size,
            service.batch_size if health.state == "healthy" else PROBE_SIZE,
        ),
        node=desk.node,
        lease_seconds=desk.lease_seconds,
        now=now,
        render=render,
        new_key=new_key,
        among=claim.among,
    )
    return made, True
