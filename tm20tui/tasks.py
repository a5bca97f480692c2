"""Work that goes on behind its caller's back: once, known by an id; or time and again, known by a name."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import trio

from tm20tui.errors import Conflict, NotFound, Tm20Error
from tm20tui.events import EventBus
from tm20tui.model import utc_now
from tm20tui.periodic import Loop, PeriodicRecord, PeriodicSource, Run, RunOutcome, failure_of

log = logging.getLogger(__name__)

_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One piece of background work.

    `result` is JSON-able and None while running or failed; `error` is a sentence for
    people, empty unless failed. `done` of `total` tell how far it is, where it tells;
    `total` is None when nobody knows.
    """

    id: str
    name: str
    status: Literal["running", "done", "failed", "cancelled"]
    started_at: datetime
    finished_at: datetime | None = None
    result: object = None
    error: str = ""
    done: int = 0
    total: int | None = None


@dataclass(slots=True)
class Progress:
    """How far a piece of work is: written by the work, read by whoever looks."""

    done: int = 0
    total: int | None = None

    def advance(self, by: int = 1) -> None:
        """So much more is done."""
        self.done += by


def new_task_id() -> str:
    """An id that no other task has."""
    return uuid.uuid4().hex


class Tasks:
    """Background work of one server, in the nursery of its owner; remembers the last 500."""

    def __init__(self, nursery: trio.Nursery, events: EventBus | None = None) -> None:
        self._nursery = nursery
        self._events = events or EventBus()
        self._records: dict[str, TaskRecord] = {}
        self._running: dict[str, tuple[trio.CancelScope, Progress]] = {}
        self._on_cancel: dict[str, Callable[[], None]] = {}
        self._ended: dict[str, trio.Event] = {}
        self._loops: dict[str, Loop] = {}
        self._sources: list[PeriodicSource] = []

    def start(
        self,
        name: str,
        function: Callable[[], Awaitable[object]],
        *,
        progress: Progress | None = None,
        ident: str | None = None,
        on_cancel: Callable[[], None] | None = None,
    ) -> TaskRecord:
        """Begin `function` now; its outcome is found by the record's id.

        `progress` is what `function` was given to tell how far it is. `ident` is the id where
        it has one already: then it is gone on with. `on_cancel` is called before the work is
        cancelled by an operator, and not when the server ends.
        """
        record = TaskRecord(ident or new_task_id(), name, "running", utc_now())
        if on_cancel is not None:
            self._on_cancel[record.id] = on_cancel
        self._records[record.id] = record
        self._running[record.id] = trio.CancelScope(), progress or Progress()
        self._ended[record.id] = trio.Event()
        self._forget_old()
        self._nursery.start_soon(self._run, record, function)
        return self.get(record.id)

    def get(self, task_id: str) -> TaskRecord:
        """The record as it is now; `NotFound` when unknown or long forgotten."""
        try:
            record = self._records[task_id]
        except KeyError:
            raise NotFound("task", task_id, field="task_id") from None
        return self._with_progress(record)

    def end_of(self, task_id: str) -> Run:
        """Waits for the end of work that runs."""
        ended = self._ended[task_id]

        async def outcome() -> RunOutcome:
            await ended.wait()
            record = self.get(task_id)
            error = record.error or ("" if record.status == "done" else f"the task is {record.status}")
            return RunOutcome(record.started_at, record.finished_at or utc_now(), record.result, error)

        return outcome

    def list(self) -> tuple[TaskRecord, ...]:
        """All that are remembered, oldest first."""
        return tuple(map(self._with_progress, self._records.values()))

    def cancel(self, task_id: str) -> TaskRecord:
        """Ask running work to stop where it can; it is `cancelled` once it has.

        Raises:
            NotFound: unknown or long forgotten.
            Conflict: it is over.
        """
        record = self.get(task_id)
        if task_id not in self._running:
            raise Conflict(f"the task is {record.status} already", field="task_id")
        if task_id in self._on_cancel:
            self._on_cancel[task_id]()
        self._running[task_id][0].cancel()
        return record

    def every(
        self,
        name: str,
        seconds: float,
        function: Callable[[], Awaitable[object]],
        *,
        first_after_seconds: float | None = None,
    ) -> None:
        """Run `function` again and again, `seconds` after it ended, whatever became of it.

        The first time after `first_after_seconds`, by default after `seconds`. What it
        returns is shown as its last result.
        """
        assert name not in self._loops, f"two periodic tasks are called {name}"
        self._loops[name] = loop = Loop(name, seconds, function, self._events)
        self._nursery.start_soon(loop.run, seconds if first_after_seconds is None else first_after_seconds)

    def also_show(self, source: PeriodicSource) -> None:
        """List the periodic work of somebody else with ours."""
        self._sources.append(source)

    def periodic(self) -> tuple[PeriodicRecord, ...]:
        """Every periodic task, by name."""
        found = [loop.record() for loop in self._loops.values()]
        for source in self._sources:
            found += source.periodic()
        return tuple(sorted(found, key=lambda record: record.name))

    def run_now(self, name: str) -> PeriodicRecord:
        """Have a periodic task run at once instead of at its time.

        Raises:
            NotFound: no periodic task of that name.
            Conflict: it is running.
        """
        return self._run_now(name)[0]

    async def run_to_end(self, name: str) -> PeriodicRecord:
        """The same, and wait: the last result is that of this very run, whatever ran since.

        Raises:
            NotFound: no periodic task of that name.
            Conflict: it is running.
        """
        asked, run = self._run_now(name)
        if run is None:
            return asked
        outcome = await run()
        record = next((record for record in self.periodic() if record.name == name), asked)
        return replace(
            record,
            last_started_at=outcome.started_at,
            last_finished_at=outcome.finished_at,
            last_result=outcome.result,
            last_error=outcome.error,
        )

    def _run_now(self, name: str) -> tuple[PeriodicRecord, Run | None]:
        record = next((record for record in self.periodic() if record.name == name), None)
        if record is None:
            raise NotFound("periodic task", repr(name), field="name")
        if record.running:
            raise Conflict(f"{name} is running", field="name")
        if name in self._loops:
            run: Run | None = self._loops[name].run_now()
        else:
            found = [source.run_now(name) for source in self._sources]
            run = next((one for one in found if one is not None), None)
        return replace(record, next_run_at=utc_now()), run

    async def _run(self, record: TaskRecord, function: Callable[[], Awaitable[object]]) -> None:
        scope, _ = self._running[record.id]
        # Also what ends because the server does: nobody must see it running for ever.
        done = replace(record, status="cancelled")
        try:
            with scope:
                try:
                    result = await function()
                except Exception as error:
                    if isinstance(error, Tm20Error):
                        log.warning("%s failed: %s", record.name, error, extra={"task": record.id})
                    else:
                        log.exception("%s crashed", record.name, extra={"task": record.id})
                    done = replace(record, status="failed", error=failure_of(error))
                else:
                    done = replace(record, status="done", result=result)
        finally:
            done = self._with_progress(replace(done, finished_at=utc_now()))
            self._records[record.id] = done
            del self._running[record.id]
            self._on_cancel.pop(record.id, None)
            self._ended.pop(record.id).set()
            self._events.publish(
                "task.finished", id=done.id, name=done.name, status=done.status, error=done.error
            )

    def _with_progress(self, record: TaskRecord) -> TaskRecord:
        if record.id not in self._running:
            return record
        progress = self._running[record.id][1]
        return replace(record, done=progress.done, total=progress.total)

    def _forget_old(self) -> None:
        finished = [ident for ident, record in self._records.items() if record.status != "running"]
        for ident in finished[: max(0, len(self._records) - _REMEMBERED)]:
            del self._records[ident]
