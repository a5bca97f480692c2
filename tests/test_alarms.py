"""Alarms: raised once, renewed without noise, acknowledged, ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from tm20tui.alarms import Alarm, Alarms
from tm20tui.errors import NotFound
from tm20tui.events import Event, EventBus
from tm20tui.model import utc_now


async def kinds_of(events: AsyncIterator[Event], count: int) -> list[tuple[str, object]]:
    return [((event := await anext(events)).kind, event.facts["key"]) for _ in range(count)]


async def test_alarms_end_by_being_cleared_or_by_time(autojump_clock: MockClock) -> None:
    alarms = Alarms()
    alarms.set("disk", "the disk is full")
    alarms.set("takeover", "somebody tried", seconds=60)
    assert alarms.sentences() == ("the disk is full", "somebody tried")
    assert alarms.sentences(without=("disk",)) == ("somebody tried",)
    await trio.sleep(61)
    assert alarms.sentences() == ("the disk is full",)
    assert [alarm.key for alarm in alarms.cleared()] == ["takeover"]
    alarms.clear("disk")
    alarms.clear("disk")
    assert alarms.sentences() == ()
    assert [alarm.key for alarm in alarms.cleared()] == ["disk", "takeover"]


async def test_renewing_keeps_the_time_and_the_acknowledgement_and_is_silent(mock_clock: MockClock) -> None:
    bus = EventBus()
    alarms = Alarms(bus)
    async with bus.subscribe() as events:
        alarms.set("drift:1", "60 s off")
        first = alarms.acknowledge("drift:1", "ann")
        assert alarms.acknowledge("drift:1", "bob") is first
        alarms.set("drift:1", "70 s off", severity="critical")
        (alarm,) = alarms.active()
        assert (alarm.raised_at, alarm.acknowledged_by) == (first.raised_at, "ann")
        assert (alarm.sentence, alarm.severity) == ("70 s off", "critical")
        alarms.clear("drift:1")
        assert await kinds_of(events, 3) == [
            ("alarm.raised", "drift:1"),
            ("alarm.acknowledged", "drift:1"),
            ("alarm.cleared", "drift:1"),
        ]
    alarms.set("drift:1", "80 s off")
    assert alarms.active()[0].acknowledged_at is None
    assert alarms.cleared() == ()


async def test_only_what_lasts_can_be_acknowledged(mock_clock: MockClock) -> None:
    alarms = Alarms()
    with pytest.raises(NotFound, match="no alarm"):
        alarms.acknowledge("disk", "ann")
    alarms.set("disk", "full")
    alarms.clear("disk")
    with pytest.raises(NotFound):
        alarms.acknowledge("disk", "ann")


async def test_what_changed_is_unsaved_until_that_very_change_is_saved(mock_clock: MockClock) -> None:
    alarms = Alarms()
    alarms.set("disk", "full")
    alarms.set("disk", "full")
    (before,) = alarms.unsaved()
    alarms.set("disk", "fuller")
    alarms.saved([before])
    (after,) = alarms.unsaved()
    assert after.sentence == "fuller"
    alarms.saved([after])
    assert alarms.unsaved() == ()
    alarms.set("disk", "fuller")
    assert alarms.unsaved() == ()


async def test_reloaded_alarms_last_until_renewed_or_a_quarter_of_an_hour(autojump_clock: MockClock) -> None:
    now = utc_now()
    known = [
        Alarm("silent:1", "warning", "silent", now, acknowledged_at=now, acknowledged_by="ann"),
        Alarm("takeover:x", "warning", "somebody tried", now),
        Alarm("disk", "critical", "full", now, cleared_at=now),
    ]
    alarms = Alarms()
    alarms.reload(known)
    assert [alarm.key for alarm in alarms.active()] == ["silent:1", "takeover:x"]
    alarms.set("silent:1", "silent")
    await trio.sleep(901)
    (alarm,) = alarms.active()
    assert (alarm.key, alarm.acknowledged_by) == ("silent:1", "ann")
    assert [one.key for one in alarms.cleared()] == ["takeover:x", "disk"]


async def test_many_alarms_are_counted_rather_than_said(mock_clock: MockClock) -> None:
    alarms = Alarms()
    for number in range(25):
        alarms.set(f"silent:{number}", f"terminal {number} is silent")
    assert len(alarms.sentences()) == 21
    assert alarms.sentences()[-1] == "and 5 more alarms"
