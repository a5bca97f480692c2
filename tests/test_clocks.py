from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock


async def test_time_stands_still_while_a_thread_works(autojump_clock: MockClock) -> None:
    with trio.fail_after(5):
        await trio.to_thread.run_sync(time.sleep, 0.1)
    assert trio.current_time() == 0


async def test_time_jumps_once_nothing_is_at_work(autojump_clock: MockClock) -> None:
    with pytest.raises(trio.TooSlowError), trio.fail_after(5):
        await trio.sleep_forever()
    assert trio.current_time() == 5
