"""The cases that a fake HR service must be able to play, each with its expected outcome.

One test a case, through the real courier and a real HTTP server, played by the same
faults as `tm20tui simulate hr --fail`. Finer points of each are in `test_courier`.

| case       | the service                                    | expected                                    |
|------------|------------------------------------------------|---------------------------------------------|
| ok         | 200 with a body, or 204                        | all sent                                    |
| outage     | 5xx n times, then 200                          | a probe a step, no attempt counted, once    |
| throttle   | 429, Retry-After in seconds or as a date       | nothing before                              |
| slow       | answers after the timeout, has stored          | the same bytes and key again, counted once  |
| forgets    | stores, times out, then refuses the same key    | held, nothing under another key             |
| one bad    | 422 while a batch of 100 has that record       | 99 sent, 1 failed, at most 15 requests      |
| all bad    | 400 always                                     | stops early, refusing, nothing failed       |
| auth       | 401, 403, a signature it refuses               | paused, an alarm's reason, nothing failed   |
| redirect   | 302 to another host                            | not followed, backing off                   |
| gone       | 410                                            | paused, pending                             |
| garbage    | 200 with HTML, or JSON that says it failed     | not sent                                    |
| per record | 200 or 207 with results                        | as listed, what is missing by the status    |
| busy       | 408, 425                                       | backing off                                 |
| broken     | cuts the connection before or after it stored  | backing off, the same bytes, once           |
| too large  | 413                                            | half, remembered                            |
| untrusted  | a certificate of an unknown authority          | paused, pending, nothing seen by it         |
"""

from __future__ import annotations

import json
import ssl
from functools import partial
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.delivery.rig import Receiver, Rig
from tm20tui.hr.signing import new_signing_secret
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.store.deliveries import DOUBTED

STEPS = (5, 15, 60)


async def owed(rig: Rig, count: int, fault: str, service: dict[str, Any] | None = None, **how: Any) -> None:
    """A courier that is owed so many punches by a service that fails so."""
    rig.receiver.control({"fail": fault, **how})
    await rig.add_service(**(service or {}))
    await rig.punch(count)
    await rig.start()


async def healed(rig: Rig, clock: MockClock, seconds: float, **settled: int) -> None:
    """The service works again; after so long everything has come once."""
    rig.receiver.control({"fail": "none"})
    clock.jump(seconds)
    await rig.until_settled(**settled)
    await rig.until_health("healthy")
    assert rig.receiver.counts["delivered_twice"] == rig.receiver.counts["violations"] == 0


async def nothing_counted(rig: Rig) -> bool:
    rows = await rig.rows("SELECT DISTINCT d.attempts, p.sync_status FROM deliveries d, punches p")
    return rows == [(0, "pending")]


@pytest.mark.parametrize("fault", ["none", "204"])
async def test_ok(rig: Rig, mock_clock: MockClock, fault: str) -> None:
    await owed(rig, 3, fault)
    await rig.until_settled(sent=3)
    assert (len(rig.receiver.seen), len(rig.receiver.records)) == (1, 3)
    assert set(rig.receiver.requests) == {"200" if fault == "none" else "204"}


async def test_outage(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 3, "5xx")
    for count, step in enumerate(STEPS, 1):
        await rig.until(lambda count=count: len(rig.receiver.seen) == count)  # type: ignore[misc]
        await rig.until_health("backing off")
        mock_clock.jump(step - 1)
        await rig.quiet(count)
        assert await nothing_counted(rig)
        if count < len(STEPS):
            mock_clock.jump(1)
    await healed(rig, mock_clock, 1, sent=3)
    assert (len(set(rig.receiver.keys)), len(rig.receiver.seen)) == (1, len(STEPS) + 1)
    assert await rig.rows("SELECT DISTINCT attempts FROM deliveries") == [(1,)]


