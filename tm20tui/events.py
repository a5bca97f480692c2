"""How tasks tell each other that something changed, without queues that could grow."""

from __future__ import annotations

import math

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


class Alarms:
    """What an operator should know now: one sentence per key, shown until it clears or its time is up."""

    def __init__(self) -> None:
        self._active: dict[str, tuple[str, float]] = {}

    def set(self, key: str, sentence: str, *, seconds: float = math.inf) -> None:
        """Raise or renew an alarm, for at most `seconds`."""
        self._active[key] = (sentence, trio.current_time() + seconds)

    def clear(self, key: str) -> None:
        """The cause is gone."""
        self._active.pop(key, None)

    def sentences(self) -> tuple[str, ...]:
        """The alarms of now, oldest first."""
        now = trio.current_time()
        self._active = {key: value for key, value in self._active.items() if value[1] > now}
        return tuple(sentence for sentence, _ in self._active.values())
