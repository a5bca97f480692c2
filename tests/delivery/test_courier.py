"""Every way an HR service answers, through the real courier and a real HTTP server."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import format_datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.rig import Receiver, Reply, Request, Rig, says
from tm20tui.delivery.policy import GROW_AFTER
from tm20tui.store.deliveries import count_doubted


def log_ids(request: Request) -> list[int]:
    return [record["log_id"] for record in json.loads(request.body)["attendance"]]


def refuse_if(*poison: int, status: int = 422) -> Any:
    def answer(request: Request) -> Reply | None:
        bad = [ident for ident in log_ids(request) if ident in poison]
        if not bad:
            return None
        return Reply(status, json.dumps({"error": f"log_id {bad[0]}: unknown employee"}).encode())

    return answer


@pytest.mark.parametrize("reply", [says(200, b"{}"), says(204, b""), says(202, b'{"queued":true}')])
async def test_any_2xx_is_success_for_all(rig: Rig, mock_clock: MockClock, reply: Any) -> None:
    rig.receiver.always = reply
    await rig.add_service()
    await rig.start()
    await rig.punch(3)
    await rig.until_settled(sent=3)
    assert rig.health() == "healthy"
    assert await rig.rows("SELECT DISTINCT sync_status FROM punches") == [("sent",)]
    assert (await rig.service()).last_attendance_sync_at == rig.now()


async def test_the_body_is_the_customers_to_the_byte(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(auth_type="bearer", auth_token="a-token", extra_headers={"X-Tenant": "north"})
    await rig.start()
    await rig.punch(1, temperature=36.5, name="Jürgen")
    await rig.until_settled(sent=1)
    (request,) = rig.receiver.seen
    assert request.body.decode() == (
        '{"attendance":[{"terminal_sn":"TM20-001","enrollid":123,"user_name":"Jürgen",'
        '"time":"2025-12-30T12:00:00Z","mode":0,"inout":0,"event":0,"temperature":36.5,'
        '"access_granted":true,"log_id":1}]}'
    )
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer a-token"
    assert request.headers["x-tenant"] == "north"
    assert request.headers["webhook-id"] == request.headers["idempotency-key"]
    assert request.headers["webhook-timestamp"] == str(int(rig.now().timestamp()))
    assert request.headers["user-agent"].startswith("tm20tui/")
    assert rig.receiver.counts["violations"] == 0


async def test_batches_are_cut_to_size_oldest_first(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(batch_size=100)
    await rig.punch(250)
    await rig.start()
    await rig.until_settled(sent=250)
    assert [log_ids(request) for request in rig.receiver.seen] == [
        list(range(1, 101)),
        list(range(101, 201)),
        list(range(201, 251)),
    ]


async def test_an_outage_gets_one_probe_per_step_and_costs_no_punch_an_attempt(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.script = [says(503)] * 3
    await rig.add_service()
    await rig.punch(3)
    await rig.start()
    for count, step in enumerate((5, 15, 60), 1):
        await rig.until_health("backing off")
        await rig.until(lambda count=count: len(rig.receiver.seen) == count)  # type: ignore[misc]
        await rig.punch(1)
        mock_clock.jump(step - 1)
        await rig.quiet(count)
        assert await rig.rows("SELECT DISTINCT attempts FROM deliveries") == [(0,)]
        mock_clock.jump(1)
        await rig.until(lambda count=count: len(rig.receiver.seen) > count)  # type: ignore[misc]
    await rig.until_settled(sent=6)
    assert len(set(rig.receiver.keys[:4])) == 1
    assert len({request.body for request in rig.receiver.seen[:4]}) == 1
    assert len(rig.receiver.records) == 6
    assert (await rig.service()).failures == 0
    assert await rig.rows("SELECT attempts FROM batches ORDER BY id") == [(4,), (1,)]


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_honoured_in_full(rig: Rig, mock_clock: MockClock, as_date: bool) -> None:
    def throttle(request: Request) -> Reply:
        at = rig.now().replace(microsecond=0).timestamp() + 3600
        date = format_datetime(rig.now().fromtimestamp(at, rig.now().tzinfo), usegmt=True)
        return Reply(429, b"", (("retry-after", date if as_date else "3600"),))

    rig.receiver.script = [throttle]
    await rig.add_service()
    await rig.punch(1)
    await rig.start()
    await rig.until_health("backing off")
    mock_clock.jump(3590)
    await rig.quiet(1)
    mock_clock.jump(11)
    await rig.until_settled(sent=1)


async def test_an_unknown_outcome_goes_again_as_it_was(rig: Rig, mock_clock: MockClock) -> None:
    """The answer comes after the timeout; the receiver has stored the batch."""
    rig.receiver.control({"fail": "timeout"})
    await rig.add_service(timeout_seconds=20)
    await rig.punch(5)
    await rig.start()
    await rig.until(lambda: rig.receiver.records)
    rig.receiver.control({"fail": "none"})
    mock_clock.jump(20)
    reason = await rig.until_health("backing off")
    assert reason == "no answer within 20 s, after the request was sent"
    mock_clock.jump(5)
    await rig.until_settled(sent=5)
    assert len(set(rig.receiver.keys)) == 1
    assert rig.receiver.counts["replayed"] == 5
    assert rig.receiver.counts["delivered_twice"] == rig.receiver.counts["violations"] == 0


async def test_one_bad_record_of_a_hundred_is_found_in_fifteen_requests(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=100, retry_attempts=3)
    ids = await rig.punch(100)
    rig.receiver.always = refuse_if(ids[61])
    await rig.start()
    await rig.until_settled(sent=99, failed=1)
    assert len(rig.receiver.seen) <= 15
    assert len(set(rig.receiver.keys)) == len(rig.receiver.seen)
    rows = await rig.rows("SELECT punch_id, attempts, last_error FROM deliveries WHERE status = 'failed'")
    assert rows == [(ids[61], 1, f'answered 422: {{"error": "log_id {ids[61]}: unknown employee"}}')]
    assert rig.health() == "healthy"
    assert len(rig.receiver.records) == 99


async def test_many_bad_records_among_good_ones_do_not_trip_the_brake(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=50)
    ids = await rig.punch(50)
    rig.receiver.always = refuse_if(*ids[20:30])
    await rig.start()
    await rig.until_settled(sent=40, failed=10)
    assert rig.health() == "healthy"


async def test_a_service_that_refuses_everything_is_paused_and_fails_nothing(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.always = says(400, b'{"error":"bad request"}')
    await rig.add_service(batch_size=100)
    await rig.punch(100)
    await rig.start()
    reason = await rig.until_health("paused")
    assert reason == 'refuses every record: answered 400: {"error":"bad request"}'
    await rig.until_settled(pending=100)
    assert len(rig.receiver.seen) <= 15
    assert await rig.rows("SELECT DISTINCT attempts, last_error FROM deliveries") == [(0, "")]
    assert await rig.rows("SELECT DISTINCT sync_status FROM punches") == [("pending",)]
    assert (await rig.service()).health == "paused"


async def test_a_wrong_path_trips_the_brake_even_punch_by_punch(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.always = says(404)
    await rig.add_service()
    await rig.start()
    for count in range(1, 6):
        await rig.punch(1)
        await rig.until(lambda count=count: len(rig.receiver.seen) == count)  # type: ignore[misc]
    await rig.until_health("paused")
    await rig.until_settled(pending=5)


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "refuses our credentials"), (403, "forbids"), (410, "gone for good")],
)
async def test_a_service_that_refuses_us_is_paused_and_no_punch_fails(
    rig: Rig, mock_clock: MockClock, status: int, words: str
) -> None:
    rig.receiver.always = says(status)
    await rig.add_service()
    await rig.punch(2)
    await rig.start()
    assert words in await rig.until_health("paused")
    mock_clock.jump(100_000)
    await rig.punch(1)
    await rig.quiet(1)
    assert await rig.rows("SELECT DISTINCT attempts, sync_status FROM deliveries, punches") == [
        (0, "pending")
    ]
    rig.receiver.always = None
    report = await rig.dispatcher.sync_now(1)
    assert (report.sent, report.failed, report.left, report.reason) == (3, 0, 0, "")
    assert rig.receiver.keys[0] == rig.receiver.keys[1]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            says(302, b"", ("location", "http://elsewhere.example/")),
            "redirected to http://elsewhere.example/",
        ),
        (says(200, b"<html>Sign in</html>", ("content-type", "text/html")), "a web page"),
        (says(200, b"Welcome", ("content-type", "text/plain")), "not JSON"),
        (says(200, b'{"success":false,"error":"database down"}'), "it failed: database down"),
        (says(200, b'{"a":"' + b"x" * 100_000 + b'"}'), "far more"),
        (says(0, reset=True), "closed the connection"),
        (says(500), "answered 500"),
        (says(408), "answered 408"),
        (says(425), "answered 425"),
    ],
)
async def test_what_is_no_answer_of_the_service_is_an_outage(
    rig: Rig, mock_clock: MockClock, reply: Any, words: str
) -> None:
    rig.receiver.script = [reply]
    await rig.add_service()
    await rig.punch(2)
    await rig.start()
    assert words in await rig.until_health("backing off")
    await rig.until_settled(in_flight=2)
    mock_clock.jump(5)
    await rig.until_settled(sent=2)
    assert len(set(rig.receiver.keys)) == 1


async def test_a_service_that_is_not_there_is_an_outage(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(base_url="http://127.0.0.1:9")
    await rig.punch(1)
    await rig.start()
    assert await rig.until_health("backing off") == "cannot connect to 127.0.0.1 port 9: Connection refused"


async def test_each_record_gets_the_verdict_that_is_listed_for_it(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(retry_attempts=1)
    ids = await rig.punch(5)
    results = [
        {"log_id": ids[0], "status": "accepted"},
        {"log_id": ids[1], "status": "duplicate"},
        {"log_id": str(ids[2]), "status": "rejected", "code": "EMPLOYEE_UNKNOWN", "message": "nobody"},
        {"log_id": ids[3], "status": "retry"},
    ]
    rig.receiver.script = [says(200, json.dumps({"results": results}).encode())]
    await rig.start()
    await rig.until_settled(sent=2, duplicate=1, failed=1, pending=1)
    rows = await rig.rows("SELECT last_error, next_attempt_at FROM deliveries WHERE status = 'failed'")
    assert rows == [("EMPLOYEE_UNKNOWN: nobody", None)]
    mock_clock.jump(59)
    await rig.quiet(1)
    mock_clock.jump(1)
    await rig.until_settled(sent=3, duplicate=1, failed=1)
    assert len(set(rig.receiver.keys)) == 2


async def test_what_nobody_understands_of_every_record_sends_no_second_batch(
    rig: Rig, mock_clock: MockClock
) -> None:
    """The service took them, and says so in words of its own."""
    rig.receiver.always = lambda request: Reply(
        200,
        json.dumps({"results": [{"log_id": one, "status": "created"} for one in log_ids(request)]}).encode(),
    )
    await rig.add_service()
    await rig.punch(3)
    await rig.start()
    for count, step in enumerate((5, 15, 60), 1):
        await rig.until(lambda count=count: len(rig.receiver.seen) == count)  # type: ignore[misc]
        await rig.until_health("backing off")
        mock_clock.jump(step)
    await rig.until(lambda: len(rig.receiver.seen) == 4)
    assert len(set(rig.receiver.keys)) == 1
    assert "unknown status 'created'" in rig.dispatcher.status()[0].reason


async def test_a_record_of_which_nobody_understands_what_is_said_is_held(
    rig: Rig, mock_clock: MockClock
) -> None:
    results = [{"log_id": 1, "status": "accepted"}, {"log_id": 2, "status": "created"}]
    rig.receiver.script = [says(200, json.dumps({"results": results}).encode())]
    await rig.add_service()
    await rig.punch(3)
    await rig.start()
    await rig.until_settled(sent=2, held=1)
    assert await rig.database.read(count_doubted) == {1: 1}
    mock_clock.jump(7200)
    await rig.quiet(1)


async def test_records_that_a_207_does_not_mention_are_sent_again(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service()
    ids = await rig.punch(2)
    results = [{"log_id": ids[0], "status": "accepted"}]
    rig.receiver.script = [says(207, json.dumps({"results": results}).encode())]
    await rig.start()
    await rig.until_settled(sent=1, pending=1)
    mock_clock.jump(60)
    await rig.until_settled(sent=2)
    assert log_ids(rig.receiver.seen[1]) == [ids[1]]


async def test_a_batch_put_off_whole_backs_off_and_goes_under_a_new_key(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service()
    ids = await rig.punch(2)
    results = [{"log_id": ident, "status": "retry"} for ident in ids]
    rig.receiver.script = [says(200, json.dumps({"results": results}).encode())]
    await rig.start()
    assert "put off" in await rig.until_health("backing off")
    mock_clock.jump(60)
    await rig.until_settled(sent=2)
    assert len(set(rig.receiver.keys)) == 2


async def test_413_halves_the_batches_and_is_remembered(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.control({"fail": "big", "big_above": 30})
    await rig.add_service(batch_size=100)
    await rig.punch(150)
    await rig.start()
    await rig.until_settled(sent=150)
    assert (await rig.service()).batch_limit == 25
    sizes = [len(log_ids(request)) for request in rig.receiver.seen]
    assert sizes == [100, 50, 25, 25, 50, 25, 25, 25, 25]


async def test_what_413_taught_is_forgotten_in_time(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.control({"fail": "big", "big_above": 3})
    await rig.add_service(batch_size=4)
    await rig.punch(2 * GROW_AFTER + 4)
    await rig.start()
    await rig.until_settled(sent=2 * GROW_AFTER + 4)
    sizes = [len(log_ids(request)) for request in rig.receiver.seen]
    assert sizes == [4, *[2] * GROW_AFTER, 4, 2, 2]
    assert (await rig.service()).batch_limit == 2


async def test_a_refused_record_is_tried_hourly_until_its_attempts_are_used(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.always = says(422)
    await rig.add_service(retry_attempts=2)
    await rig.punch(1)
    await rig.start()
    await rig.until_settled(failed=1)
    mock_clock.jump(3500)
    await rig.quiet(1)
    mock_clock.jump(160)
    await rig.until(lambda: len(rig.receiver.seen) == 2)
    await rig.until_settled(failed=1)
    assert await rig.rows("SELECT attempts, next_attempt_at FROM deliveries") == [(2, None)]
    mock_clock.jump(100_000)
    await rig.quiet(2)
    assert await rig.rows("SELECT sync_status FROM punches") == [("failed",)]


async def test_a_refused_record_that_heals_is_sent(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.script = [says(422)]
    await rig.add_service()
    await rig.punch(1)
    await rig.start()
    await rig.until_settled(failed=1)
    mock_clock.jump(3660)
    await rig.until_settled(sent=1)
    assert await rig.rows("SELECT attempts, last_error FROM deliveries") == [(2, "")]


async def test_punches_wait_for_the_interval(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(sync_interval_minutes=15)
    await rig.start()
    await rig.punch(1)
    await rig.until_settled(sent=1)
    await rig.punch(2)
    mock_clock.jump(899)
    await rig.quiet(1)
    assert rig.dispatcher.status()[0].next_round_at is not None
    mock_clock.jump(1)
    await rig.until_settled(sent=3)
    assert len(rig.receiver.seen) == 2


async def test_a_crash_between_post_and_settle_sends_the_same_bytes_under_the_same_key(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.script = [says(200, hang_seconds=1000.0)]
    await rig.add_service(sync_interval_minutes=15)
    await rig.punch(3)
    crash = await rig.start()
    await rig.until(lambda: rig.receiver.seen)
    crash.cancel()
    await rig.until(lambda: not rig.dispatcher.status())
    await rig.punch(1)
    await rig.start()
    await rig.until(lambda: len(rig.receiver.seen) == 3)
    await rig.until_settled(sent=4)
    first, again, _ = rig.receiver.seen
    assert (first.body, rig.receiver.keys[0]) == (again.body, rig.receiver.keys[1])


async def test_a_crash_in_a_bisection_goes_on_where_it_was(rig: Rig, mock_clock: MockClock) -> None:
    rig.config = replace(rig.config, services_know_log_ids=True)
    await rig.add_service(batch_size=8)
    ids = await rig.punch(8)
    refuse = refuse_if(ids[5])
    rig.receiver.script = [refuse, refuse, says(200, hang_seconds=1000.0)]
    crash = await rig.start()
    await rig.until(lambda: len(rig.receiver.seen) == 3)
    crash.cancel()
    await rig.until(lambda: not rig.dispatcher.status())
    rig.receiver.always = refuse
    await rig.start()
    await rig.until_settled(sent=7, failed=1)
    assert rig.receiver.keys[2] == rig.receiver.keys[3]
    assert rig.receiver.counts["delivered_twice"] == 0


async def test_halves_that_were_never_sent_are_not_in_doubt_after_a_crash(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=8)
    ids = await rig.punch(8)
    refuse = refuse_if(ids[5])
    rig.receiver.script = [refuse, says(200, hang_seconds=1000.0)]
    crash = await rig.start()
    await rig.until(lambda: len(rig.receiver.seen) == 2)
    crash.cancel()
    await rig.until(lambda: not rig.dispatcher.status())
    rig.receiver.always = refuse
    await rig.start()
    await rig.until_settled(sent=7, failed=1)
    assert rig.receiver.keys[1] == rig.receiver.keys[2]
    assert rig.receiver.counts["delivered_twice"] == 0


async def test_a_crash_before_a_refusal_holds_what_may_have_arrived(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(batch_size=4)
    ids = await rig.punch(6)
    rig.receiver.script = [says(200, hang_seconds=1000.0)]
    crash = await rig.start()
    await rig.until(lambda: rig.receiver.seen)
    crash.cancel()
    await rig.until(lambda: not rig.dispatcher.status())
    rig.receiver.always = refuse_if(ids[2])
    await rig.start()
    for step in (5, 15, 60):
        assert "may have arrived before" in await rig.until_health("backing off")
        mock_clock.jump(step)
        await rig.until(lambda: rig.dispatcher.status()[0].retry_at != rig.now())
    await rig.until_settled(held=4, sent=2)
    assert len(set(rig.receiver.keys)) == 2
    assert await rig.rows("SELECT DISTINCT attempts FROM deliveries WHERE status = 'held'") == [(0,)]
    assert await rig.database.read(count_doubted) == {1: 4}


async def test_stop_lets_the_attempt_in_flight_finish(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.script = [says(200, hang_seconds=3.0)]
    await rig.add_service(batch_size=2)
    await rig.punch(6)
    await rig.start()
    await rig.until(lambda: rig.receiver.seen)
    rig.dispatcher.stop()
    mock_clock.jump(3)
    await rig.until(lambda: not rig.dispatcher.status())
    await rig.until_settled(sent=2, pending=4)


async def test_held_deliveries_are_never_sent(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service()
    await rig.punch(1)
    await rig.database.write(
        lambda conn: conn.exec_driver_sql("UPDATE deliveries SET status = 'held'").rowcount
    )
    await rig.start()
    await rig.punch(1)
    await rig.until_settled(held=1, sent=1)


async def test_an_unset_environment_variable_pauses_with_its_name(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(auth_type="bearer", auth_token="env:TM20_TEST_NOT_SET")
    await rig.punch(1)
    await rig.start()
    assert "TM20_TEST_NOT_SET" in await rig.until_health("paused")
    assert rig.receiver.seen == []


async def test_no_secret_is_logged_or_kept(
    rig: Rig, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    echo = b'{"error":"Bearer hush-hush-token is unknown, tenant hidden-tenant"}'
    rig.receiver.always = says(401, echo)
    await rig.add_service(
        auth_type="bearer", auth_token="hush-hush-token", extra_headers={"X-Tenant": "hidden-tenant"}
    )
    await rig.punch(1)
    await rig.start()
    await rig.until_health("paused")
    kept = str(await rig.rows("SELECT reason, answer FROM attempts")) + (await rig.service()).health_reason
    for secret in ("hush-hush-token", "hidden-tenant"):
        assert secret not in kept
        assert secret not in caplog.text


async def test_receivers_are_what_they_say() -> None:
    receiver = Receiver()
    receiver.script = [says(204)]
    assert receiver.handle(Request("POST", "/", {}, b"")).status == 204
    await trio.lowlevel.checkpoint()
