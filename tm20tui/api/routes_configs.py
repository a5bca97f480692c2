"""`third-party-configs/`: the HR services."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import ConfigQuery, Id, Moment, PathId
from tm20tui.api.views import ConfigView, Pagination, TaskView, View, show_config, show_task
from tm20tui.model import AuthType, Service
from tm20tui.operations import doctor, service_backfill, services, signing


class ConfigFields(Body):
    """What may be said about a config; `name` and `base_url` are required for a new one."""

    name: str = Field(min_length=1, max_length=100)
    base_url: str = Field(min_length=8, max_length=500, description="http:// or https://")
    description: str = ""
    users_endpoint: str = Field(default="", max_length=500, description="a path")
    attendance_endpoint: str = Field(default="", max_length=500, description="a path")
    auth_type: AuthType = "none"
    auth_token: str | None = Field(
        default=None, max_length=8000, description="never shown again; or env:NAME"
    )
    auth_header_name: str = Field(default="X-API-Key", min_length=1, max_length=100)
    extra_headers: dict[str, str] | None = Field(default=None, description="never shown again")
    sync_interval_minutes: int = Field(default=15, ge=0, le=1440, description="0: at once")
    users_interval_minutes: int | None = Field(
        default=None,
        ge=0,
        le=10_080,
        description="between two fetches of users; 0: only when asked; null: users.sync_minutes",
    )
    timeout_seconds: float = Field(default=20, ge=1, le=300)
    retry_attempts: int = Field(default=3, ge=0, le=100)
    batch_size: int = Field(default=100, ge=1, le=1000)
    is_active: bool = True
    terminal_ids: list[Id] | None = Field(default=None, description="null: every terminal")
    requests_per_minute: int | None = Field(default=None, ge=1, le=6000, description="null: no limit")
    signing_secret: str | None = Field(
        default=None,
        max_length=8000,
        description="signs as Standard Webhooks do: whsec_ and base64, or env:NAME; never shown again",
    )


_BACKFILL = {"from": "2025-12-01T00:00:00Z", "dry_run": True}
EXAMPLE = {
    "name": "Mon Service RH",
    "base_url": "https://api.monservice.com",
    "users_endpoint": "/api/v1/employees",
    "attendance_endpoint": "/api/v1/attendance",
    "auth_type": "bearer",
    "auth_token": "your-api-token-here",
    "sync_interval_minutes": 15,
}
"""The customer's own, from their document."""


class ConfigsAnswer(View):
    """Configs by id."""

    success: Literal[True] = True
    configs: tuple[ConfigView, ...]
    pagination: Pagination


class ConfigAnswer(View):
    """One config."""

    success: Literal[True] = True
    config_id: int
    config: ConfigView


class StepOut(View):
    """One part of the way to the service."""

    name: Literal["name", "tcp", "tls", "auth", "users", "attendance"]
    state: Literal["ok", "warning", "failed", "skipped"]
    seconds: float
    reason: str
    hint: str


