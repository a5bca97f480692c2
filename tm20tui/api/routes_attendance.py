"""`attendance/`: logs, what became of them, and sending them now."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, documented_body, only, optional_id
from tm20tui.api.caller import Caller
from tm20tui.api.queries import AttendanceQuery, Id, LogIdsQuery, PathId, SyncStatusQuery, write_cursor
from tm20tui.api.stories import LogStoryOut, show_log_story
from tm20tui.api.views import (
    DeliveryView,
    LogDetailView,
    LogView,
    Pagination,
    Stats,
    Utc,
    View,
    show_log,
    show_log_detail,
    show_share,
    show_stats,
)
from tm20tui.operations import attendance, punch_details, punches, sync
from tm20tui.operations.attendance import AttendanceDetail, AttendancePage


class ManualSyncFields(Body):
    """Which config (null: every active one) and, if not all, which terminal's logs."""

    config_id: Id | None = None
    terminal_id: Id | None = None


class LogsAnswer(View):
    """A page of logs."""

    success: Literal[True] = True
    logs: tuple[LogView, ...]
    pagination: Pagination


class SyncStatusAnswer(LogsAnswer):
    """A page of logs and the counts of all there are."""

    stats: Stats


class LogAnswer(View):
    """One log."""

    success: Literal[True] = True
    log: LogDetailView


class LogStoryAnswer(View):
    """One log's story."""

    success: Literal[True] = True
    why: LogStoryOut


class ShareOut(View):
    """What each config got, or is owed, of one log."""

    log_id: int
    deliveries: tuple[DeliveryView, ...]


class SharesAnswer(View):
    """Shares by log; a log that is not there has none."""

    success: Literal[True] = True
    logs: tuple[ShareOut, ...]


class JudgementOut(View):
    """Whether a log was on time: `day` is the working day, `verdict` null for one between shifts.

    `minutes` tell how far it is from `scheduled_at`.
    """

    log_id: int = Field(validation_alias="punch_id")
    at: Utc
    day: date
    schedule_id: int | None
    role: str
    verdict: str | None
    minutes: int
    scheduled_at: Utc | None
    costs_time: bool


class JudgementsAnswer(View):
    """Judgements by log; logs of terminals without schedules have none."""

    success: Literal[True] = True
    logs: tuple[JudgementOut, ...]


class StartedAnswer(View):
    """Work that goes on in the background: see `tasks/{task_id}/`."""

    success: Literal[True] = True
    task_id: str
    message: str


def attendance_routes() -> APIRouter:
    """List, show, release; sync status and manual sync."""
    router = APIRouter(prefix="/attendance", tags=["attendance"])

    @router.get("/")
    async def list_logs(call: Caller, query: Annotated[AttendanceQuery, Query()]) -> LogsAnswer:
        page = await attendance.list_attendance(call, query.filters(), query.position(), query.limit)
        return LogsAnswer(logs=_logs(page), pagination=_pagination(page, query.limit))

    @router.get("/sync-status/")
    async def sync_status(call: Caller, query: Annotated[SyncStatusQuery, Query()]) -> SyncStatusAnswer:
        found = await attendance.sync_status(call, query.filters(), query.position(), query.limit)
        return SyncStatusAnswer(
            stats=show_stats(found.counts),
            logs=_logs(found.page),
            pagination=_pagination(found.page, query.limit),
        )

    @router.post(
        "/manual-sync/",
        openapi_extra=documented_body(ManualSyncFields, example={"config_id": 1, "terminal_id": 1}),
    )
    async def manual_sync(call: Caller, body: JsonObject) -> StartedAnswer:
        only(("config_id", "terminal_id"), body)
        task = await sync.manual_sync(
            call, config_id=optional_id(body, "config_id"), terminal_id=optional_id(body, "terminal_id")
        )
        return StartedAnswer(task_id=task.id, message="the synchronisation has started")

    @router.get("/deliveries/")
    async def list_shares(call: Caller, query: Annotated[LogIdsQuery, Query()]) -> SharesAnswer:
        found = await punch_details.list_shares(call, query.ids())
        shown = [
            ShareOut(log_id=ident, deliveries=tuple(map(show_share, shares)))
            for ident, shares in sorted(found.items())
        ]
        return SharesAnswer(logs=tuple(shown))

    @router.get("/lateness/")
    async def judge_logs(call: Caller, query: Annotated[LogIdsQuery, Query()]) -> JudgementsAnswer:
        found = await punch_details.judge_punches(call, query.ids())
        return JudgementsAnswer(
            logs=tuple(JudgementOut.model_validate(one) for _, one in sorted(found.items()))
        )

    @router.get("/{log_id}/")
    async def get_log(call: Caller, log_id: PathId) -> LogAnswer:
        return _answer(await attendance.get_attendance(call, log_id))

    @router.get("/{log_id}/why/")
    async def explain_log(call: Caller, log_id: PathId) -> LogStoryAnswer:
        return LogStoryAnswer(why=show_log_story(await punches.explain_punch(call, log_id)))

    @router.post("/{log_id}/release/")
    async def release_log(call: Caller, log_id: PathId) -> LogAnswer:
        return _answer(await attendance.release_attendance(call, log_id))

    return router


def _logs(page: AttendancePage) -> tuple[LogView, ...]:
    return tuple(show_log(log) for log in page.logs)


def _pagination(page: AttendancePage, limit: int) -> Pagination:
    return Pagination(
        limit=limit,
        count=len(page.logs),
        has_more=page.next is not None,
        next_cursor=None if page.next is None else write_cursor(page.next),
    )


def _answer(detail: AttendanceDetail) -> LogAnswer:
    return LogAnswer(log=show_log_detail(detail.log, detail.deliveries))
