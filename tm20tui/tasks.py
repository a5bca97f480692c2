"""Work that goes on after its caller was answered: known by an id, with a true outcome."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import trio

from tm20tui.errors import NotFound, Tm20Error
from tm20tui.model import utc_now

log = logging.getLogger(__name__)

_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One piece of background work.

    `result` is JSON-able and None while running or failed; `error` is a sentence for
    people, empty unless failed.
    """

    id: str
    name: str
    status: Literal["running", "done", "failed"]
    started_at: datetime
    finished_at: datetime | None = None
    result: object = None
    error: str = ""


class Tasks:
    """Background work of one server, in the nursery of its owner; remembers the last 500."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._records: dict[str, TaskRecord] = {}

    def start(self, name: str, function: Callable[[], Awaitable[object]]) -> TaskRecord:
        """Begin `function` now; its outcome is found by the record's id."""
        record = TaskRecord(uuid.uuid4().hex, name, "running", utc_now())
        self._records[record.id] = record
        self._forget_old()
        self._nursery.start_soon(self._run, record, function)
        return record

    def get(self, task_id: str) -> TaskRecord:
        """The record as it is now; `NotFound` when unknown or long forgotten."""
        try:
            return self._records[task_id]
        except KeyError:
            raise NotFound("task", task_id, field="task_id") from None

    def list(self) -> tuple[TaskRecord, ...]:
        """All that are remembered, oldest first."""
        return tuple(self._records.values())

    async def _run(self, record: TaskRecord, function: Callable[[], Awaitable[object]]) -> None:
        try:
            result = await function()
        except Tm20Error as error:
            log.warning("%s failed: %s", record.name, error, extra={"task": record.id})
            done = replace(record, status="failed", error=str(error))
        except Exception as error:
            log.exception("%s crashed", record.name, extra={"task": record.id})
            done = replace(record, status="failed", error=f"unexpected: {type(error).__name__}, see the log")
        else:
            done = replace(record, status="done", result=result)
        self._records[record.id] = replace(done, finished_at=utc_now())

    def _forget_old(self) -> None:
        finished = [ident for ident, record in self._records.items() if record.status != "running"]
        for ident in finished[: max(0, len(self._records) - _REMEMBERED)]:
            del self._records[ident]
