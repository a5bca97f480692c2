"""`terminals/{id}/enrol/` and `profile/`: taking a credential from afar, and the texts shown to users.

Each answers with the command as it stands.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from tm20tui.api.bodies import JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.queries import PathId
from tm20tui.api.routes_commands import CommandAnswer, show_command
from tm20tui.api.routes_terminal_commands import Waiting
from tm20tui.operations import enrolment

_ENROLLID = Annotated[str, Field(min_length=1, max_length=64)]


class EnrolFields(Waiting):
    """Whose credential, and which: `backupnum` 0 to 9 a finger, 10 a password, 11 a card, 50 a face."""

    enrollid: _ENROLLID
    backupnum: int
    user_name: str | None = None
    admin: int = 0


class ProfileKey(Waiting):
    """Whose text; "0" is what is shown to everybody."""

    enrollid: _ENROLLID


class ProfileFields(ProfileKey):
    """The text, 200 bytes at most."""

    profile: str


def enrolment_routes() -> APIRouter:
    """Start, see, stop an enrolment; read and set a text."""
    router = APIRouter(prefix="/terminals/{terminal_id}", tags=["commands"])

    @router.post(
        "/enrol/", openapi_extra=documented_body(EnrolFields, example={"enrollid": "17", "backupnum": 0})
    )
    async def start_enrolment(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(EnrolFields, body)
        return show_command(await enrolment.start_enrolment(call, terminal_id, **dict(fields)))

    @router.post("/enrol/status/", openapi_extra=documented_body(Waiting))
    async def read_enrolment(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        return show_command(await enrolment.read_enrolment(call, terminal_id, **dict(checked(Waiting, body))))

    @router.post("/enrol/cancel/", openapi_extra=documented_body(Waiting))
    async def cancel_enrolment(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        return show_command(
            await enrolment.cancel_enrolment(call, terminal_id, **dict(checked(Waiting, body)))
        )

    @router.post("/profile/read/", openapi_extra=documented_body(ProfileKey, example={"enrollid": "0"}))
    async def read_profile(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(ProfileKey, body)
        return show_command(await enrolment.read_profile(call, terminal_id, **dict(fields)))

    @router.post(
        "/profile/",
        openapi_extra=documented_body(ProfileFields, example={"enrollid": "0", "profile": "Welcome"}),
    )
    async def set_profile(call: Caller, terminal_id: PathId, body: JsonObject) -> CommandAnswer:
        fields = checked(ProfileFields, body)
        return show_command(await enrolment.set_profile(call, terminal_id, **dict(fields)))

    return router
