"""`events/recent/` and `log/`: what the server still remembers of what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query

from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Kinds, RecentQuery
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import recent
from tm20tui.operations.registry import to_json

if TYPE_CHECKING:
    from tm20tui.events import Event


class RecentEventsQuery(Kinds, RecentQuery):
    """`GET events/recent/`."""


class RecentLinesQuery(RecentQuery):
    """`GET log/`."""

    level: Literal["debug", "info", "warning", "error", "critical"] | None = None


class EventOut(View):
    """Something that happened; which `facts` there are depends on the `kind`."""

    number: int
    at: Utc
    kind: str
    facts: dict[str, Any]


class LineOut(View):
    """A line of the server's own log, without secrets."""

    number: int
    at: Utc
    level: str
    logger: str
    text: str
    traceback: str


class RecentEventsAnswer(View):
    """Events, newest first; `last_number` is of the newest there is."""

    success: Literal[True] = True
    events: tuple[EventOut, ...]
    last_number: int
    pagination: Pagination


class RecentLinesAnswer(View):
    """Lines, newest first; `last_number` is of the newest there is."""

    success: Literal[True] = True
    lines: tuple[LineOut, ...]
    last_number: int
    pagination: Pagination


def recent_routes() -> APIRouter:
    """Events, lines of the log."""
    router = APIRouter(tags=["events"])

    @router.get("/events/recent/")
    async def list_events(call: Caller, query: Annotated[RecentEventsQuery, Query()]) -> RecentEventsAnswer:
        found = await recent.list_recent_events(
            call, kinds=query.kinds(), after=query.after, before=query.position(), limit=query.limit
        )
        return RecentEventsAnswer(
            events=tuple(map(_show_event, found.events)),
            last_number=found.last_number,
            pagination=_page(query, found.events, found.more),
        )

    @router.get("/log/")
    async def list_lines(call: Caller, query: Annotated[RecentLinesQuery, Query()]) -> RecentLinesAnswer:
        found = await recent.list_recent_lines(
            call, level=query.level, after=query.after, before=query.position(), limit=query.limit
        )
        return RecentLinesAnswer(
            lines=tuple(map(LineOut.model_validate, found.lines)),
            last_number=found.last_number,
            pagination=_page(query, found.lines, found.more),
        )

    return router


def _page(
    query: RecentQuery, found: tuple[recent.Event, ...] | tuple[recent.LogLine, ...], more: bool
) -> Pagination:
    return show_page(query, len(found), found[-1].number if more else None)


def _show_event(event: Event) -> EventOut:
    return EventOut(number=event.number, at=event.at, kind=event.kind, facts=to_json(event.facts))
