"""`third-party-configs/`: the HR services."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from tm20tui.api.bodies import JsonObject, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import ConfigQuery, PathId
from tm20tui.api.views import ConfigView, Pagination, View, show_config
from tm20tui.model import AuthType, Service
from tm20tui.operations import services


class ConfigFields(BaseModel):
    """What may be said about a config; `name` and `base_url` are required for a new one."""

    name: str
    base_url: str
    description: str = ""
    users_endpoint: str = ""
    attendance_endpoint: str = ""
    auth_type: AuthType = "none"
    auth_token: str | None = None
    auth_header_name: str = "X-API-Key"
    extra_headers: dict[str, str] | None = None
    sync_interval_minutes: int = 15
    timeout_seconds: float = 20
    retry_attempts: int = 3
    batch_size: int = 100
    is_active: bool = True
    terminal_ids: list[int] | None = None


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

    @router.post("/", status_code=201, openapi_extra=documented_body(ConfigFields))
    async def add_config(call: Caller, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.add_service(call, body))

    @router.get("/{config_id}/")
    async def get_config(call: Caller, config_id: PathId) -> ConfigAnswer:
        return _answer(await services.get_service(call, config_id))

    @router.put("/{config_id}/", openapi_extra=documented_body(ConfigFields))
    async def replace_config(call: Caller, config_id: PathId, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.replace_service(call, config_id, body))

    @router.patch("/{config_id}/", openapi_extra=documented_body(ConfigFields, partial=True))
    async def change_config(call: Caller, config_id: PathId, body: JsonObject) -> ConfigAnswer:
        return _answer(await services.change_service(call, config_id, body))

    @router.delete("/{config_id}/")
    async def delete_config(call: Caller, config_id: PathId) -> DeletedAnswer:
        deleted = await services.delete_service(call, config_id)
        return DeletedAnswer(config_id=deleted.service.id, failed_deliveries=deleted.given_up)

    return router


def _answer(service: Service) -> ConfigAnswer:
    return ConfigAnswer(config_id=service.id, config=show_config(service))
