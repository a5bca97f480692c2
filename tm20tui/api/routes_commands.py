"""`commands/`: what was asked of terminals and what came of it; `terminals/{id}/commands/`: asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import show_page
from tm20tui.api.queries import Id, IdQuery, PathId, Text
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import commands
from tm20tui.operations.asking import WAIT_SECONDS

if TYPE_CHECKING:
    from tm20tui.store.commands import CommandRecord

LONGEST_WAIT_SECONDS = 60
_EXAMPLE = {"name": "getdevinfo", "wait_seconds": 5}

Status = Literal["queued", "sent", "confirmed", "refused", "timed out", "unknown", "expired", "cancelled"]


class CommandQuery(IdQuery):
    """`GET commands/`."""

    terminal_id: Id | None = None
    status: Status | None = None
    name: Text | None = Field(default=None, description="a whole name, such as settime")


class CommandFields(Body):
    """What to ask a terminal for, named as in the terminals' protocol. `settime` takes no arguments.

    Waits up to `wait_seconds` for a connected terminal; for one that is away it is kept.
    """

    name: str
    arguments: dict[str, Any] = Field(default={})
    wait_seconds: float = Field(default=WAIT_SECONDS, ge=0, le=LONGEST_WAIT_SECONDS)


class CommandOut(View):
    """A command as it stands; credentials are left out, and `is_sealed` says that there are some.

    `reason` is a sentence, `result` what the terminal answered.
    """

    id: int
    terminal_id: int
    terminal_sn: str
    name: str
    arguments: dict[str, Any]
    is_sealed: bool
    priority: int
    status: Status
    reason: str
    result: dict[str, Any]
    attempts: int
    operator: str
    correlation_id: str
    created_at: Utc
    expires_at: Utc | None
    sent_at: Utc | None
    settled_at: Utc | None


class CommandsAnswer(View):
    """A page of commands, newest first."""

    success: Literal[True] = True
    commands: tuple[CommandOut, ...]
    pagination: Pagination


class CommandAnswer(View):
    """One command."""

    success: Literal[True] = True
    command: CommandOut


def command_routes() -> APIRouter:
    """List, show, take back, ask."""
    router = APIRouter(tags=["commands"])

    @router.get("/commands/")
    async def list_commands(call: Caller, query: Annotated[CommandQuery, Query()]) -> CommandsAnswer:
        page = await commands.list_commands(
            call,
            terminal_id=query.terminal_id,
            status=query.status,
            name=query.name,
            after=query.position(),
            limit=query.limit,
        )
        shown = tuple(map(CommandOut.model_validate, page.commands))
        return CommandsAnswer(commands=shown, pagination=show_page(query, len(shown), page.next))

    @router.get("/commands/{command_id}/")
    async def get_command(call: Caller, command_id: PathId) -> CommandAnswer:
        return show_command(await commands.get_command(call, command_id))

    @router.post("/commands/{command_id}/cancel/")
    async def cancel_command(call: Caller, command_id: PathId) -> CommandAnswer:
        return show_command(await commands.cancel_command(call, command_id))

    @router.post(
        "/terminals/{terminal_id}/commands/",
        openapi_extra=documented_body(CommandFields, example=_EXAMPLE),
    )
    async def ask_command(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(CommandFields, body)
        return show_command(
            await commands.ask_command(
                call,
                terminal_id,
                fields.name,
                arguments=fields.arguments,
                wait_seconds=fields.wait_seconds,
            )
        )

    return router


def show_command(record: CommandRecord) -> CommandAnswer:
    """A command as it stands."""
    return CommandAnswer(command=CommandOut.model_validate(record))
