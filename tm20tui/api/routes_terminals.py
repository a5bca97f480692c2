"""`terminals/`: who dials in, and who may."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body, only, optional_text
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import ConfirmQuery, Id, PathId, TerminalQuery
from tm20tui.api.views import Pagination, TerminalOut, View, show_terminal
from tm20tui.model import DirectionPolicy
from tm20tui.operations import sites, terminals


class TerminalFields(Body):
    """What may be changed of a terminal."""

    name: str = Field(default="", max_length=100)
    direction_policy: DirectionPolicy = "terminal"


class NewSite(Body):
    """Where a terminal stands from now on."""

    site_id: Id


class TerminalsAnswer(View):
    """Terminals by id."""

    success: Literal[True] = True
    terminals: tuple[TerminalOut, ...]
    pagination: Pagination


class TerminalAnswer(View):
    """One terminal; `task_id` is of the work that a change goes on with, if any."""

    success: Literal[True] = True
    terminal: TerminalOut
    task_id: str | None = None


class DeletedTerminalAnswer(View):
    """A terminal that is gone; `cancelled` commands and loads of users were under way and are over."""

    success: Literal[True] = True
    terminal_id: int
    cancelled: int


def terminal_routes() -> APIRouter:
    """List, show, change, approve, move, block, delete."""
    router = APIRouter(prefix="/terminals", tags=["terminals"])

    @router.get("/")
    async def list_terminals(call: Caller, query: Annotated[TerminalQuery, Query()]) -> TerminalsAnswer:
        views = await terminals.list_terminals(call, admission=query.admission, deleted=query.deleted)
        shown = [show_terminal(view) for view in views if query.state in (None, view.state)]
        page, pagination = cut_by_id(shown, query)
        return TerminalsAnswer(terminals=page, pagination=pagination)

    @router.get("/{terminal_id}/")
    async def get_terminal(call: Caller, terminal_id: PathId) -> TerminalAnswer:
        return TerminalAnswer(terminal=show_terminal(await terminals.get_terminal(call, terminal_id)))

    @router.patch(
        "/{terminal_id}/", openapi_extra=documented_body(TerminalFields, example={"name": "Entrance"})
    )
    async def change_terminal(call: Caller, terminal_id: PathId, body: JsonObject) -> TerminalAnswer:
        only(("name", "direction_policy"), body)
        change = await terminals.change_terminal(
            call,
            terminal_id,
            name=optional_text(body, "name"),
            direction_policy=optional_text(body, "direction_policy"),
        )
        task_id = None if change.task is None else change.task.id
        return TerminalAnswer(terminal=show_terminal(change.view), task_id=task_id)

    @router.post("/{terminal_id}/approve/")
    async def approve_terminal(call: Caller, terminal_id: PathId) -> TerminalAnswer:
        return TerminalAnswer(terminal=show_terminal(await terminals.approve_terminal(call, terminal_id)))

    @router.post("/{terminal_id}/move/", openapi_extra=documented_body(NewSite, example={"site_id": 1}))
    async def move_terminal(call: Caller, terminal_id: PathId, body: JsonObject) -> TerminalAnswer:
        site_id = checked(NewSite, body).site_id
        return TerminalAnswer(terminal=show_terminal(await sites.move_terminal(call, terminal_id, site_id)))

    @router.post("/{terminal_id}/block/")
    async def block_terminal(call: Caller, terminal_id: PathId) -> TerminalAnswer:
        return TerminalAnswer(terminal=show_terminal(await terminals.block_terminal(call, terminal_id)))

    @router.delete("/{terminal_id}/")
    async def delete_terminal(
        call: Caller, terminal_id: PathId, query: Annotated[ConfirmQuery, Query()]
    ) -> DeletedTerminalAnswer:
        deleted = await terminals.delete_terminal(call, terminal_id, query.confirm)
        return DeletedTerminalAnswer(terminal_id=deleted.terminal.id, cancelled=deleted.cancelled)

    return router
