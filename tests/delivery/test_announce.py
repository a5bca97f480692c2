"""What a dispatcher tells: answers that were settled, services that change, its sweep."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio
from trio.testing import MockClock

from tests.delivery.rig import Rig, says
from tm20tui.events import Event


async def next_of(events: AsyncIterator[Event], kind: str) -> Event:
    with trio.fail_after(600):
        while True:
            event = await anext(events)
            if event.kind == kind:
                return event


async def test_answers_and_health_are_told_without_punches(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service()
    rig.receiver.script = [says(503), says(401)]
    await rig.start()
    async with rig.dispatcher._office.events.subscribe() as events:
        await rig.punch(2)
        await rig.until_health("backing off")
        down = await next_of(events, "service.health")
        assert (down.facts["service"], down.facts["health"]) == ("hr", "backing off")
        assert "503" in str(down.facts["reason"])
        assert down.facts["retry_at"] is not None
        mock_clock.jump(60)
        await rig.until_health("paused")
        settled = await next_of(events, "delivery.settled")
        assert settled.facts == {
            "service_id": 1,
            "service": "hr",
            "outcome": "paused",
            "sent": 0,
            "failed": 0,
        }
        assert (await next_of(events, "service.health")).facts["health"] == "paused"


async def test_what_was_sent_is_told_and_shown(rig: Rig, mock_clock: MockClock) -> None:
    await rig.add_service(sync_interval_minutes=0)
    await rig.start()
    async with rig.dispatcher._office.events.subscribe(["delivery.settled"]) as events:
        await rig.punch(3)
        await rig.until_settled(sent=3)
        assert (await anext(events)).facts["sent"] == 3
    (status,) = await rig.until(lambda: [one for one in rig.dispatcher.status() if one.last_round_at])
    assert (status.sent, status.failed, status.refused, status.interval_seconds) == (3, 0, 0, 0)


async def test_the_sweep_shows_its_timetable_and_runs_when_asked(rig: Rig, mock_clock: MockClock) -> None:
    await rig.start()
    await rig.until(lambda: rig.dispatcher.sweep_status().next_run_at)
    sweep = rig.dispatcher.sweep_status()
    assert (sweep.interval_seconds, sweep.running, sweep.error) == (60, False, "")
    assert sweep.next_run_at is not None
    assert sweep.last_finished_at is not None
    assert (sweep.next_run_at - sweep.last_finished_at).total_seconds() == 60
    mock_clock.jump(5)
    rig.dispatcher.sweep_now()
    await rig.until(lambda: rig.dispatcher.sweep_status().last_finished_at != sweep.last_finished_at)
