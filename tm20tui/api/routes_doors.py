"""`terminals/{id}/lock/`, `holidays/`, `bells/` and their like: what it does at door and keypad.

`.../read/` asks the terminal. Each answers with the command as it stands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import APIRouter

from tm20tui.api.bodies import JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.queries import PathId
from tm20tui.api.routes_commands import CommandAnswer, show_command
from tm20tui.api.routes_terminal_commands import SettingsFields, Waiting
from tm20tui.operations import doors, terminal_commands
from tm20tui.store.commands import CommandRecord

_HOLIDAY = {"name": "New Year", "startday": "01-01", "endday": "01-01", "shift": 0, "dayzone": 1}
_SECTION = {"start": "08:00", "end": "12:00", "type": 0}


class HoldFields(Waiting):
    """Whether the door stays open, stays closed, or does as usual."""

    mode: Literal["normal", "open", "closed"]


class HolidayFields(Waiting):
    """All holidays that the terminal shall know."""

    holidays: list[dict[str, Any]]


class BellFields(Waiting):
    """All bell times in the form that the terminal reports them."""

    bells: list[dict[str, Any]]


class ShiftFields(Waiting):
    """All named shifts that the terminal shall know."""

    shifts: list[dict[str, Any]]


def door_routes() -> APIRouter:
    """Door, zones, holidays, the choice after a punch, bells, shifts, keypad."""
    router = APIRouter(prefix="/terminals/{terminal_id}", tags=["commands"])

    def asking(path: str, ask: Callable[..., Awaitable[CommandRecord]]) -> None:
        name = path.strip("/").replace("/", "_")

        @router.post(path, name=name, openapi_extra=documented_body(Waiting))
        async def ask_it(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
            return show_command(await ask(call, terminal_id, **dict(checked(Waiting, body))))

    def telling(
        path: str,
        fields: type[Waiting],
        tell: Callable[..., Awaitable[CommandRecord]],
        example: dict[str, Any],
    ) -> None:
        name = "set_" + path.strip("/").replace("/", "_")

        @router.post(path, name=name, openapi_extra=documented_body(fields, example=example))
        async def tell_it(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
            return show_command(await tell(call, terminal_id, **dict(checked(fields, body))))

    telling("/door/hold/", HoldFields, doors.hold_door, {"mode": "normal"})
    asking("/lock/read/", doors.read_lock)
    telling("/lock/", SettingsFields, doors.set_lock, {"settings": {"opendelay": 5}})
    asking("/holidays/read/", doors.read_holidays)
    telling("/holidays/", HolidayFields, doors.set_holidays, {"holidays": [_HOLIDAY]})
    asking("/questionnaire/read/", doors.read_questionnaire)
    telling("/questionnaire/", SettingsFields, doors.set_questionnaire, {"settings": {"title": "Why?"}})
    asking("/bells/read/", doors.read_bells)
    telling("/bells/", BellFields, doors.set_bells, {"bells": []})
    asking("/shifts/read/", doors.read_shifts)
    telling(
        "/shifts/",
        ShiftFields,
        doors.set_shifts,
        {"shifts": [{"name": "Day", "cutoftime": "00:00", "sections": [_SECTION]}]},
    )
    asking("/keypad/disable/", terminal_commands.disable_keypad)
    asking("/keypad/enable/", terminal_commands.enable_keypad)
    return router
