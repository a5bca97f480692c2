"""An hour of random failures of every kind, with crashes: each punch ends sent once, or failed for a reason.

The clock is mocked, the hour takes seconds. Three services fail each in its own turn, also
in ways that need an operator, who looks into the service's books before anything that may
have arrived is sent anew; the couriers are killed again and again,
most often in the middle of a request, and begin anew on the same database. At the end the
receivers' books are compared with the store's, record by record.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from typing import Any

import pytest
import trio
from sqlalchemy import Connection, text
from trio.testing import MockClock

from tests.delivery.rig import Receiver, Reply, Request, Rig, open_rig
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.errors import Unavailable
from tm20tui.simulate.hr import serve_hr
from tm20tui.simulate.hr_faults import Fault
from tm20tui.store.dead_letters import DISCARDED, discard_chunk
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

SECONDS = 3600
SERVICES = 3
FAULTS = tuple(fault for fault in Fault if fault is not Fault.POISON)
KILLS_AT_LEAST = 15
HAS_IT = "the service has it"


class Booked(Receiver):
    """A receiver that knows what it refused: its reasons for records that stood alone or were named."""

    def __init__(self, seed: int) -> None:
        super().__init__(hang_seconds=30.0, retry_after_seconds=45.0, big_above=5)
        self._rng = random.Random(seed)
        self.refused: dict[int, set[str]] = {}

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        records = json.loads(request.body)["attendance"]
        if reply.reset or not reply.body.startswith(b"{"):
            return reply
        answer = json.loads(reply.body)
        for result in answer.get("results", ()):
            if result["status"] == "rejected":
                self.refused.setdefault(result["log_id"], set()).add(f"{result['code']}: {result['message']}")
        if len(records) == 1 and reply.status in (400, 422):
            words = f"answered {reply.status}: {reply.body.decode()}"
            self.refused.setdefault(records[0]["log_id"], set()).add(words)
        return reply


async def real_time(seconds: float) -> None:
    """Sockets and disks get time; the program's clock stands still."""
    await trio.to_thread.run_sync(time.sleep, seconds)


async def resume_paused(rig: Rig) -> None:
    """As an operator: have the paused services tried again."""
    for status in rig.dispatcher.status():
        if status.health == "paused" and status.in_flight_since is None:
            # The couriers may be killed meanwhile.
            with trio.move_on_after(5), contextlib.suppress(Unavailable):
                await rig.dispatcher.sync_now(status.service_id)


async def settle_doubted(rig: Rig, receivers: list[Booked]) -> None:
    """As an operator: what is held goes again unless the service has it."""
    held = await rig.rows("SELECT id, punch_id, service_id FROM deliveries WHERE status = 'held'")
    for ident, punch_id, service_id in held:
        if punch_id in receivers[service_id - 1].records:
            await rig.database.write(discard_chunk, [ident], f"{DISCARDED}ann: {HAS_IT}")
        else:
            await rig.database.write(release_one, ident)
    rig.dispatcher.news(range(1, SERVICES + 1))


def release_one(conn: Connection, delivery_id: int) -> int:
    query = text("UPDATE deliveries SET status = 'pending', last_error = '' WHERE id = :id")
    return conn.execute(query, {"id": delivery_id}).rowcount


async def drain(rig: Rig, receivers: list[Booked], clock: MockClock) -> None:
    """The services work again, but for poisoned records; until nothing is owed."""
    for receiver in receivers:
        receiver.fault = Fault.POISON
    open_query = "SELECT COUNT(*) FROM deliveries WHERE status IN ('pending', 'in flight', 'held')"
    for _ in range(2000):
        await real_time(0.005)
        if any(status.in_flight_since is not None for status in rig.dispatcher.status()):
            clock.jump(0.1)
            continue
        if await rig.rows(open_query) == [(0,)]:
            return
        await settle_doubted(rig, receivers)
        rig.nursery.start_soon(resume_paused, rig)
        clock.jump(20)
    raise AssertionError(f"still owed: {await rig.rows(open_query)}, {rig.dispatcher.status()}")


