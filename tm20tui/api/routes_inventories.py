"""`sync/users/state/` and `terminals/{id}/users/inventory/`: what terminals hold of users."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Id, IdQuery, PathId
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import inventories


class StateQuery(IdQuery):
    """`GET sync/users/state/`."""

    terminal_id: Id | None = None
    drifted: bool | None = None


class TakeFields(Body):
    """`accept`: it is right that there are far fewer users than before."""

    accept: bool = False


class IntervalFields(Body):
    """How often to list the users of a terminal: null as the settings say, 0 only when asked."""

    minutes: int | None = Field(default=None, ge=0, le=10_080)


class InventoryOut(View):
    """What the last inventory of a terminal found: `drifted` of the `wanted` are not as they shall be.

    `others` are enrollids that are no user of the site, 100 at most; `usual` is how many users
    there were before they dropped.
    """

    terminal_id: int
    terminal_sn: str
    interval_minutes: int | None
    tried_at: Utc | None
    taken_at: Utc | None
    held: int
    usual: int
    wanted: int
    drifted: int
    others: tuple[str, ...]
    has_dropped: bool
    remark: str


class StatesAnswer(View):
    """Terminals by id."""

    success: Literal[True] = True
    terminals: tuple[InventoryOut, ...]
    pagination: Pagination


class InventoryTaskAnswer(View):
    """The inventory that is being taken: see `tasks/{task_id}/`."""

    success: Literal[True] = True
    task_id: str


class IntervalAnswer(View):
    """The terminal's inventory with its new interval."""

    success: Literal[True] = True
    terminal: InventoryOut


def inventory_routes() -> APIRouter:
    """All terminals, one now, how often."""
    router = APIRouter(tags=["users"])

    @router.get("/sync/users/state/")
    async def list_states(call: Caller, query: Annotated[StateQuery, Query()]) -> StatesAnswer:
        page = await inventories.list_user_states(
            call,
            terminal_id=query.terminal_id,
            drifted=query.drifted,
            after_id=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(InventoryOut.model_validate, page.terminals))
        return StatesAnswer(terminals=shown, pagination=show_page(query, len(shown), page.next_after_id))

    @router.post(
        "/terminals/{terminal_id}/users/inventory/",
        openapi_extra=documented_body(TakeFields, example={"accept": False}),
    )
    async def take(call: Caller, terminal_id: PathId, body: JsonObject) -> InventoryTaskAnswer:
        fields = checked(TakeFields, body)
        task = await inventories.take_user_inventory(call, terminal_id, accept=fields.accept)
        return InventoryTaskAnswer(task_id=task.id)

    @router.put(
        "/terminals/{terminal_id}/users/inventory/",
        openapi_extra=documented_body(IntervalFields, example={"minutes": 60}),
    )
    async def set_interval(call: Caller, terminal_id: PathId, body: JsonObject) -> IntervalAnswer:
        fields = checked(IntervalFields, body)
        found = await inventories.set_inventory_interval(call, terminal_id, minutes=fields.minutes)
        return IntervalAnswer(terminal=InventoryOut.model_validate(found))

    return router