@pytest.mark.parametrize("as_date", [False, True])
async def test_throttle(rig: Rig, mock_clock: MockClock, as_date: bool) -> None:
    await owed(rig, 1, "429", retry_after_seconds=3600, retry_after_as_date=as_date)
    await rig.until_health("backing off")
    mock_clock.jump(3599)
    await rig.quiet(1)
    await healed(rig, mock_clock, 1, sent=1)
    assert len(rig.receiver.seen) == 2


async def test_slow(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 5, "timeout", {"timeout_seconds": 20}, hang_seconds=25)
    await rig.until(lambda: rig.receiver.records)
    mock_clock.jump(20)
    await rig.until_health("backing off")
    await healed(rig, mock_clock, 5, sent=5)
    first, again = rig.receiver.seen
    assert (first.body, rig.receiver.keys[0]) == (again.body, rig.receiver.keys[1])
    assert (rig.receiver.counts["replayed"], len(rig.receiver.records)) == (5, 5)


async def test_forgets(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 5, "forget", {"timeout_seconds": 20}, hang_seconds=25)
    await rig.until(lambda: rig.receiver.records)
    mock_clock.jump(20)
    for step in (*STEPS, 300):
        await rig.until_health("backing off")
        mock_clock.jump(step)
        await rig.until(lambda: rig.dispatcher.status()[0].retry_at != rig.now())
    await rig.until_settled(held=5)
    assert (len(set(rig.receiver.keys)), len(rig.receiver.seen)) == (1, 5)
    assert rig.receiver.counts["delivered_twice"] == 0
    ((reason, status),) = await rig.rows(
        "SELECT DISTINCT last_error, sync_status FROM deliveries d JOIN punches p ON p.id = d.punch_id"
    )
    assert reason.startswith(f"{DOUBTED}before it was refused: answered 422")
    assert status == "pending"
    await rig.until_health("healthy")
    rig.receiver.control({"fail": "none"})
    await rig.punch(1)
    await rig.until_settled(held=5, sent=1)


async def test_one_bad(rig: Rig, mock_clock: MockClock) -> None:
    rig.receiver.control({"fail": "poison"})
    await rig.add_service(batch_size=100)
    ids = await rig.punch(100)
    rig.receiver.control({"poison_log_ids": [ids[61]]})
    await rig.start()
    await rig.until_settled(sent=99, failed=1)
    assert len(rig.receiver.seen) <= 15
    assert len(set(rig.receiver.keys)) == len(rig.receiver.seen)
    ((punch, reason),) = await rig.rows("SELECT punch_id, last_error FROM deliveries WHERE status = 'failed'")
    assert punch == ids[61]
    assert "this employee is unknown" in reason
    assert set(rig.receiver.records) == set(ids) - {punch}


async def test_all_bad(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 100, "400", {"batch_size": 100})
    assert (await rig.until_health("paused")).startswith("refuses every record: answered 400")
    await rig.until_settled(pending=100)
    assert len(rig.receiver.seen) <= 15
    assert await nothing_counted(rig)


@pytest.mark.parametrize("fault", ["auth", "403", "unsigned"])
async def test_auth(rig: Rig, mock_clock: MockClock, fault: str) -> None:
    if fault == "unsigned":
        rig.receiver.require_signatures(new_signing_secret())
    await owed(rig, 2, "none" if fault == "unsigned" else fault, {"signing_secret": new_signing_secret()})
    words = {"auth": "refuses our credentials", "403": "forbids", "unsigned": "no signature fits"}
    assert words[fault] in await rig.until_health("paused")
    mock_clock.jump(100_000)
    await rig.quiet(1)
    assert await nothing_counted(rig)


async def test_redirect(rig: Rig, mock_clock: MockClock) -> None:
    elsewhere = Receiver()
    port = await rig.nursery.start(serve_hr, elsewhere, "127.0.0.1", 0)
    rig.receiver.redirect_to = f"http://localhost:{port}/api/v1/attendance"
    await owed(rig, 2, "redirect")
    assert f"redirected to {rig.receiver.redirect_to}" in await rig.until_health("backing off")
    await rig.until_settled(in_flight=2)
    await healed(rig, mock_clock, 5, sent=2)
    assert elsewhere.seen == []


