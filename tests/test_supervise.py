"""Loops that survive their own faults, and give up when they keep crashing."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from tm20tui.supervise import CRASHES_ALLOWED, keep_running


async def test_a_crashed_task_is_started_again_after_a_growing_pause(autojump_clock: MockClock) -> None:
    started: list[float] = []

    async def task() -> None:
        started.append(trio.current_time())
        if len(started) < 4:
            raise RuntimeError("boom")

    await keep_running("test", task)
    pauses = [later - earlier for earlier, later in pairwise(started)]
    assert pauses == [0.5, 1.0, 2.0]


async def test_a_task_that_keeps_crashing_ends_the_process(autojump_clock: MockClock) -> None:
    crashes = 0

    async def task() -> None:
        nonlocal crashes
        crashes += 1
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        await keep_running("test", task)
    assert crashes == CRASHES_ALLOWED


async def test_rare_crashes_never_add_up(autojump_clock: MockClock) -> None:
    crashes = 0

    async def task() -> None:
        nonlocal crashes
        await trio.sleep(3600)
        crashes += 1
        if crashes <= 3 * CRASHES_ALLOWED:
            raise RuntimeError("boom")

    await keep_running("test", task)


async def test_cancellation_is_not_a_crash(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await keep_running("test", trio.sleep_forever)
    assert scope.cancelled_caught
