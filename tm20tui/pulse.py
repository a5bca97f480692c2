"""How the server was doing lately: sampled once a minute and kept in memory, for people who look.

Nothing of it outlives the server; what must is in the database.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import trio

from tm20tui.meters import Histogram
from tm20tui.model import utc_now

if TYPE_CHECKING:
    from tm20tui.events import Event
    from tm20tui.gateway import Gateway

_SAMPLE_SECONDS = 60.0
_WINDOW = 5
_DAY = timedelta(hours=24)
_LATELY = timedelta(minutes=10)
_MOST_DROPS = 50
_HEARD = ("terminal.disconnected", "terminal.refused", "terminal.waiting")


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment. `stored` counts punches since the start, `acks` and `commits` likewise by bound."""

    at: datetime
    online: int
    stored: int
    acks: tuple[int, ...]
    ack_seconds: float
    commits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A terminal that was not let in. `waits` for an operator who may approve it."""

    at: datetime
    sn: str
    address: str
    reason: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """The last `seconds`, five minutes at most. A percentile is an upper bound; None: nothing happened."""

    seconds: float
    punches_per_minute: float
    frames_per_second: float
    ack_mean_seconds: float | None
    ack_p95_seconds: float | None
    commit_p95_seconds: float | None


class Pulse:
    """The last day of one server. Start `run` once."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._recent: deque[Sample] = deque(maxlen=_WINDOW + 1)
        self._online: deque[tuple[datetime, int]] = deque()
        self._drops: dict[int, deque[datetime]] = {}
        self.last_refusal: Refusal | None = None

    async def run(self) -> None:
        """Sample and listen until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._sample)
            async with self._gateway.events.subscribe(_HEARD) as events:
                async for event in events:
                    self._hear(event)

    def drops(self, now: datetime) -> dict[int, tuple[int, int]]:
        """How often terminals' connections ended within a day, and within ten minutes, by terminal id."""
        return {
            terminal_id: (
                sum(now - at < _DAY for at in found),
                sum(now - at < _LATELY for at in found),
            )
            for terminal_id, found in self._drops.items()
        }

    def online_by_hour(self, hours: list[datetime]) -> tuple[int | None, ...]:
        """The most terminals that were online in each hour from these starts on; None: not known."""
        most: list[int | None] = [None] * len(hours)
        for at, online in self._online:
            for place in range(len(hours) - 1, -1, -1):
                if at >= hours[place]:
                    most[place] = max(most[place] or 0, online)
                    break
        return tuple(most)

    def rates(self) -> Rates:
        """What happened since the oldest sample that is kept."""
        now = self._take()
        before = self._recent[0] if self._recent else now
        seconds = max(1.0, (now.at - before.at).total_seconds())
        acks = [after - first for after, first in zip(now.acks, before.acks, strict=True)]
        commits = [after - first for after, first in zip(now.commits, before.commits, strict=True)]
        count = sum(acks)
        meters = self._gateway.meters
        return Rates(
            seconds=seconds,
            # Of less than a minute nothing is known about a minute but what came in it.
            punches_per_minute=60 * (now.stored - before.stored) / max(60.0, seconds),
            frames_per_second=count / seconds,
            ack_mean_seconds=(now.ack_seconds - before.ack_seconds) / count if count else None,
            ack_p95_seconds=_percentile(meters.ack, acks, 0.95),
            commit_p95_seconds=_percentile(meters.commit, commits, 0.95),
        )

    async def _sample(self) -> None:
        while True:
            sample = self._take()
            self._recent.append(sample)
            self._online.append((sample.at, sample.online))
            while sample.at - self._online[0][0] > _DAY:
                self._online.popleft()
            await trio.sleep(_SAMPLE_SECONDS)

    def _take(self) -> Sample:
        gateway = self._gateway
        online = sum(view.state == "online" for view in gateway.roster.views().values())
        ack, commit = gateway.meters.ack, gateway.meters.commit
        stored = gateway.writer.statistics().stored
        return Sample(utc_now(), online, stored, tuple(ack.counts), ack.sum, tuple(commit.counts))

    def _hear(self, event: Event) -> None:
        facts = event.facts
        terminal_id = facts.get("terminal_id")
        if event.kind == "terminal.disconnected":
            if isinstance(terminal_id, int):
                self._drops.setdefault(terminal_id, deque(maxlen=_MOST_DROPS)).append(event.at)
        elif event.kind in ("terminal.refused", "terminal.waiting"):
            sn, address, reason = (str(facts.get(name, "")) for name in ("sn", "address", "reason"))
            self.last_refusal = Refusal(event.at, sn, address, reason, event.kind == "terminal.waiting")


def _percentile(histogram: Histogram, counts: list[int], share: float) -> float | None:
    """The bound below which `share` of the observations lie; the largest one if they lie beyond it."""
    wanted, seen = share * sum(counts), 0
    if not wanted:
        return None
    for bound, count in zip(histogram.bounds, counts, strict=False):
        seen += count
        if seen >= wanted:
            return bound
    return histogram.bounds[-1]
