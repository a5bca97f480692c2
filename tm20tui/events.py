"""How tasks tell each other that something changed, without queues that could grow."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

import trio

from tm20tui.model import utc_now

EventKind = Literal[
    "terminal.connected",  # terminal_id, sn, address
    "terminal.disconnected",  # terminal_id, sn, address
    "terminal.waiting",  # terminal_id, sn, address, reason: until an operator approves it
    "terminal.refused",  # terminal_id (None if unknown), sn, address, reason
    "punches.stored",  # stored, duplicates, terminals: one commit's; records: the first few punches
    "quarantine",  # quarantined, terminals: one commit's
    "delivery.settled",  # service_id, service, outcome, sent, failed: one answer's
    "service.health",  # service_id, service, health, reason, retry_at
    "alarm.raised",  # key, severity, sentence
    "alarm.cleared",  # key, severity, sentence
    "alarm.acknowledged",  # key, severity, sentence, operator
    "task.finished",  # id (empty for a periodic task), name, status, error
    "operation",  # operator, origin, operation, targets, outcome, reason, correlation
    "day.complete",  # terminal_id, sn, day, reported, stored, delivered: a day that is over
    "backfill.finished",  # terminal_id, sn, outcome, is_whole, records, stored
    "clock.set",  # terminal_id, sn, drift_seconds before, result
    "command.settled",  # command_id, terminal_id, name, status, reason, correlation
    "missed",  # count: this subscriber was too slow for so many events
]

EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
BUFFERED_EVENTS = 500
REMEMBERED_EVENTS = 1000

_PASSING = frozenset({"punches.stored"})
"""Kinds that would push everything else out of what is remembered, and are found elsewhere."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `number` counts up since the server started; `facts` hold no secrets.

    A `missed` event has the number of the last one that was dropped.
    """

    number: int
    at: datetime
    kind: EventKind
    facts: Mapping[str, object]


class EventBus:
    """Tells whoever listens what happens, and never waits for them. For the server's own thread."""

    def __init__(self) -> None:
        self._number = 0
        self._subscriptions: list[_Subscription] = []
        self._recent: deque[Event] = deque(maxlen=REMEMBERED_EVENTS)

    def hears(self, kind: EventKind) -> bool:
        """Whether anyone listens to that kind: what is costly to tell need not be put together otherwise."""
        return any(subscription.wants(kind) for subscription in self._subscriptions)

    def publish(self, kind: EventKind, **facts: object) -> None:
        """Tell every subscriber that wants to know. Never blocks."""
        self._number += 1
        is_kept = kind not in _PASSING
        if not self._subscriptions and not is_kept:
            return
        event = Event(self._number, utc_now(), kind, facts)
        if is_kept:
            self._recent.append(event)
        for subscription in self._subscriptions:
            subscription.put(event)

    def recent(self) -> tuple[Event, ...]:
        """The last events, oldest first; stored punches are not among them."""
        return tuple(self._recent)

    @asynccontextmanager
    async def subscribe(
        self, kinds: Collection[str] | None = None, *, buffer: int = BUFFERED_EVENTS
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Events from now on; None means every kind.

        At most `buffer` wait for a slow reader. Then the oldest are dropped, and a `missed`
        event says how many, whatever the kinds.
        """
        subscription = _Subscription(None if kinds is None else frozenset(kinds), buffer)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)


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


class _Subscription:
    """An iterator over one subscriber's events; one task reads it."""

    def __init__(self, kinds: frozenset[str] | None, buffer: int) -> None:
        self._kinds = kinds
        self._waiting: deque[Event] = deque(maxlen=buffer)
        self._missed = self._last_missed = 0
        self._news = Signal()

    def wants(self, kind: str) -> bool:
        return self._kinds is None or kind in self._kinds

    def put(self, event: Event) -> None:
        if not self.wants(event.kind):
            return
        if len(self._waiting) == self._waiting.maxlen:
            self._missed += 1
            self._last_missed = self._waiting[0].number
        self._waiting.append(event)
        self._news.set()

    def __aiter__(self) -> _Subscription:
        return self

    async def __anext__(self) -> Event:
        await trio.lowlevel.checkpoint()
        while True:
            if self._missed:
                count, self._missed = self._missed, 0
                return Event(self._last_missed, utc_now(), "missed", {"count": count})
            if self._waiting:
                return self._waiting.popleft()
            await self._news.wait()
