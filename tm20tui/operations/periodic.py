"""Periodic tasks: what runs by itself and when. And the end of background work nobody wants any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation

if TYPE_CHECKING:
    from tm20tui.periodic import PeriodicRecord
    from tm20tui.tasks import TaskRecord


@operation("tasks.periodic", "viewer", writes=False)
async def list_periodic(call: Call) -> tuple[PeriodicRecord, ...]:
    """What the server does time and again, with its last result and its next run, by name."""
    return call.gateway.tasks.periodic()


@operation("tasks.run_now", "operator")
async def run_now(call: Call, name: str, *, until_done: bool = False) -> PeriodicRecord:
    """Have a periodic task run now instead of at its time.

    `until_done` waits for the end of that very run: the last result and error are its own.

    Raises:
        NotFound: no periodic task of that name.
        Conflict: it is running.
    """
    tasks = call.gateway.tasks
    return await tasks.run_to_end(name) if until_done else tasks.run_now(name)


@operation("tasks.cancel", "operator")
async def cancel_task(call: Call, task_id: str) -> TaskRecord:
    """Ask running background work to stop where it can; what it did until then stays done.

    Raises:
        NotFound: unknown or long forgotten.
        Conflict: it is over.
    """
    return call.gateway.tasks.cancel(task_id)
