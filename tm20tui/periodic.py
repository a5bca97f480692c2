"""Loops with a timetable that people can read: when it ran, what came of it, when it runs next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import trio

from tm20tui.errors import Tm20Error
from tm20tui.events import EventBus, Signal
from tm20tui.model import utc_now

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicRecord:
    """One periodic task. `interval_seconds` None: it runs when there is something to do.

    `last_*` are None before its first run; `last_error` is a sentence, empty when the last
    run did well. `next_run_at` is None while it runs, and when nothing is planned.
    """

    name: str
    interval_seconds: float | None
    running: bool
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_result: object
    last_error: str
    next_run_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of one run; `error` is a sentence, empty when it did well."""

    started_at: datetime
    finished_at: datetime
    result: object
    error: str


Run = Callable[[], Awaitable[RunOutcome]]
"""Waits for the end of one run that was asked for."""


class PeriodicSource(Protocol):
    """Whoever has periodic work of its own to show."""

    def periodic(self) -> tuple[PeriodicRecord, ...]:
        """Its periodic tasks as they are now."""

    def run_now(self, name: str) -> Run | None:
        """Run one at once; None for a name that is not its own."""


class Loop:
    """One periodic task. It outlives every failure of its function, and shows it."""

    def __init__(
        self, name: str, seconds: float, function: Callable[[], Awaitable[object]], events: EventBus
    ) -> None:
        self._name = name
        self._seconds = seconds
        self._function = function
        self._events = events
        self._wanted = Signal()
        self._ended = trio.Event()
        self._running = False
        self._started_at: datetime | None = None
        self._finished_at: datetime | None = None
        self._next_run_at: datetime | None = None
        self._result: object = None
        self._error = ""

    def record(self) -> PeriodicRecord:
        """The task as it is now."""
        return PeriodicRecord(
            name=self._name,
            interval_seconds=self._seconds,
            running=self._running,
            last_started_at=self._started_at,
            last_finished_at=self._finished_at,
            last_result=self._result,
            last_error=self._error,
            next_run_at=self._next_run_at,
        )

    def run_now(self) -> Run:
        """Wait no longer."""
        self._wanted.set()
        ended = self._ended

        async def outcome() -> RunOutcome:
            await ended.wait()
            assert self._started_at is not None
            assert self._finished_at is not None
            return RunOutcome(self._started_at, self._finished_at, self._result, self._error)

        return outcome

    async def run(self, first_after_seconds: float) -> None:
        """Run until cancelled."""
        await self._pause(first_after_seconds)
        while True:
            self._running, self._started_at, self._next_run_at = True, utc_now(), None
            try:
                self._result, self._error = await self._function(), ""
            except Exception as error:
                if isinstance(error, Tm20Error):
                    log.warning("%s failed: %s", self._name, error, extra={"task": self._name})
                else:
                    log.exception("%s crashed", self._name, extra={"task": self._name})
                self._result, self._error = None, failure_of(error)
                self._events.publish(
                    "task.finished", id="", name=self._name, status="failed", error=self._error
                )
            finally:
                self._running, self._finished_at = False, utc_now()
                self._ended.set()
                self._ended = trio.Event()
            await self._pause(self._seconds)

    async def _pause(self, seconds: float) -> None:
        self._next_run_at = utc_now() + timedelta(seconds=seconds)
        with trio.move_on_after(seconds):
            await self._wanted.wait()


def failure_of(error: Exception) -> str:
    """What people are told of a failure: our own words, or where to look."""
    return str(error) if isinstance(error, Tm20Error) else f"unexpected: {type(error).__name__}, see the log"
