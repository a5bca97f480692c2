"""`consoles/`: who looks at this server, and sending them away."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_key
from tm20tui.api.queries import KeyQuery, PathId
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import consoles


class ConsoleOut(View):
    """A console that is open; `address` says where it is looked at from."""

    number: int
    operator: str
    role: str
    since: Utc
    address: str
    is_local: bool
    read_only: bool


class ConsolesAnswer(View):
    """Open consoles by number."""

    success: Literal[True] = True
    consoles: tuple[ConsoleOut, ...]
    pagination: Pagination


class ConsoleAnswer(View):
    """One console."""

    success: Literal[True] = True
    console: ConsoleOut


def console_routes() -> APIRouter:
    """List, detach."""
    router = APIRouter(prefix="/consoles", tags=["consoles"])

    @router.get("/")
    async def list_consoles(call: Caller, query: Annotated[KeyQuery, Query()]) -> ConsolesAnswer:
        found = await consoles.list_consoles(call)
        page, pagination = cut_by_key(found, query, lambda console: str(console.number))
        return ConsolesAnswer(consoles=tuple(map(ConsoleOut.model_validate, page)), pagination=pagination)

    @router.post("/{number}/detach/")
    async def detach_console(call: Caller, number: PathId) -> ConsoleAnswer:
        return ConsoleAnswer(console=ConsoleOut.model_validate(await consoles.detach_console(call, number)))

    return router
