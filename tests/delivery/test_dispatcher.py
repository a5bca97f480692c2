"""The dispatcher: couriers come and go with services, and none disturbs another."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
import trio
from sqlalchemy import text
from trio.testing import MockClock

from tests.delivery.rig import Reply, Request, Rig, open_rig, says
from tests.store.factories import add_punch, add_terminal
from tm20tui.delivery.draft import validate_service
from tm20tui.errors import Conflict, NotFound, StoreUnavailable, Unavailable
from tm20tui.model import Service
from tm20tui.store.deliveries import DOUBTED
from tm20tui.store.engine import Database
from tm20tui.store.services import delete_service, update_service
from tm20tui.store.vault import Vault


async def test_deliveries_reach_the_receiver_on_both_engines(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        await rig.add_service(batch_size=40)
        ids = await rig.punch(100)
        rig.receiver.poison_log_ids = {ids[70]}
        rig.receiver.control({"fail": "poison"})
        await rig.start()
        await rig.until_settled(sent=99, failed=1)
        assert set(rig.receiver.records) == set(ids) - {ids[70]}


async def test_a_service_added_while_running_takes_over_what_nobody_was_owed(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.start()
    await rig.database.write(lambda conn: [add_punch(conn, add_terminal(conn), n) for n in range(1)])
    await rig.add_service(sync_interval_minutes=15)
    rig.dispatcher.services_changed()
    await rig.until_settled(sent=1)
    assert [status.name for status in rig.dispatcher.status()] == ["hr"]


async def test_an_edit_resumes_a_paused_service(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.always = says(401)
    service = await rig.add_service(auth_type="bearer", auth_token="old")
    await rig.punch(2)
    await rig.start()
    await rig.until_health("paused")
    rig.receiver.always = None
    draft = validate_service({"auth_token": "new"}, existing=service, allow_private_hosts=True)
    await rig.database.write(lambda conn: update_service(conn, rig.vault, service.id, draft, rig.now()))
    rig.dispatcher.services_changed()
    await rig.until_settled(sent=2)
    assert [request.headers["authorization"] for request in rig.receiver.seen] == ["Bearer old", "Bearer new"]
    assert rig.receiver.keys[0] == rig.receiver.keys[1]


@pytest.mark.parametrize("deliver", [False, True])
async def test_impossible_times_are_taken_over_as_configured(
    rig: Rig, mock_clock: MockClock, deliver: bool
) -> None:
    rig.config = replace(rig.config, deliver_impossible_times=deliver)
    await rig.database.write(lambda conn: add_punch(conn, add_terminal(conn), time_problem="too old"))
    await rig.add_service()
    await rig.start()
    await rig.until_settled(**({"sent": 1} if deliver else {"held": 1}))


async def edit(rig: Rig, service: Service, **changes: Any) -> None:
    draft = validate_service(changes, existing=service, allow_private_hosts=True)
    await rig.database.write(lambda conn: update_service(conn, rig.vault, service.id, draft, rig.now()))
    rig.dispatcher.services_changed()


async def test_an_edit_of_something_else_does_not_shorten_a_pause(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.script = [says(429, b"", ("retry-after", "3600"))]
    service = await rig.add_service()
    await rig.punch(2)
    await rig.start()
    await rig.until_health("backing off")
    await edit(rig, service, description="the new payroll")
    mock_clock.jump(3590)
    await rig.quiet(1)
    mock_clock.jump(11)
    await rig.until_settled(sent=2)


async def test_what_failed_through_wrong_settings_is_sent_when_they_are_corrected(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        rig.receiver.always = says(422)
        service = await rig.add_service(retry_attempts=1, extra_headers={"X-Tenant": "wrong"})
        await rig.punch(3)
        await rig.start()
        await rig.until_settled(failed=3)
        await edit(rig, service, description="no use")
        await rig.quiet(len(rig.receiver.seen))
        rig.receiver.always = None
        await edit(rig, service, extra_headers={"X-Tenant": "right"})
        await rig.until_settled(sent=3)
        assert await rig.rows("SELECT DISTINCT attempts FROM deliveries") == [(1,)]


async def test_what_a_deleted_service_was_owed_goes_to_the_next(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        service = await rig.add_service(retry_attempts=1)
        await rig.start()
        await rig.punch(2)
        await rig.until_settled(sent=2)
        rig.receiver.script = [says(422), says(422), says(422), says(429)]
        await rig.punch(2)
        await rig.until_settled(sent=2, failed=2)
        await rig.punch(1)
        await rig.until_health("backing off")
        await rig.database.write(lambda conn: delete_service(conn, service.id, rig.now()))
        rig.dispatcher.services_changed()
        await rig.until(lambda: not rig.dispatcher.status())
        await rig.add_service()
        rig.dispatcher.services_changed()
        await rig.until_settled(sent=5, failed=3)
        assert rig.receiver.counts["delivered_twice"] == 0
        assert await rig.rows("SELECT DISTINCT sync_status FROM punches") == [("sent",)]


async def test_what_a_deleted_service_may_have_got_is_held_for_the_next(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        rig.receiver.script = [says(500)]
        service = await rig.add_service(batch_size=2)
        await rig.punch(3)
        await rig.start()
        await rig.until_health("backing off")
        await rig.database.write(lambda conn: delete_service(conn, service.id, rig.now()))
        rig.dispatcher.services_changed()
        await rig.until(lambda: not rig.dispatcher.status())
        await rig.add_service()
        rig.dispatcher.services_changed()
        await rig.until_settled(failed=3, held=2, sent=1)
        held = await rig.rows("SELECT punch_id, last_error FROM deliveries WHERE status = 'held'")
        assert held == [(ident, f"{DOUBTED}before the service was deleted") for ident in (1, 2)]


async def test_deleting_a_service_ends_its_courier(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.always = says(503)
    service = await rig.add_service()
    await rig.punch(2)
    await rig.start()
    await rig.until_health("backing off")
    await rig.database.write(lambda conn: delete_service(conn, service.id, rig.now()))
    rig.dispatcher.services_changed()
    await rig.until(lambda: not rig.dispatcher.status())
    await rig.until_settled(failed=2)


async def test_an_answer_that_comes_after_its_service_was_deleted_changes_nothing(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.script = [says(200, hang_seconds=3.0)]
    service = await rig.add_service()
    await rig.punch(2)
    await rig.start()
    await rig.until(lambda: rig.receiver.seen)
    await rig.database.write(lambda conn: delete_service(conn, service.id, rig.now()))
    rig.dispatcher.services_changed()
    mock_clock.jump(3)
    await rig.until(lambda: not rig.dispatcher.status())
    await rig.until_settled(failed=2)


async def test_what_an_inactive_service_is_owed_waits_for_it(rig: Rig, mock_clock: MockClock) -> None:
    service = await rig.add_service(is_active=False)
    await rig.start()
    await rig.punch(2)
    await rig.quiet(0)
    with pytest.raises(Conflict, match="not active"):
        await rig.dispatcher.sync_now(service.id)
    draft = validate_service({"is_active": True}, existing=service)
    await rig.database.write(lambda conn: update_service(conn, rig.vault, service.id, draft, rig.now()))
    rig.dispatcher.services_changed()
    await rig.until_settled(sent=2)


async def test_sync_now_ignores_the_interval_and_can_take_one_terminal(
    rig: Rig, mock_clock: MockClock
) -> None:
    service = await rig.add_service(sync_interval_minutes=15)
    await rig.start()
    await rig.punch(1)
    await rig.until_settled(sent=1)
    first = rig.terminal_id
    await rig.punch(2)
    rig.terminal_id = await rig.database.write(lambda conn: add_terminal(conn, "TM20-002"))
    await rig.punch(3)
    report = await rig.dispatcher.sync_now(service.id, first)
    assert (report.sent, report.failed, report.left) == (2, 0, 3)
    report = await rig.dispatcher.sync_now(service.id)
    assert (report.sent, report.left) == (3, 0)
    report = await rig.dispatcher.sync_now(service.id)
    assert (report.sent, report.left) == (0, 0)


async def test_sync_now_probes_a_service_that_is_down_and_says_what_it_found(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.always = says(503)
    service = await rig.add_service()
    await rig.punch(2)
    await rig.start()
    await rig.until_health("backing off")
    report = await rig.dispatcher.sync_now(service.id)
    assert report.sent == 0
    assert report.reason == "answered 503: {}"
    assert len(rig.receiver.seen) == 2
    assert (await rig.service()).failures == 2


async def test_sync_now_takes_what_would_be_tried_later_but_once(rig: Rig, mock_clock: MockClock) -> None:
    service = await rig.add_service()
    ids = await rig.punch(3)
    words = ("rejected", "retry", "accepted")
    results = [{"log_id": ident, "status": word} for ident, word in zip(ids, words, strict=True)]
    refusal = [{"log_id": ids[0], "status": "rejected"}]
    rig.receiver.script = [says(200, json.dumps({"results": some}).encode()) for some in (results, refusal)]
    await rig.start()
    await rig.until_settled(sent=1, failed=1, pending=1)
    report = await rig.dispatcher.sync_now(service.id)
    assert (report.sent, report.failed, report.left) == (1, 1, 0)
    report = await rig.dispatcher.sync_now(service.id)
    assert (report.sent, report.failed, report.left) == (1, 0, 0)
    assert len(rig.receiver.seen) == 3


async def test_sync_now_resumes_a_paused_service_that_is_owed_nothing(
    rig: Rig, mock_clock: MockClock
) -> None:
    service = await rig.add_service()
    await rig.database.write(
        lambda conn: conn.execute(text("UPDATE services SET health = 'paused', health_reason = 'x'")).rowcount
    )
    await rig.start()
    await rig.until_health("paused")
    async with rig.events.subscribe({"service.health"}) as told:
        report = await rig.dispatcher.sync_now(service.id)
        assert (await anext(told)).facts["health"] == "healthy"
    assert (report.sent, report.reason, rig.health()) == (0, "", "healthy")
    assert (await rig.service()).health == "healthy"
    await rig.punch(1)
    await rig.until_settled(sent=1)


async def test_whoever_asks_for_a_sync_may_go_before_it_is_over(
    rig: Rig, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    rig.receiver.script = [says(200, hang_seconds=3.0)]
    service = await rig.add_service(sync_interval_minutes=60)
    await rig.punch(2)
    await rig.start()
    gone = trio.CancelScope()

    async def ask() -> None:
        with gone:
            await rig.dispatcher.sync_now(service.id)

    rig.nursery.start_soon(ask)
    await rig.until(lambda: rig.receiver.seen)
    gone.cancel()
    mock_clock.jump(3)
    await rig.until_settled(sent=2)
    report = await rig.dispatcher.sync_now(service.id)
    assert (report.sent, report.left) == (0, 0)
    assert [record for record in caplog.records if record.exc_info] == []


async def test_sync_now_refuses_what_is_not_there(rig: Rig, mock_clock: MockClock) -> None:
    await rig.start()
    with pytest.raises(NotFound):
        await rig.dispatcher.sync_now(99)
    service = await rig.add_service()
    with pytest.raises(Unavailable):
        await rig.dispatcher.sync_now(service.id)


async def test_a_hanging_service_delays_no_other(rig: Rig, mock_clock: MockClock) -> None:
    hanging = trio.Event()

    def hang(request: Request) -> Reply | None:
        if request.path != "/hang":
            return None
        hanging.set()
        return says(200, hang_seconds=1000.0)(request)

    rig.receiver.attendance_paths = {"/api/v1/attendance"}
    rig.receiver.always = hang
    await rig.add_service(name="hanging", attendance_endpoint="/hang")
    for number in range(9):
        await rig.add_service(name=f"fine {number}")
    await rig.start()
    async with rig.events.subscribe({"delivery.settled"}) as settled:
        await rig.punch(1)
        await hanging.wait()
        names = [(await anext(settled)).facts["service"] for _ in range(9)]
    assert sorted(map(str, names)) == [f"fine {number}" for number in range(9)]
    states = rig.dispatcher.status()
    assert states[0].in_flight_since == rig.now()


class Flaky:
    """A database that goes away when told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = False
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if self.away:
            self.refused += 1
            raise StoreUnavailable("disk full")
        return await self._database.write(*args, **kwargs)


