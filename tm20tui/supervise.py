"""Every long-lived task has an owner, a name and an end: loops that survive their own faults.

An expected failure is handled in the loop that meets it. An unexpected one restarts
that leaf with a growing pause and is logged with its traceback; a leaf that keeps
crashing ends the process, which the database makes safe.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

import trio

Ts = TypeVarTuple("Ts")
log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
CRASHES_ALLOWED = 20
CRASH_WINDOW_SECONDS = 600.0


async def keep_running(name: str, task: Callable[[*Ts], Awaitable[object]], *args: *Ts) -> None:
    """Run `task(*args)` until it returns, restarting it after each crash.

    Raises:
        The task's last exception, once it crashed `CRASHES_ALLOWED` times within
        `CRASH_WINDOW_SECONDS`.
    """
    crashes: deque[float] = deque(maxlen=CRASHES_ALLOWED)
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = trio.current_time()
        try:
            await task(*args)
        except Exception:
            now = trio.current_time()
            crashes.append(now)
            if len(crashes) == CRASHES_ALLOWED and now - crashes[0] < CRASH_WINDOW_SECONDS:
                log.critical("%s keeps crashing: giving up", name, extra={"task": name})
                raise
            if now - started > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.exception("%s crashed: restarting in %.1f s", name, pause, extra={"task": name})
            await trio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            return
