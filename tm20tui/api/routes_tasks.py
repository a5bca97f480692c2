"""`tasks/` and `alarms/`: what the server does by itself, and what somebody should know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_key
from tm20tui.api.queries import KeyQuery
from tm20tui.api.views import Pagination, TaskView, Utc, View, show_task
from tm20tui.operations import alarms, background, periodic
from tm20tui.operations.registry import to_json

if TYPE_CHECKING:
    from tm20tui.periodic import PeriodicRecord


class TaskQuery(KeyQuery):
    """`GET tasks/`."""

    status: Literal["running", "done", "failed", "cancelled"] | None = None


class AlarmQuery(KeyQuery):
    """`GET alarms/`."""

    cleared: bool = Field(default=False, description="the last that cleared instead of those that last")


class AlarmKey(Body):
    """Which alarm."""

    key: str


class TaskName(Body):
    """Which periodic task."""

    name: str


class PeriodicOut(View):
    """A periodic task; `interval_seconds` null: it runs when there is something to do."""

    name: str
    interval_seconds: float | None
    running: bool
    last_started_at: Utc | None
    last_finished_at: Utc | None
    last_result: Any
    last_error: str
    next_run_at: Utc | None


class AlarmOut(View):
    """An alarm; it lasts while `cleared_at` is null, known to somebody or not."""

    key: str
    severity: Literal["warning", "critical"]
    sentence: str
    raised_at: Utc
    cleared_at: Utc | None
    acknowledged_at: Utc | None
    acknowledged_by: str


class TasksAnswer(View):
    """Background work, newest first."""

    success: Literal[True] = True
    tasks: tuple[TaskView, ...]
    pagination: Pagination


class TaskAnswer(View):
    """One piece of background work."""

    success: Literal[True] = True
    task: TaskView


class PeriodicsAnswer(View):
    """Periodic tasks by name."""

    success: Literal[True] = True
    periodic: tuple[PeriodicOut, ...]
    pagination: Pagination


class PeriodicAnswer(View):
    """One periodic task."""

    success: Literal[True] = True
    periodic: PeriodicOut


class AlarmsAnswer(View):
    """Alarms."""

    success: Literal[True] = True
    alarms: tuple[AlarmOut, ...]
    pagination: Pagination


class AlarmAnswer(View):
    """One alarm."""

    success: Literal[True] = True
    alarm: AlarmOut


def task_routes() -> APIRouter:
    """List, show, cancel; periodic ones: list, run."""
    router = APIRouter(prefix="/tasks", tags=["tasks"])

    @router.get("/")
    async def list_tasks(call: Caller, query: Annotated[TaskQuery, Query()]) -> TasksAnswer:
        found = await background.list_tasks(call)
        wanted = [task for task in found if query.status in (None, task.status)]
        page, pagination = cut_by_key(wanted, query, lambda task: task.id)
        return TasksAnswer(tasks=tuple(map(show_task, page)), pagination=pagination)

    @router.get("/periodic/")
    async def list_periodic(call: Caller, query: Annotated[KeyQuery, Query()]) -> PeriodicsAnswer:
        page, pagination = cut_by_key(await periodic.list_periodic(call), query, lambda task: task.name)
        return PeriodicsAnswer(periodic=tuple(map(_show_periodic, page)), pagination=pagination)

    @router.post("/periodic/run/", openapi_extra=documented_body(TaskName, example={"name": "retention"}))
    async def run_periodic(call: Caller, body: JsonObject) -> PeriodicAnswer:
        found = await periodic.run_now(call, checked(TaskName, body).name)
        return PeriodicAnswer(periodic=_show_periodic(found))

    @router.get("/{task_id}/")
    async def get_task(call: Caller, task_id: str) -> TaskAnswer:
        return TaskAnswer(task=show_task(await background.get_task(call, task_id)))

    @router.post("/{task_id}/cancel/")
    async def cancel_task(call: Caller, task_id: str) -> TaskAnswer:
        return TaskAnswer(task=show_task(await periodic.cancel_task(call, task_id)))

    return router


def alarm_routes() -> APIRouter:
    """List, acknowledge."""
    router = APIRouter(prefix="/alarms", tags=["alarms"])

    @router.get("/")
    async def list_alarms(call: Caller, query: Annotated[AlarmQuery, Query()]) -> AlarmsAnswer:
        found = await alarms.list_alarms(call, cleared=query.cleared)
        page, pagination = cut_by_key(found, query, lambda alarm: alarm.key)
        return AlarmsAnswer(alarms=tuple(map(AlarmOut.model_validate, page)), pagination=pagination)

    @router.post("/acknowledge/", openapi_extra=documented_body(AlarmKey, example={"key": "silent:12"}))
    async def acknowledge_alarm(call: Caller, body: JsonObject) -> AlarmAnswer:
        found = await alarms.acknowledge_alarm(call, checked(AlarmKey, body).key)
        return AlarmAnswer(alarm=AlarmOut.model_validate(found))

    return router


def _show_periodic(record: PeriodicRecord) -> PeriodicOut:
    values = {name: getattr(record, name) for name in PeriodicOut.model_fields}
    return PeriodicOut(**(values | {"last_result": to_json(record.last_result)}))