@pytest.mark.parametrize("seed", [1])
async def test_an_hour_of_failures_loses_nothing_and_sends_nothing_twice(
    database: Database, vault: Vault, mock_clock: MockClock, seed: int
) -> None:
    rng = random.Random(seed)
    config = DeliveryConfig(allow_private_hosts=True, backoff_seconds=(1, 2, 4), retry_sweep_minutes=5)
    async with open_rig(database, vault, mock_clock, config=config) as rig:
        receivers = [Booked(seed * 10 + number) for number in range(SERVICES)]
        for number, receiver in enumerate(receivers):
            receiver.now = lambda: rig.now().timestamp()
            rig.port = await rig.nursery.start(serve_hr, receiver, "127.0.0.1", 0)
            await rig.add_service(
                name=f"hr {number}", batch_size=16, timeout_seconds=5, retry_attempts=1 + number
            )
        crash = await rig.start()
        ids: list[int] = []
        kills = in_mid_request = 0
        played: set[Fault] = set()
        deck: list[Fault] = []
        while (rig.now() - rig.started_at).total_seconds() < SECONDS:
            new = await rig.punch(rng.randint(0, 6))
            ids += new
            for receiver in receivers:
                receiver.poison_log_ids |= {ident for ident in new if rng.random() < 0.03}
                if rng.random() < 0.15:
                    deck = deck or rng.sample(FAULTS, len(FAULTS))
                    receiver.fault, receiver.share = deck.pop(), rng.choice((0.3, 0.6, 1.0))
                    played.add(receiver.fault)
            if rng.random() < 0.1:
                rig.nursery.start_soon(resume_paused, rig)
            await real_time(0.01)
            mock_clock.jump(rng.choice((0.5, 2, 5, 20, 40)))
            if rng.random() < 0.12:
                # Let a request be on its way.
                await real_time(0.01)
                kills += 1
                in_mid_request += any(one.in_flight_since is not None for one in rig.dispatcher.status())
                crash.cancel()
                await rig.until(lambda: not rig.dispatcher.status())
                crash = await rig.start()
        await drain(rig, receivers, mock_clock)
        assert played == set(FAULTS)
        assert kills >= KILLS_AT_LEAST
        assert in_mid_request > 0
        punches = await rig.rows("SELECT id, enrollid, time_raw, mode, inout, event FROM punches ORDER BY id")
        assert [row[0] for row in punches] == ids
        for service_id, receiver in enumerate(receivers, 1):
            await books_agree(rig, service_id, receiver, punches)
        wrong = await rig.rows(
            "SELECT p.id FROM punches p WHERE p.sync_status <> (SELECT CASE MAX(CASE d.status "
            "WHEN 'failed' THEN 1 ELSE 0 END) WHEN 1 THEN 'failed' ELSE 'sent' END "
            "FROM deliveries d WHERE d.punch_id = p.id)"
        )
        assert wrong == []
        crash.cancel()


async def books_agree(rig: Rig, service_id: int, receiver: Booked, punches: list[tuple[Any, ...]]) -> None:
    """The service holds what was sent, field by field, and refused what failed, in these words."""
    rows = await rig.rows(
        f"SELECT punch_id, status, last_error FROM deliveries WHERE service_id = {service_id}"
    )
    assert len(rows) == len(punches)
    failed = {punch_id: reason for punch_id, status, reason in rows if status == "failed"}
    sent = {punch_id for punch_id, status, _ in rows if status in ("sent", "duplicate")}
    assert len(failed) + len(sent) == len(rows)
    words = f"{DISCARDED}ann: {HAS_IT}"
    found = {punch_id for punch_id, reason in failed.items() if reason.startswith(words)}
    failed = {punch_id: reason for punch_id, reason in failed.items() if punch_id not in found}
    sent |= found
    assert sent == set(receiver.records)
    for punch_id, reason in failed.items():
        assert reason in receiver.refused[punch_id]
    for ident, enrollid, time_raw, mode, inout, event in punches:
        if ident in sent:
            record = receiver.records[ident]
            assert (record["log_id"], record["terminal_sn"]) == (ident, "TM20-001")
            assert (record["enrollid"], record["mode"]) == (int(enrollid), mode)
            assert (record["inout"], record["event"]) == (inout, event)
            assert record["time"] == time_raw.replace(" ", "T") + "Z"
    assert receiver.counts["delivered_twice"] == 0, receiver.delivered_twice
    assert receiver.violations == []
