"""The courier of one service: when a round is due, batch after batch until nothing is left.

Wait, claim, POST, settle; one request at a time. What a batch carries is committed
before it is sent, so that a crash at any moment sends the same bytes under the same key
again, before anything else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

import trio

from tm20tui.delivery import ledger
from tm20tui.delivery.announce import tell_health, tell_settled
from tm20tui.delivery.brake import Brake
from tm20tui.delivery.ledger import Claim, Desk, Health, Settled
from tm20tui.delivery.office import Office, Stopping
from tm20tui.delivery.pace import MINUTE, Pace
from tm20tui.delivery.policy import decide
from tm20tui.delivery.status import CourierStatus, SyncReport, SyncRequest
from tm20tui.delivery.waiting import Plan, plan
from tm20tui.errors import NotFound
from tm20tui.events import Signal
from tm20tui.hr.answer import Answer
from tm20tui.hr.client import ANSWER_LIMIT, HrClient
from tm20tui.model import Service, ServiceSecrets
from tm20tui.store.batches import FOUND_AT_ONCE, Batch, Connection, find_due
from tm20tui.store.deliveries import backfill_chunk, count_pending
from tm20tui.store.reviving import find_waiting, hasten
from tm20tui.store.settling import Attempt, list_attempt_times

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

ANSWER_BYTES_PER_RECORD = 512
HASTEN_CHUNK = 200


class Courier:
    """Delivers to one service until the service is deleted or `stop` is called."""

    def __init__(self, office: Office, service: Service) -> None:
        self._office = office
        self._service = service
        self._health = Health()
        self._brake = Brake()
        self._pace = Pace()
        self._signal = Signal()
        self._stopping = trio.Event()
        self._reload = False
        # What may be waiting: nothing is known at first, so the store is asked.
        self._news = True
        self._recover = True
        self._in_round = False
        self._next_due_at: datetime | None = None
        self._last_sync_at = service.last_attendance_sync_at
        self._requests: list[SyncRequest] = []
        self._in_flight: tuple[datetime, int] | None = None
        self._last_round_at: datetime | None = None
        self._sent = self._failed = self._refused = 0

    def news(self) -> None:
        """New deliveries were committed."""
        self._news = True
        self._signal.set()

    def changed(self) -> None:
        """The service was edited, activated or deleted."""
        self._reload = True
        self._signal.set()

    def stop(self) -> None:
        """Begin nothing new; `run` returns when the attempt in flight is settled."""
        self._stopping.set()
        self._signal.set()

    async def sync(self, terminal_id: int | None) -> SyncReport:
        """A round now, whatever the interval, the health and the deliveries' own times say.

        Returns when it is over. What was given up is not tried.
        """
        request = SyncRequest(terminal_id)
        self._requests.append(request)
        self._signal.set()
        try:
            await request.done.wait()
        finally:
            if request in self._requests:
                self._requests.remove(request)
        return SyncReport(request.sent, request.failed, request.left, request.reason)

    def status(self) -> CourierStatus:
        """A snapshot."""
        since, count = self._in_flight or (None, 0)
        return CourierStatus(
            service_id=self._service.id,
            name=self._service.name,
            is_active=self._service.is_active,
            health=self._health.state,
            reason=self._health.reason,
            retry_at=self._health.retry_at,
            in_flight_since=since,
            in_flight=count,
            next_round_at=self._plan().until,
            sent=self._sent,
            failed=self._failed,
            refused=self._refused,
            interval_seconds=self._service.sync_interval_minutes * 60,
            last_round_at=self._last_round_at,
        )

    async def run(self) -> None:
        """Deliver. Returns when stopped or deleted; an unexpected error is for the supervisor."""
        try:
            while not self._stopping.is_set():
                self._reload = False
                loaded = await self._write(ledger.load, self._office.vault, self._service.id)
                await self._serve(*loaded)
        except (NotFound, Stopping):
            pass
        finally:
            for request in list(self._requests):
                self._finish(request, 0, "delivery to this service has stopped")

    async def _serve(self, service: Service, secrets: ServiceSecrets | None, health: Health) -> None:
        """Work with the service as loaded, until it changes."""
        tell_health(self._office.events, service, self._health, health)
        self._service, self._health = service, health
        if secrets is None or not service.is_active:
            await self._idle(health.reason if service.is_active else "the service is not active")
            return
        self._last_sync_at = service.last_attendance_sync_at
        hold = not self._office.config.deliver_impossible_times
        while await self._write(backfill_chunk, service.id, hold=hold):
            if self._stopping.is_set():
                return
        if service.requests_per_minute is not None:
            since = self._office.now() - MINUTE
            made = await self._write(list_attempt_times, service.id, since)
            self._pace = Pace.of(service.requests_per_minute, made)
        else:
            self._pace = Pace()
        self._news = self._recover = True
        desk = Desk(service, self._office.node, self._office.config)
        allow_private = self._office.config.allow_private_hosts
        async with HrClient(
            service, secrets, allow_private_hosts=allow_private, tls=self._office.tls
        ) as client:
            while not self._stopping.is_set() and not self._reload:
                wanted = self._plan()
                if not wanted.go:
                    await self._wait(wanted.until)
                    continue
                await self._round(desk, client, wanted)

    async def _round(self, desk: Desk, client: HrClient, wanted: Plan) -> None:
        """Send until nothing is left, the service fails, or something asks for attention."""
        request = self._requests[0] if self._requests else None
        self._recover = False
        if request is not None:
            await self._hasten(request)
        claim = Claim(open_only=wanted.open_only, among=await self._find(request))
        if not wanted.open_only:
            # A round of one terminal leaves the others as they were.
            self._in_round, self._news = claim.among is None, claim.among is not None
        taken = await self._write(ledger.take, desk, self._health, claim, self._office.now())
        if taken.batch is None:
            tell_health(self._office.events, self._service, self._health, taken.health)
        self._health = taken.health
        self._reload = self._reload or taken.edited
        while taken.batch is not None:
            if self._stopping.is_set() or self._reload:
                self._recover = self._news = True
                await self._write(ledger.give_back, taken.batch, taken.fresh, self._office.now())
                return
            settled = await self._attempt(desk, client, taken.batch, claim)
            if request is not None:
                request.sent += settled.sent
                request.failed += settled.failed
            if settled.taken is None:
                # The service failed, its rate is used up, or we were interrupted: what is left waits.
                self._recover = self._news = True
                break
            taken = settled.taken
        else:
            if not wanted.open_only:
                self._in_round, self._next_due_at = False, taken.next_due_at
        self._last_round_at = self._office.now()
        if self._health.state == "paused":
            self._in_round = False
        if request is not None and not self._reload:
            left = await self._count_pending()
            is_paced = self._health.state == "healthy" and self._paced_until() is not None
            if taken.batch is None and claim.among is not None and len(claim.among) == FOUND_AT_ONCE:
                # There may be more of the terminal.
                return
            # A round that the pace interrupted goes on; one that found nothing to send is over.
            if not left or not is_paced or taken.batch is None:
                self._finish(request, left, self._health.reason)

    async def _hasten(self, request: SyncRequest) -> None:
        """Once per request: what is refused in its round waits again."""
        while not request.hastened and not self._stopping.is_set():
            found = await self._read(find_waiting, self._service.id, request.terminal_id, self._office.now())
            for start in range(0, len(found), HASTEN_CHUNK):
                await self._write(hasten, found[start : start + HASTEN_CHUNK])
            request.hastened = len(found) < FOUND_AT_ONCE

    async def _find(self, request: SyncRequest | None) -> tuple[int, ...] | None:
        """What is due of the terminal that is asked for, None where none is."""
        if request is None or request.terminal_id is None:
            return None
        return tuple(await self._read(find_due, self._service.id, request.terminal_id, self._office.now()))

    async def _attempt(self, desk: Desk, client: HrClient, batch: Batch, claim: Claim) -> Settled:
        """One POST and its consequences."""
        office = self._office
        if batch.parent_id is None:
            self._brake = self._brake.next_batch()
        started_at, started = office.now(), trio.current_time()
        self._pace = self._pace.after(started_at)
        self._in_flight = (started_at, len(batch.rows))
        limit = max(ANSWER_LIMIT, ANSWER_BYTES_PER_RECORD * len(batch.rows))
        try:
            outcome = await client.post_attendance(
                batch.body, key=batch.key, now=started_at, answer_limit=limit
            )
            now = office.now()
            decision = decide(
                outcome,
                [row.punch_id for row in batch.rows],
                failures=self._health.failures,
                doubt=batch.doubt,
                now=now,
                config=office.config,
                draw=office.draw(),
            )
            answer = outcome if isinstance(outcome, Answer) else None
            attempt = Attempt(
                started_at=started_at,
                duration_seconds=trio.current_time() - started,
                status_code=answer.status if answer else None,
                outcome="",
                reason=getattr(decision, "reason", ""),
                answer=answer.excerpt if answer else "",
            )
            settled = await self._write(
                ledger.apply,
                desk,
                self._health,
                self._brake,
                batch,
                attempt,
                decision,
                None if self._is_interrupted() else claim,
                now,
            )
        finally:
            self._in_flight = None
        self._note(settled, now)
        return settled

    def _note(self, settled: Settled, now: datetime) -> None:
        self._sent += settled.sent
        self._failed += settled.failed
        self._refused += max(0, settled.failed)
        if settled.sent:
            self._last_sync_at = now
        before, after = self._health.state, settled.health
        self._brake = settled.brake
        tell_settled(self._office.events, self._service, settled)
        tell_health(self._office.events, self._service, self._health, after)
        self._health = after
        self._reload = self._reload or settled.edited
        extra = {"service": self._service.name}
        if settled.held:
            log.error(
                "%d deliveries are held: whether they arrived cannot be told", settled.held, extra=extra
            )
        if after.state == "paused":
            log.error("deliveries are paused until an operator acts: %s", after.reason, extra=extra)
        elif after.state == "backing off":
            log.warning("trying again at %s: %s", after.retry_at, after.reason, extra=extra)
        elif before != "healthy":
            log.info("the service works again", extra=extra)
        elif settled.outcome == "refused":
            log.warning("a record was refused and has failed", extra=extra)

    def _is_interrupted(self) -> bool:
        """Whether nothing more is to be begun for now."""
        return self._stopping.is_set() or self._reload or self._paced_until() is not None

    def _paced_until(self) -> datetime | None:
        return self._pace.next_at(self._office.now())

    def _plan(self) -> Plan:
        return plan(
            active=self._service.is_active,
            paced_until=self._paced_until(),
            state=self._health.state,
            retry_at=self._health.retry_at,
            forced=bool(self._requests),
            recover=self._recover,
            in_round=self._in_round,
            news=self._news,
            next_due_at=self._next_due_at,
            last_sync_at=self._last_sync_at,
            interval=timedelta(minutes=self._service.sync_interval_minutes),
            longest_wait=timedelta(seconds=self._office.config.longest_wait_seconds),
            now=self._office.now(),
        )

    async def _wait(self, until: datetime | None) -> None:
        # The wall clock may be set while we wait: look again at least every minute.
        seconds = 60.0
        if until is not None:
            seconds = min(seconds, max(0.0, (until - self._office.now()).total_seconds()))
        with trio.move_on_after(seconds):
            await self._signal.wait()

    async def _idle(self, reason: str) -> None:
        """Nothing can be sent until the service is edited."""
        while not self._stopping.is_set() and not self._reload:
            for request in list(self._requests):
                self._finish(request, await self._count_pending(), reason)
            await self._signal.wait()

    async def _write(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._office.write(self._service.name, self._stopping, function, *args, **kwargs)

    async def _read(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._office.read(self._service.name, self._stopping, function, *args, **kwargs)

    async def _count_pending(self) -> int:
        return await self._read(count_pending, self._service.id)

    def _finish(self, request: SyncRequest, left: int, reason: str) -> None:
        # Whoever asked may have gone meanwhile.
        if request in self._requests:
            self._requests.remove(request)
        request.left, request.reason = left, reason
        request.done.set()
