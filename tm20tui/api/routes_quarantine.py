"""`quarantine/`: what terminals sent and could not be stored."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Id, PathId, PeriodQuery, Text
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import quarantine


class QuarantineQuery(PeriodQuery):
    """`GET quarantine/`."""

    terminal_id: Id | None = None
    reason: Text | None = Field(default=None, description="a part of the reason")


class Reason(Body):
    """Why, for the audit."""

    reason: str = ""


class QuarantinedOut(View):
    """A text that could not be stored, without secrets; `terminal_id` is null when nobody knows it."""

    id: int
    terminal_id: int | None
    sn: str
    raw: str
    field: str
    reason: str
    received_at: Utc


class QuarantineAnswer(View):
    """A page of texts, newest first."""

    success: Literal[True] = True
    quarantine: tuple[QuarantinedOut, ...]
    pagination: Pagination


class QuarantinedAnswer(View):
    """One text."""

    success: Literal[True] = True
    item: QuarantinedOut


class RetriedAnswer(QuarantinedAnswer):
    """What reading a text again came to; it is gone from quarantine when `is_removed`."""

    stored: int
    duplicates: int
    events: int
    users: int
    unreadable: int
    reason: str
    is_removed: bool


def quarantine_routes() -> APIRouter:
    """List, show, read again, discard."""
    router = APIRouter(prefix="/quarantine", tags=["quarantine"])

    @router.get("/")
    async def list_quarantine(call: Caller, query: Annotated[QuarantineQuery, Query()]) -> QuarantineAnswer:
        page = await quarantine.list_quarantine(
            call,
            terminal_id=query.terminal_id,
            reason=query.reason,
            from_at=query.from_,
            to_at=query.to,
            before_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(QuarantinedOut.model_validate, page.items))
        return QuarantineAnswer(
            quarantine=shown, pagination=show_page(query, len(shown), page.next_before_id)
        )

    @router.get("/{quarantine_id}/")
    async def get_quarantined(call: Caller, quarantine_id: PathId) -> QuarantinedAnswer:
        return _answer(await quarantine.get_quarantined(call, quarantine_id))

    @router.post("/{quarantine_id}/retry/")
    async def retry_quarantined(call: Caller, quarantine_id: PathId) -> RetriedAnswer:
        return RetriedAnswer.model_validate(await quarantine.retry_quarantined(call, quarantine_id))

    @router.post("/{quarantine_id}/discard/", openapi_extra=documented_body(Reason))
    async def discard_quarantined(call: Caller, quarantine_id: PathId, body: JsonObject) -> QuarantinedAnswer:
        reason = checked(Reason, body).reason
        return _answer(await quarantine.discard_quarantined(call, quarantine_id, reason=reason))

    return router


def _answer(item: quarantine.Quarantined) -> QuarantinedAnswer:
    return QuarantinedAnswer(item=QuarantinedOut.model_validate(item))
