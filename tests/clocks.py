"""A clock whose time jumps, also where threads and sockets take part."""

from __future__ import annotations

from trio.testing import MockClock, active_thread_count

IDLE_SECONDS = 0.05
"""In real time: what is on its way between two sockets of one process has arrived by then."""


def jumping_clock(idle_seconds: float = IDLE_SECONDS) -> MockClock:
    """A clock that jumps to the next deadline once neither a task nor a thread has anything to do.

    Trio's own takes a commit that takes long on a busy machine for idleness, and lets limits pass.
    """
    clock = MockClock(autojump_threshold=idle_seconds)
    jump = clock._autojump

    def jump_unless_threads_work() -> None:
        if not active_thread_count():
            jump()

    clock._autojump = jump_unless_threads_work  # type: ignore[method-assign]
    return clock