async def test_gone(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 2, "gone")
    assert "gone for good" in await rig.until_health("paused")
    mock_clock.jump(100_000)
    await rig.punch(1)
    await rig.quiet(1)
    assert await nothing_counted(rig)


@pytest.mark.parametrize(("fault", "words"), [("garbage", "a web page"), ("lie", "the database is down")])
async def test_garbage(rig: Rig, mock_clock: MockClock, fault: str, words: str) -> None:
    await owed(rig, 2, fault)
    assert words in await rig.until_health("backing off")
    assert await nothing_counted(rig)
    await healed(rig, mock_clock, 5, sent=2)


async def test_per_record(rig: Rig, mock_clock: MockClock) -> None:
    """As the service drew it: each delivery is what its answer says of it."""
    answers: list[tuple[int, dict[str, Any], list[int]]] = []
    judge = rig.receiver.handle

    def noted(request: Any) -> Any:
        reply = judge(request)
        sent = [record["log_id"] for record in json.loads(request.body)["attendance"]]
        answers.append((reply.status, json.loads(reply.body), sent))
        return reply

    rig.receiver.handle = noted  # type: ignore[method-assign]
    rig.receiver.control({"fail": "partial", "poison_log_ids": [7, 33, 61]})
    await rig.add_service(batch_size=40, retry_attempts=1)
    await rig.punch(120)
    await rig.start()
    await rig.until(lambda: len(answers) == 3 and rig.dispatcher.status()[0].in_flight_since is None)
    wanted: dict[int, str] = {}
    for status, answer, sent in answers:
        said = {result["log_id"]: result["status"] for result in answer["results"]}
        wanted |= {ident: said.get(ident, "accepted" if status == 200 else "retry") for ident in sent}
    words = {"accepted": "sent", "duplicate": "duplicate", "rejected": "failed", "retry": "pending"}
    assert {status for status, _, _ in answers} == {200, 207}
    assert set(wanted.values()) >= {"accepted", "rejected", "retry"}
    found = dict(await rig.rows("SELECT punch_id, status FROM deliveries"))  # type: ignore[arg-type]
    assert found == {ident: words[word] for ident, word in wanted.items()}
    failed = await rig.rows("SELECT punch_id, last_error FROM deliveries WHERE status = 'failed'")
    assert failed == [(ident, "EMPLOYEE_UNKNOWN: this employee is unknown") for ident in (7, 33, 61)]
    await healed(rig, mock_clock, 60, sent=117, failed=3)


async def test_busy(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 2, "busy")
    assert "not now" in await rig.until_health("backing off")
    assert await nothing_counted(rig)
    await healed(rig, mock_clock, 5, sent=2)


@pytest.mark.parametrize("fault", ["reset", "reset-after"])
async def test_broken(rig: Rig, mock_clock: MockClock, fault: str) -> None:
    await owed(rig, 2, fault)
    assert "closed the connection" in await rig.until_health("backing off")
    assert len(rig.receiver.records) == (2 if fault == "reset-after" else 0)
    await healed(rig, mock_clock, 5, sent=2)
    assert len(set(rig.receiver.keys)) == 1


async def test_too_large(rig: Rig, mock_clock: MockClock) -> None:
    await owed(rig, 150, "big", {"batch_size": 100}, big_above=30)
    await rig.until_settled(sent=150)
    sizes = [len(json.loads(request.body)["attendance"]) for request in rig.receiver.seen]
    assert sizes == [100, 50, 25, 25, 50, 25, 25, 25, 25]


async def test_untrusted(rig: Rig, mock_clock: MockClock) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    stranger = HrService(seed=1)
    port = await rig.nursery.start(partial(serve_hr, stranger, "127.0.0.1", 0, context))
    await owed(rig, 2, "none", {"base_url": f"https://127.0.0.1:{port}"})
    assert "certificate" in await rig.until_health("paused")
    mock_clock.jump(100_000)
    await trio.testing.wait_all_tasks_blocked()
    assert await nothing_counted(rig)
    assert stranger.requests.total() == 0