async def test_an_answer_outlives_the_absence_of_the_store(
    rig: Rig, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    real, flaky = rig.database, Flaky(rig.database)
    await rig.add_service()
    rig.receiver.script = [says(200, hang_seconds=3.0)]
    await rig.punch(2)
    rig.database = flaky  # type: ignore[assignment]
    await rig.start()
    rig.database = real
    await rig.until(lambda: rig.receiver.seen)
    flaky.away = True
    mock_clock.jump(3)
    for count in range(1, 4):
        await rig.until(lambda count=count: flaky.refused >= count)  # type: ignore[misc]
        mock_clock.jump(10)
    flaky.away = False
    mock_clock.jump(10)
    await rig.until_settled(sent=2)
    assert len(rig.receiver.seen) == 1
    await rig.until(lambda: "the database is back" in [record.message for record in caplog.records])
    messages = [record.message for record in caplog.records]
    assert messages.count("waiting for the database: disk full") == 1


async def test_jitter_and_steps_come_from_the_configuration(
    sqlite_database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(sqlite_database, vault, mock_clock) as rig:
        rig.config = replace(rig.config, backoff_seconds=(100,))
        rig.receiver.script = [says(503)]
        await rig.add_service()
        await rig.punch(1)
        await rig.start()
        await rig.until_health("backing off")
        state = rig.dispatcher.status()[0]
        assert state.retry_at is not None
        assert (state.retry_at - rig.now()).total_seconds() == 100
        assert state.next_round_at == state.retry_at
