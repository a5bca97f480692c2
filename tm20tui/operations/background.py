"""Background work and the server's own state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation

if TYPE_CHECKING:
    from tm20tui.snapshot import Readiness
    from tm20tui.tasks import TaskRecord


@operation("tasks.list", "viewer", writes=False)
async def list_tasks(call: Call) -> tuple[TaskRecord, ...]:
    """Background work that is running or remembered, newest first."""
    return call.gateway.tasks.list()[::-1]


@operation("tasks.get", "viewer", writes=False)
async def get_task(call: Call, task_id: str) -> TaskRecord:
    """One piece of background work; `NotFound` when unknown or long forgotten."""
    return call.gateway.tasks.get(task_id)


@operation("server.readiness", "viewer", writes=False)
async def check_readiness(call: Call) -> Readiness:
    """Whether terminals can connect and their punches can be stored now."""
    return await call.gateway.readiness()
