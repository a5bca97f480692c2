"""Signals that are never lost nor counted, events that never hold anybody up."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tm20tui.events import EVENT_KINDS, Event, EventBus, Signal


async def test_a_signal_set_before_waiting_is_remembered_once(autojump_clock: MockClock) -> None:
    signal = Signal()
    signal.set()
    signal.set()
    await signal.wait()
    with trio.move_on_after(1) as scope:
        await signal.wait()
    assert scope.cancelled_caught


async def test_every_subscriber_hears_what_it_asked_for_in_order() -> None:
    bus = EventBus()
    bus.publish("quarantine", quarantined=1)
    async with bus.subscribe() as everything, bus.subscribe(["alarm.raised"]) as alarms:
        bus.publish("terminal.connected", sn="A")
        bus.publish("alarm.raised", key="disk")
        first, second = await anext(everything), await anext(everything)
        assert [(first.kind, first.number), (second.kind, second.number)] == [
            ("terminal.connected", 2),
            ("alarm.raised", 3),
        ]
        assert first.facts == {"sn": "A"}
        assert first.at.tzinfo is not None
        assert (await anext(alarms)).facts == {"key": "disk"}


async def test_an_event_wakes_who_waits_for_it(autojump_clock: MockClock) -> None:
    bus = EventBus()
    heard: list[Event] = []

    async def listen(task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with bus.subscribe() as events:
            task_status.started()
            async for event in events:
                heard.append(event)
                if len(heard) == 2:
                    return

    async with trio.open_nursery() as nursery:
        await nursery.start(listen)
        await trio.sleep(5)
        bus.publish("quarantine", quarantined=1)
        await trio.sleep(5)
        bus.publish("quarantine", quarantined=2)
    assert [event.facts["quarantined"] for event in heard] == [1, 2]
    assert not bus.hears("quarantine")


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    bus = EventBus()
    async with bus.subscribe(["quarantine"]) as events:
        for number in range(510):
            bus.publish("quarantine", quarantined=number)
            bus.publish("operation", operation="not asked for")
        missed = await anext(events)
        assert (missed.kind, missed.facts) == ("missed", {"count": 10})
        kept = [await anext(events) for _ in range(500)]
        assert [event.facts["quarantined"] for event in kept] == list(range(10, 510))
        assert missed.number < kept[0].number
        bus.publish("quarantine", quarantined=510)
        assert (await anext(events)).facts == {"quarantined": 510}


async def test_a_subscriber_that_leaves_is_forgotten_even_when_cancelled() -> None:
    bus = EventBus()
    with trio.CancelScope() as scope:
        async with bus.subscribe() as events:
            assert bus.hears("quarantine")
            scope.cancel()
            await anext(events)
    assert not bus.hears("quarantine")
    bus.publish("quarantine", quarantined=1)


def test_the_kinds_can_be_listed() -> None:
    assert "missed" in EVENT_KINDS
    assert len(set(EVENT_KINDS)) == len(EVENT_KINDS)
