"""What a service may ask of us besides being right: signatures, a pace, a small probe."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import Connection
from trio.testing import MockClock

from tests.delivery.rig import Request, Rig, says
from tm20tui.delivery.ledger import PROBE_SIZE
from tm20tui.hr.signing import new_signing_secret, read_signing_secret, signatures
from tm20tui.store.services import get_secrets
from tm20tui.store.signing import drop_old_signing, rotate_signing


def signed(request: Request, *secrets: str) -> str:
    """The signature that a receiver with these secrets computes."""
    keys = [read_signing_secret(secret) for secret in secrets]
    headers = request.headers
    return signatures(keys, headers["webhook-id"], int(headers["webhook-timestamp"]), request.body)


def size(request: Request) -> int:
    return len(json.loads(request.body)["attendance"])


async def test_nothing_is_signed_unless_the_service_wants_it(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service()
    await rig.start()
    await rig.punch(1)
    await rig.until_settled(sent=1)
    assert "webhook-signature" not in rig.receiver.seen[0].headers


async def test_a_replay_of_an_unknown_outcome_signs_the_same_bytes_at_its_own_time(
    rig: Rig, mock_clock: MockClock
) -> None:
    secret = new_signing_secret()
    rig.receiver.script = [says(503)]
    await rig.add_service(signing_secret=secret)
    await rig.start()
    await rig.punch(2)
    await rig.until_health("backing off")
    mock_clock.jump(10)
    await rig.until_settled(sent=2)
    first, again = rig.receiver.seen
    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    times = [int(request.headers["webhook-timestamp"]) for request in (first, again)]
    assert times[1] == times[0] + 10
    for request in (first, again):
        assert request.headers["webhook-signature"] == signed(request, secret)


async def test_both_secrets_sign_until_the_old_ones_time_is_over(rig: Rig, mock_clock: MockClock) -> None:
    old, new = new_signing_secret(), new_signing_secret()
    service = await rig.add_service(signing_secret=old)
    await rig.start()

    def rotate(conn: Connection) -> None:
        rotate_signing(conn, rig.vault, service.id, new, rig.now() + timedelta(hours=1), rig.now())

    await rig.database.write(rotate)
    rig.dispatcher.services_changed()
    await rig.punch(1)
    await rig.until_settled(sent=1)
    assert rig.receiver.seen[0].headers["webhook-signature"] == signed(rig.receiver.seen[0], new, old)
    mock_clock.jump(3600)
    await rig.punch(1)
    await rig.until_settled(sent=2)
    assert rig.receiver.seen[1].headers["webhook-signature"] == signed(rig.receiver.seen[1], new)


async def test_an_old_secret_is_dropped_at_an_operators_word(rig: Rig, mock_clock: MockClock) -> None:
    old, new = new_signing_secret(), new_signing_secret()
    service = await rig.add_service(signing_secret=old)

    def rotate_and_drop(conn: Connection) -> None:
        rotate_signing(conn, rig.vault, service.id, new, None, rig.now())
        assert get_secrets(conn, rig.vault, service.id).old_signing_secret == old
        drop_old_signing(conn, service.id, rig.now())

    await rig.database.write(rotate_and_drop)
    await rig.start()
    await rig.punch(1)
    await rig.until_settled(sent=1)
    assert rig.receiver.seen[0].headers["webhook-signature"] == signed(rig.receiver.seen[0], new)


async def test_a_signing_secret_that_the_environment_lacks_pauses_with_its_name(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(signing_secret="env:TM20_TEST_NO_SUCH_SECRET")
    await rig.start()
    await rig.punch(1)
    assert "TM20_TEST_NO_SUCH_SECRET" in await rig.until_health("paused")
    await rig.quiet(requests=0)


async def test_a_service_gets_no_more_requests_in_a_minute_than_it_allows(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=1, requests_per_minute=3)
    await rig.start()
    await rig.punch(7)
    await rig.until_settled(sent=3, pending=4)
    await rig.quiet(requests=3)
    mock_clock.jump(59)
    await rig.quiet(requests=3)
    mock_clock.jump(1)
    await rig.until_settled(sent=6, pending=1)
    await rig.quiet(requests=6)


async def test_a_restart_does_not_forget_what_the_service_got_in_this_minute(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=1, requests_per_minute=2)
    crash = await rig.start()
    await rig.punch(3)
    await rig.until_settled(sent=2, pending=1)
    crash.cancel()
    await rig.start()
    await rig.until(lambda: rig.dispatcher.status())
    await rig.quiet(requests=2)
    mock_clock.jump(60)
    await rig.until_settled(sent=3)


async def test_a_sync_by_hand_keeps_the_pace_and_ends_when_all_is_sent(
    rig: Rig, mock_clock: MockClock
) -> None:
    await rig.add_service(batch_size=1, requests_per_minute=2, sync_interval_minutes=60)
    await rig.start()
    reports = []

    async def sync() -> None:
        reports.append(await rig.dispatcher.sync_now(1))

    await rig.punch(1)
    await rig.until_settled(sent=1)
    await rig.punch(3)
    rig.nursery.start_soon(sync)
    await rig.until_settled(sent=2, pending=2)
    await rig.quiet(requests=2)
    assert reports == []
    mock_clock.jump(60)
    await rig.until_settled(sent=4)
    await rig.until(lambda: reports)
    assert (reports[0].sent, reports[0].left) == (3, 0)


async def test_a_new_batch_that_tries_whether_a_service_works_again_is_small(
    rig: Rig, mock_clock: MockClock
) -> None:
    rig.receiver.script = [says(401)]
    await rig.add_service()
    await rig.start()
    await rig.punch(100)
    await rig.until_health("paused")
    # Its outcome is known to be a refusal, but the bytes are frozen: they are the probe.
    rig.receiver.script = [
        says(
            200,
            b'{"results":[%s]}'
            % b",".join(b'{"log_id":%d,"status":"retry"}' % number for number in range(1, 101)),
        )
    ]
    rig.nursery.start_soon(rig.dispatcher.sync_now, 1)
    await rig.until_health("backing off")
    mock_clock.jump(120)
    await rig.until_settled(sent=100)
    assert [size(request) for request in rig.receiver.seen] == [100, 100, PROBE_SIZE, 90]
