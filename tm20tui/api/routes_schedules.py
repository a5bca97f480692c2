"""`terminals/{id}/schedules/`: working hours, sent to the terminal on request, and who kept them."""

from __future__ import annotations

from datetime import date, time
from operator import attrgetter
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Query as Parameters
from pydantic import BaseModel, Field, PlainSerializer

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body, only, optional_id
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import Id, IdQuery, PathId, Query
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import schedule_sync, schedules
from tm20tui.operations.registry import to_json
from tm20tui.schedule.rules import MAX_TOLERANCE_MINUTES
from tm20tui.schedule.zones import MAX_MARGIN_MINUTES
from tm20tui.store.schedules import Schedule

_EXAMPLE = {
    "name": "Horaire Standard",
    "weekday": 0,
    "check_in_time": "08:00",
    "check_out_time": "17:00",
    "break_start_time": "12:00",
    "break_end_time": "13:00",
    "tolerance_minutes": 15,
}


def _clock(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")


Clock = Annotated[time, PlainSerializer(_clock, return_type=str)]


class ScheduleFields(BaseModel):
    """What to say of a schedule. Times are "HH:MM"; a check-out before the check-in is the next day's."""

    name: str = Field(min_length=1, max_length=100)
    weekday: int = Field(ge=0, le=6, description="0 is Monday")
    check_in_time: str = Field(description="HH:MM")
    check_out_time: str = Field(description="HH:MM")
    break_start_time: str | None = None
    break_end_time: str | None = None
    tolerance_minutes: int = Field(default=0, ge=0, le=MAX_TOLERANCE_MINUTES)
    effective_from: date | None = Field(default=None, description="first day")
    effective_until: date | None = Field(default=None, description="last day")
    is_active: bool = True


class SyncFields(Body):
    """What to send; `schedule_id` null or left out: every schedule of the terminal."""

    schedule_id: Id | None = None
    as_zones: bool = Field(default=False, description="also write them as access zones")
    split_breaks: bool = Field(default=False, description="zones close the door during breaks")
    margin_minutes: int = Field(default=0, ge=0, le=MAX_MARGIN_MINUTES)


class CopyFields(Body):
    """Which terminals get the schedules of this one."""

    to_terminal_ids: list[Id] = Field(min_length=1, max_length=1000)
    replace: bool = Field(default=False, description="remove what they had first")


class AssessQuery(Query):
    """`GET terminals/{id}/schedules/assess/{enrollid}/`: the week up to today unless told otherwise."""

    from_: date | None = Field(default=None, alias="from", description="first working day")
    to: date | None = Field(default=None, description="last working day")


class ScheduleOut(View):
    """A schedule. `sync_status` is what became of sending it; `synced_at` when it was confirmed last."""

    id: int
    terminal_id: int
    name: str
    weekday: int
    check_in_time: Clock
    check_out_time: Clock
    break_start_time: Clock | None
    break_end_time: Clock | None
    tolerance_minutes: int
    effective_from: date | None
    effective_until: date | None
    is_active: bool
    sync_status: Literal["pending", "confirmed", "refused", "not known"]
    sync_reason: str
    synced_at: Utc | None
    created_at: Utc
    updated_at: Utc


class SchedulesAnswer(View):
    """Schedules by id."""

    success: Literal[True] = True
    schedules: tuple[ScheduleOut, ...]
    pagination: Pagination


class ScheduleAnswer(View):
    """One schedule."""

    success: Literal[True] = True
    schedule_id: int
    schedule: ScheduleOut


class DeletedScheduleAnswer(View):
    """A schedule that is gone; what the terminal was sent of it stays there."""

    success: Literal[True] = True
    schedule_id: int


class ScheduleSyncAnswer(View):
    """The task whose result says what came of each schedule."""

    success: Literal[True] = True
    task_id: str


class CopyOut(View):
    """What copying did to one terminal."""

    terminal_id: int
    added: int
    already_there: int
    removed: int


class CopyAnswer(View):
    """What copying did."""

    success: Literal[True] = True
    copies: tuple[CopyOut, ...]


class AssessmentAnswer(View):
    """Each punch with its verdict, each working day with what is missing."""

    success: Literal[True] = True
    punches: tuple[dict[str, Any], ...]
    days: tuple[dict[str, Any], ...]


class ZonesOut(View):
    """What was last written to the terminal as access zones; `stale` says why it is out of date, if it is."""

    terminal_id: int
    dayzone: tuple[tuple[str, ...], ...]
    weekzone: tuple[tuple[int, ...], ...]
    split_breaks: bool
    margin_minutes: int
    status: str
    written_at: Utc
    stale: str


class ZonesAnswer(View):
    """At most one, nothing when none were ever written."""

    success: Literal[True] = True
    zones: tuple[ZonesOut, ...]


class SummaryOut(View):
    """What a terminal has: counts of schedules, `active` ones by what became of sending them.

    `days` counts the weekdays with an active one; `synced_at` is the latest confirmation.
    """

    terminal_id: int
    total: int
    active: int
    days: int
    pending: int
    confirmed: int
    refused: int
    not_known: int
    synced_at: Utc | None


class SummaryAnswer(View):
    """Terminals that have schedules, by id."""

    success: Literal[True] = True
    terminals: tuple[SummaryOut, ...]
    pagination: Pagination


def summary_routes() -> APIRouter:
    """All terminals at once."""
    router = APIRouter(tags=["schedules"])

    @router.get("/schedules/summary/")
    async def summarise_schedules(call: Caller, query: Annotated[IdQuery, Parameters()]) -> SummaryAnswer:
        by_terminal = attrgetter("terminal_id")
        found = sorted(await schedules.summarise_schedules(call), key=by_terminal)
        page, pagination = cut_by_id(found, query, by_terminal)
        return SummaryAnswer(terminals=tuple(map(SummaryOut.model_validate, page)), pagination=pagination)

    return router


def schedule_routes() -> APIRouter:
    """List, add, send, copy, assess; show, replace, change, delete."""
    router = APIRouter(prefix="/terminals/{terminal_id}/schedules", tags=["schedules"])
    create = documented_body(ScheduleFields, example=_EXAMPLE)

    @router.get("/")
    async def list_schedules(
        call: Caller, terminal_id: PathId, query: Annotated[IdQuery, Parameters()]
    ) -> SchedulesAnswer:
        found = await schedules.list_schedules(call, terminal_id=terminal_id)
        page, pagination = cut_by_id(sorted(found, key=lambda one: one.id), query)
        return SchedulesAnswer(schedules=tuple(map(ScheduleOut.model_validate, page)), pagination=pagination)

    @router.post("/", status_code=201, openapi_extra=create)
    async def add_schedule(call: Caller, terminal_id: PathId, body: JsonObject) -> ScheduleAnswer:
        return _answer(await schedules.add_schedule(call, terminal_id, body))

    @router.post("/sync/", openapi_extra=documented_body(SyncFields, example={"schedule_id": 1}))
    async def sync_schedules(call: Caller, terminal_id: PathId, body: JsonObject) -> ScheduleSyncAnswer:
        only(tuple(SyncFields.model_fields), body)
        fields = checked(SyncFields, {**body, "schedule_id": optional_id(body, "schedule_id")})
        task = await schedule_sync.sync_schedules(call, terminal_id, **dict(fields))
        return ScheduleSyncAnswer(task_id=task.id)

    @router.post("/copy/", openapi_extra=documented_body(CopyFields, example={"to_terminal_ids": [2]}))
    async def copy_schedules(call: Caller, terminal_id: PathId, body: JsonObject) -> CopyAnswer:
        fields = checked(CopyFields, body)
        copies = await schedules.copy_week(call, terminal_id, fields.to_terminal_ids, replace=fields.replace)
        return CopyAnswer(copies=tuple(map(CopyOut.model_validate, copies)))

    @router.get("/zones/")
    async def show_zones(call: Caller, terminal_id: PathId) -> ZonesAnswer:
        found = await schedule_sync.list_zones(call, terminal_id=terminal_id)
        return ZonesAnswer(zones=tuple(map(ZonesOut.model_validate, found)))

    @router.get("/assess/{enrollid}/")
    async def assess_user(
        call: Caller, terminal_id: PathId, enrollid: str, query: Annotated[AssessQuery, Parameters()]
    ) -> AssessmentAnswer:
        found = await schedules.assess_user(
            call, terminal_id, enrollid, from_day=query.from_, to_day=query.to
        )
        return AssessmentAnswer(
            punches=tuple(map(to_json, found.punches)), days=tuple(map(to_json, found.days))
        )

    @router.get("/{schedule_id}/")
    async def get_schedule(call: Caller, terminal_id: PathId, schedule_id: PathId) -> ScheduleAnswer:
        return _answer(await schedules.get_schedule(call, schedule_id, terminal_id=terminal_id))

    @router.put("/{schedule_id}/", openapi_extra=create)
    async def replace_schedule(
        call: Caller, terminal_id: PathId, schedule_id: PathId, body: JsonObject
    ) -> ScheduleAnswer:
        return _answer(await schedules.replace_schedule(call, schedule_id, body, terminal_id=terminal_id))

    @router.patch("/{schedule_id}/", openapi_extra=documented_body(ScheduleFields, partial=True))
    async def change_schedule(
        call: Caller, terminal_id: PathId, schedule_id: PathId, body: JsonObject
    ) -> ScheduleAnswer:
        return _answer(await schedules.change_schedule(call, schedule_id, body, terminal_id=terminal_id))

    @router.delete("/{schedule_id}/")
    async def delete_schedule(
        call: Caller, terminal_id: PathId, schedule_id: PathId
    ) -> DeletedScheduleAnswer:
        deleted = await schedules.delete_schedule(call, schedule_id, terminal_id=terminal_id)
        return DeletedScheduleAnswer(schedule_id=deleted.id)

    return router


def _answer(schedule: Schedule) -> ScheduleAnswer:
    return ScheduleAnswer(schedule_id=schedule.id, schedule=ScheduleOut.model_validate(schedule))
