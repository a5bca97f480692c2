"""Signals that are never lost nor counted, and alarms that end."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tm20tui.events import Alarms, Signal


async def test_a_signal_set_before_waiting_is_remembered_once(autojump_clock: MockClock) -> None:
    signal = Signal()
    signal.set()
    signal.set()
    await signal.wait()
    with trio.move_on_after(1) as scope:
        await signal.wait()
    assert scope.cancelled_caught


async def test_alarms_end_by_being_cleared_or_by_time(autojump_clock: MockClock) -> None:
    alarms = Alarms()
    alarms.set("disk", "the disk is full")
    alarms.set("takeover", "somebody tried", seconds=60)
    assert alarms.sentences() == ("the disk is full", "somebody tried")
    await trio.sleep(61)
    assert alarms.sentences() == ("the disk is full",)
    alarms.clear("disk")
    alarms.clear("disk")
    assert alarms.sentences() == ()
