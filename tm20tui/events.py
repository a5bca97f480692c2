"""How tasks tell each other that something changed, without queues that could grow."""

from __future__ import annotations

import trio


class Signal:
    """Wakes one waiting task. A `set` while nobody waits is remembered once, never counted."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake the waiter, or let the next `wait` return at once."""
        self._event.set()

    async def wait(self) -> None:
        """Return when set since the last `wait` returned; what it announced must be read after that."""
        await self._event.wait()
        self._event = trio.Event()
