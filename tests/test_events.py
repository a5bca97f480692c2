"""Signals that are never lost nor counted, events that never hold anybody up."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tm20tui.events import Signal


async def test_a_signal_set_before_waiting_is_remembered_once(autojump_clock: MockClock) -> None:
    signal = Signal()
    signal.set()
    signal.set()
    await signal.wait()
    with trio.move_on_after(1) as scope:
        await signal.wait()
    assert scope.cancelled_caught
