"""Many deliveries changed at once: counted first, then in the background, in steps that nobody feels.

Small changes are over before the operator has read the answer, so that is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate

import trio

from tm20tui.errors import Tm20Error, Unavailable
from tm20tui.gentle import GentleWriter
from tm20tui.operations.call import Call
from tm20tui.operations.registry import write_audit
from tm20tui.tasks import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.tasks import TaskRecord

PATIENCE_SECONDS = 2.0
"""How long a change by filter may take before it is left to the background."""
IDS_READ = 5000
FIRST_STEP = 100


@dataclass(frozen=True, slots=True)
class DeadLettersChanged:
    """What a retry or discard did, or with `is_dry_run` would do.

    `matched` were asked for or found, `changed` were changed: fewer when some moved on
    meanwhile, 0 in a dry run. `service_ids` are those whose deliveries changed. With a
    `task` it is still going on: `matched` was counted before, and the task's result has
    the final numbers.
    """

    is_dry_run: bool
    matched: int
    changed: int
    service_ids: tuple[int, ...]
    task: TaskRecord | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to many deliveries, by store functions. `operation` is its name in the audit.

    `list_ids` takes `after_id` and `limit`; `change` takes `ids`, says how many per service.
    """

    operation: str
    count: Callable[[Connection], int]
    list_ids: Callable[Concatenate[Connection, ...], list[int]]
    change: Callable[Concatenate[Connection, ...], dict[int, int]]


async def change_named(call: Call, named: Sequence[int], change: Change) -> DeadLettersChanged:
    """Change those that are named, now."""
    return await _Work(call, change, Progress(0, len(named))).run(named)


async def change_found(call: Call, change: Change) -> DeadLettersChanged:
    """Change what a filter finds, in a task; its end is waited for a moment."""
    total = await call.gateway.database.read(change.count)
    work = _Work(call, change, Progress(0, total))
    task = call.gateway.tasks.start(change.operation, work.run_noted, progress=work.progress)
    with trio.move_on_after(PATIENCE_SECONDS):
        await work.over.wait()
    if work.result is not None:
        return work.result
    if work.error:
        raise Unavailable(work.error)
    return DeadLettersChanged(False, total, work.changed, (), call.gateway.tasks.get(task.id))


class _Work:
    """Page after page of ids, step after step; what was done stays done if it is interrupted."""

    def __init__(self, call: Call, change: Change, progress: Progress) -> None:
        self.progress = progress
        self.over = trio.Event()
        self.result: DeadLettersChanged | None = None
        self.error = ""
        self._call, self._change = call, change
        self._counts: dict[int, int] = {}

    @property
    def changed(self) -> int:
        """How many were changed until now."""
        return sum(self._counts.values())

    async def run_noted(self) -> dict[str, Any]:
        """All that is found, with the numbers written to the audit at the end, whatever end it is."""
        end, started = "interrupted", trio.current_time()
        try:
            self.result = await self.run(())
            end = "complete"
        except Tm20Error as error:
            self.error, end = str(error), "failed"
            raise
        finally:
            facts = {"end": end, "matched": self.progress.done, "changed": self.changed}
            seconds = trio.current_time() - started
            with trio.CancelScope(shield=True):
                await write_audit(self._call, self._change.operation, facts, "done", "", seconds)
            self.over.set()
        return {
            "matched": self.result.matched,
            "changed": self.result.changed,
            "service_ids": list(self.result.service_ids),
        }

    async def run(self, named: Sequence[int]) -> DeadLettersChanged:
        """Those named, or all that is found when none is."""
        database, writer = self._call.gateway.database, GentleWriter(self._call.gateway.database, FIRST_STEP)
        matched, last = 0, 0
        try:
            while page := named or await database.read(self._change.list_ids, after_id=last, limit=IDS_READ):
                start = 0
                while start < len(page):
                    ids = page[start : start + writer.size]
                    for service_id, number in (await writer.write(self._change.change, ids=ids)).items():
                        self._counts[service_id] = self._counts.get(service_id, 0) + number
                    start += len(ids)
                    self.progress.advance(len(ids))
                matched, last = matched + len(page), page[-1]
                if named:
                    break
        finally:
            if self._counts:
                self._call.gateway.dispatcher.news(self._counts)
        return DeadLettersChanged(False, matched, self.changed, tuple(sorted(self._counts)))