class RequestOut(View):
    """What would be sent: secrets are hidden, and it was not sent."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class TestAnswer(View):
    """What the connection doctor found."""

    success: Literal[True] = True
    name: str
    base_url: str
    status: Literal["works", "failed"]
    steps: tuple[StepOut, ...]
    request: RequestOut


class BackfillFields(Body):
    """Which punches of the past the config is to have, by their own time; `dry_run` counts alone."""

    from_: Moment = Field(alias="from")
    to: Moment | None = None
    terminal_id: Id | None = None
    dry_run: bool = False


class BackfillAnswer(View):
    """`owed` are new; `known`, `elsewhere` (the same address) and `forgotten` are not sent again."""

    success: Literal[True] = True
    config_id: int
    owed: int
    known: int
    elsewhere: int
    forgotten: int
    task: TaskView | None


class SigningFields(Body):
    """Another signing secret; without one it is made and shown once."""

    signing_secret: str | None = Field(
        default=None, max_length=8000, description="whsec_ and base64, or env:NAME"
    )
    overlap_hours: float | None = Field(
        default=24, ge=0, le=8760, description="how long the old one signs too; null: until it is dropped"
    )


class SigningAnswer(View):
    """A config that signs with another secret; `new_secret` is the one that was made, shown this once."""

    success: Literal[True] = True
    config_id: int
    config: ConfigView
    new_secret: str | None


class DeletedAnswer(View):
    """A config that is gone; `failed_deliveries` were still owed to it."""

    success: Literal[True] = True
    config_id: int
    failed_deliveries: int


def config_routes() -> APIRouter:
    """List, add, show, replace, change and delete."""
    router = APIRouter(prefix="/third-party-configs", tags=["third-party configs"])

    @router.get("/")
    async def list_configs(call: Caller, query: Annotated[ConfigQuery, Query()]) -> ConfigsAnswer:
        page, pagination = cut_by_id(await services.list_services(call), query)
        return ConfigsAnswer(configs=tuple(map(show_config, page)), pagination=pagination)

    @router.post("/", status_code=201, openapi_extra=documented_body(ConfigFields, example=EXAMPLE))
    async def add_config(call: Caller, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.add_service(call, body))

    @router.get("/{config_id}/")
    async def get_config(call: Caller, config_id: PathId) -> ConfigAnswer:
        return _answer(await services.get_service(call, config_id))

    @router.put("/{config_id}/", openapi_extra=documented_body(ConfigFields, example=EXAMPLE))
    async def replace_config(call: Caller, config_id: PathId, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.replace_service(call, config_id, body))

    @router.patch(
        "/{config_id}/", openapi_extra=documented_body(ConfigFields, partial=True, example={"batch_size": 50})
    )
    async def change_config(call: Caller, config_id: PathId, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.change_service(call, config_id, body))

    @router.delete("/{config_id}/")
    async def delete_config(call: Caller, config_id: PathId) -> DeletedAnswer:
        deleted = await services.delete_service(call, config_id)
        return DeletedAnswer(config_id=deleted.service.id, failed_deliveries=deleted.given_up)

    @router.post("/test/", openapi_extra=documented_body(ConfigFields, example=EXAMPLE))
    async def test_fields(call: Caller, body: JsonObject) -> TestAnswer:
        return TestAnswer.model_validate(await doctor.examine_fields(call, body))

    @router.post("/{config_id}/test/", openapi_extra=documented_body(ConfigFields, partial=True, example={}))
    async def test_config(call: Caller, config_id: PathId, body: JsonObject) -> TestAnswer:
        return TestAnswer.model_validate(await doctor.examine_service(call, config_id, given=body))

    @router.post(
        "/{config_id}/backfill/",
        openapi_extra=documented_body(BackfillFields, example=_BACKFILL),
    )
    async def backfill_config(call: Caller, config_id: PathId, body: JsonObject) -> BackfillAnswer:
        fields = checked(BackfillFields, body)
        found = await service_backfill.backfill_service(
            call,
            config_id,
            fields.from_,
            to_at=fields.to,
            terminal_id=fields.terminal_id,
            dry_run=fields.dry_run,
        )
        return BackfillAnswer(
            config_id=config_id,
            owed=found.counts.owed,
            known=found.counts.known,
            elsewhere=found.counts.elsewhere,
            forgotten=found.counts.forgotten,
            task=None if found.task is None else show_task(found.task),
        )

    @router.post("/{config_id}/signing/rotate/", openapi_extra=documented_body(SigningFields, example={}))
    async def rotate_signing(call: Caller, config_id: PathId, body: JsonObject) -> SigningAnswer:
        fields = checked(SigningFields, body)
        done = await signing.rotate_signing_secret(
            call, config_id, signing_secret=fields.signing_secret, overlap_hours=fields.overlap_hours
        )
        return SigningAnswer(
            config_id=done.service.id, config=show_config(done.service), new_secret=done.new_secret
        )

    @router.delete("/{config_id}/signing/old/")
    async def drop_old_signing(call: Caller, config_id: PathId) -> ConfigAnswer:
        return _answer(await signing.drop_old_signing_secret(call, config_id))

    return router


def _answer(service: Service) -> ConfigAnswer:
    return ConfigAnswer(config_id=service.id, config=show_config(service))
