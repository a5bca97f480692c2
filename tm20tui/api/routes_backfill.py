"""`terminals/{id}/completeness/`, `pull-new/`, `pull-all/`: what a terminal holds and the server does not."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Query as Parameters
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body, only
from tm20tui.api.caller import Caller
from tm20tui.api.queries import PathId, Query
from tm20tui.api.views import Utc, View
from tm20tui.operations import backfill


class DaysQuery(Query):
    """`GET terminals/{id}/completeness/`: the week up to today unless told otherwise."""

    from_: date | None = Field(default=None, alias="from", description="first local day")
    to: date | None = Field(default=None, description="last local day; at most 92 days")


class PullFields(Body):
    """Which days to ask for, both included; all records there are when left out."""

    from_day: date | None = Field(default=None, strict=False)
    to_day: date | None = Field(default=None, strict=False)


class DayOut(View):
    """One local day. `reported` null: the terminal was not asked yet; `reason`: why it is not complete."""

    day: date
    reported: int | None
    stored: int
    punches: int
    delivered: int
    owed: int
    missing: int
    checked_until: Utc | None
    is_complete: bool
    reason: str


class CompletenessAnswer(View):
    """The days, oldest first. At `agreed_at` all it held was stored but for `unaccounted` records."""

    success: Literal[True] = True
    terminal_id: int
    terminal_sn: str
    timezone: str
    days: tuple[DayOut, ...]
    agreed_at: Utc | None
    unaccounted: int
    pulling: Literal["", "new", "days", "all"]
    last_pull: str
    last_pull_at: Utc | None


class PullAnswer(View):
    """The task whose result says what came."""

    success: Literal[True] = True
    task_id: str


def backfill_routes() -> APIRouter:
    """Completeness by day; new records, all records."""
    router = APIRouter(prefix="/terminals/{terminal_id}", tags=["terminals"])

    @router.get("/completeness/")
    async def show_completeness(
        call: Caller, terminal_id: PathId, query: Annotated[DaysQuery, Parameters()]
    ) -> CompletenessAnswer:
        found = await backfill.show_completeness(call, terminal_id, from_day=query.from_, to_day=query.to)
        return CompletenessAnswer.model_validate(found)

    @router.post("/pull-new/")
    async def pull_new(call: Caller, terminal_id: PathId) -> PullAnswer:
        return PullAnswer(task_id=(await backfill.pull_new(call, terminal_id)).id)

    @router.post("/pull-all/", openapi_extra=documented_body(PullFields, example={"from_day": "2026-06-01"}))
    async def pull_all(call: Caller, terminal_id: PathId, body: JsonObject) -> PullAnswer:
        only(tuple(PullFields.model_fields), body)
        fields = checked(PullFields, body)
        return PullAnswer(task_id=(await backfill.pull_all(call, terminal_id, **dict(fields))).id)

    return router
