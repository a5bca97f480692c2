"""`terminals/{id}/door/`, `time/`, `reboot/` and their like: the commands that operators give most.

Each answers with the command as it stands: what came of it is its `status`.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.queries import PathId
from tm20tui.api.routes_commands import LONGEST_WAIT_SECONDS, CommandAnswer, CommandOut, show_command
from tm20tui.api.views import Utc
from tm20tui.operations import doors, erasing, terminal_commands
from tm20tui.operations.asking import WAIT_SECONDS
from tm20tui.operations.terminal_commands import ClockAnswer

_ERASING = {
    "cleanlog": erasing.clean_log,
    "cleanuser": erasing.clean_users,
    "cleanadmin": erasing.clean_admins,
    "initsys": erasing.initialise,
}


class Waiting(Body):
    """How long to wait for a connected terminal."""

    wait_seconds: float = Field(default=WAIT_SECONDS, ge=0, le=LONGEST_WAIT_SECONDS)


class DoorFields(Waiting):
    """Which door of a controller; all of them when left out."""

    doornum: int | None = Field(default=None, ge=1, le=4)


class SettingsFields(Waiting):
    """Settings by their names in the terminals' protocol."""

    settings: dict[str, Any]


class EraseFields(Waiting):
    """What to erase, and the terminal's serial to confirm it."""

    name: Literal["cleanlog", "cleanuser", "cleanadmin", "initsys"]
    confirm: str


class ClockCommandAnswer(CommandAnswer):
    """A command about the clock; `drift_seconds` is terminal minus server as of `drift_at`."""

    drift_seconds: float | None
    drift_at: Utc | None


def terminal_command_routes() -> APIRouter:
    """Door, clock, reboot, information, settings, erasing."""
    router = APIRouter(prefix="/terminals/{terminal_id}", tags=["commands"])
    waiting = documented_body(Waiting)

    @router.post("/door/", openapi_extra=documented_body(DoorFields, example={"doornum": 1}))
    async def open_door(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(DoorFields, body)
        return show_command(await doors.open_door(call, terminal_id, **dict(fields)))

    @router.post("/time/", openapi_extra=waiting)
    async def set_time(call: Caller, terminal_id: PathId, body: JsonObject) -> ClockCommandAnswer:
        wait = checked(Waiting, body).wait_seconds
        return _clock(await terminal_commands.set_time(call, terminal_id, wait_seconds=wait))

    @router.post("/time/read/", openapi_extra=waiting)
    async def read_time(call: Caller, terminal_id: PathId, body: JsonObject) -> ClockCommandAnswer:
        wait = checked(Waiting, body).wait_seconds
        return _clock(await terminal_commands.read_time(call, terminal_id, wait_seconds=wait))

    @router.post("/reboot/", openapi_extra=waiting)
    async def reboot(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        wait = checked(Waiting, body).wait_seconds
        return show_command(await terminal_commands.reboot(call, terminal_id, wait_seconds=wait))

    @router.post("/info/", openapi_extra=waiting)
    async def read_info(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        wait = checked(Waiting, body).wait_seconds
        return show_command(await terminal_commands.read_info(call, terminal_id, wait_seconds=wait))

    @router.post(
        "/configure/", openapi_extra=documented_body(SettingsFields, example={"settings": {"volume": 3}})
    )
    async def configure(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(SettingsFields, body)
        return show_command(await terminal_commands.configure(call, terminal_id, **dict(fields)))

    @router.post(
        "/erase/",
        openapi_extra=documented_body(EraseFields, example={"name": "cleanlog", "confirm": "TM20-001"}),
    )
    async def erase(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(EraseFields, body)
        erase_it = _ERASING[fields.name]
        return show_command(
            await erase_it(call, terminal_id, fields.confirm, wait_seconds=fields.wait_seconds)
        )

    return router


def _clock(answer: ClockAnswer) -> ClockCommandAnswer:
    return ClockCommandAnswer(
        command=CommandOut.model_validate(answer.command),
        drift_seconds=answer.drift_seconds,
        drift_at=answer.drift_at,
    )
