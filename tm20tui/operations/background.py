"""Background work and the server's own state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway
    from tm20tui.snapshot import Readiness
    from tm20tui.tasks import TaskRecord


async def list_tasks(gateway: Gateway) -> tuple[TaskRecord, ...]:
    """Background work that is running or remembered, newest first."""
    return gateway.tasks.list()[::-1]


async def get_task(gateway: Gateway, task_id: str) -> TaskRecord:
    """One piece of background work; `NotFound` when unknown or long forgotten."""
    return gateway.tasks.get(task_id)


async def check_readiness(gateway: Gateway) -> Readiness:
    """Whether terminals can connect and their punches can be stored now."""
    return await gateway.readiness()
