"""`tasks/`, `/healthz`, `/readyz`: the server itself."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from tm20tui import __version__
from tm20tui.api.caller import Caller
from tm20tui.api.views import TaskView, View, show_task
from tm20tui.operations import background


class TasksAnswer(View):
    """Background work, newest first."""

    success: Literal[True] = True
    tasks: tuple[TaskView, ...]


class TaskAnswer(View):
    """One piece of background work."""

    success: Literal[True] = True
    task: TaskView


class HealthAnswer(View):
    """The process is alive."""

    success: Literal[True] = True
    status: Literal["ok"] = "ok"
    version: str = __version__


class ReadyAnswer(View):
    """Whether punches can be taken and stored; `error` says why not."""

    success: bool
    ready: bool
    database: str
    listener: str
    alarms: tuple[str, ...]
    error: str | None


def task_routes() -> APIRouter:
    """List and show."""
    router = APIRouter(prefix="/tasks", tags=["tasks"])

    @router.get("/")
    async def list_tasks(call: Caller) -> TasksAnswer:
        return TasksAnswer(tasks=tuple(show_task(task) for task in await background.list_tasks(call)))

    @router.get("/{task_id}/")
    async def get_task(call: Caller, task_id: str) -> TaskAnswer:
        return TaskAnswer(task=show_task(await background.get_task(call, task_id)))

    return router


def health_routes() -> APIRouter:
    """Alive, and ready."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> HealthAnswer:
        return HealthAnswer()

    @router.get("/readyz", responses={503: {"model": ReadyAnswer}})
    async def readyz(call: Caller, response: Response) -> ReadyAnswer:
        found = await background.check_readiness(call)
        parts = (("database", found.database), ("listener", found.listener))
        reasons = [f"{name}: {state}" for name, state in parts if state != "ok"]
        if not found.ready:
            response.status_code = 503
        return ReadyAnswer(
            success=found.ready,
            ready=found.ready,
            database=found.database,
            listener=found.listener,
            alarms=found.alarms,
            error=None if found.ready else "; ".join(reasons),
        )

    return router
