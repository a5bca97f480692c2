"""Numbers that are counted where things happen; `metrics.py` shows them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

import trio

ACK_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_LAG_TICK_SECONDS = 1.0


class Histogram:
    """How many observations lie at or below each of `bounds` (seconds), and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[float, int]]:
        """(upper bound, observations up to it), the last bound being infinite."""
        total, found = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found


class Meters:
    """The numbers of one server since it started.

    `ack`: from a frame's last byte to its acknowledgement. `commit`: from asking for a
    transaction to its end, waiting for the one before included. `loop_lag`: how late the
    loop woke a task that slept. `commands` and `requests` count by outcome and status class.
    """

    def __init__(self) -> None:
        self.ack = Histogram(ACK_BOUNDS)
        self.commit = Histogram(ACK_BOUNDS)
        self.loop_lag = Histogram(LAG_BOUNDS)
        self.commands: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()

    def note_command(self, status: str) -> None:
        """A command came to its end, with a status of the command queue."""
        self.commands[status] += 1

    def note_request(self, status: int) -> None:
        """The HTTP API answered with this status."""
        self.requests[f"{status // 100}xx"] += 1

    async def watch_loop(self) -> None:
        """Measure the loop's lag once a second, until cancelled."""
        while True:
            asleep_at = trio.current_time()
            await trio.sleep(_LAG_TICK_SECONDS)
            self.loop_lag.observe(max(0.0, trio.current_time() - asleep_at - _LAG_TICK_SECONDS))
