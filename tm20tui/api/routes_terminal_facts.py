"""`terminals/{id}/messages/` and `erasable/`: what a terminal sent, and whether it may forget."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tm20tui.api.caller import Caller
from tm20tui.api.queries import PageQuery, PathId, write_cursor
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import terminal_facts
from tm20tui.operations.attendance import Position


class MessageOut(View):
    """One text of a terminal without secrets; `body` is cut, `length` is of the whole."""

    id: int
    received_at: Utc
    body: str
    length: int


class MessagesAnswer(View):
    """Messages, newest first."""

    success: Literal[True] = True
    messages: tuple[MessageOut, ...]
    pagination: Pagination


class ErasableAnswer(View):
    """Whether a terminal may be told to erase its records; `refusal` says why not, empty if it may.

    `held` is what it said it holds, null when it did not say; `stored` came from it.
    """

    success: Literal[True] = True
    held: int | None
    stored: int
    undelivered: int
    refusal: str


def terminal_fact_routes() -> APIRouter:
    """What it sent, whether it may forget."""
    router = APIRouter(prefix="/terminals/{terminal_id}", tags=["terminals"])

    @router.get("/messages/")
    async def list_messages(
        call: Caller, terminal_id: PathId, query: Annotated[PageQuery, Query()]
    ) -> MessagesAnswer:
        after = query.position()
        page = await terminal_facts.list_messages(
            call,
            terminal_id,
            before_id=None if after is None else after.id,
            before_at=None if after is None else after.time_utc,
            limit=query.limit,
        )
        last = page.messages[-1] if page.more else None
        pagination = Pagination(
            limit=query.limit,
            count=len(page.messages),
            has_more=page.more,
            next_cursor=None if last is None else write_cursor(Position(last.id, last.received_at)),
        )
        return MessagesAnswer(
            messages=tuple(map(MessageOut.model_validate, page.messages)), pagination=pagination
        )

    @router.get("/erasable/")
    async def foresee_erasing(call: Caller, terminal_id: PathId) -> ErasableAnswer:
        return ErasableAnswer.model_validate(await terminal_facts.foresee_erasing(call, terminal_id))

    return router
