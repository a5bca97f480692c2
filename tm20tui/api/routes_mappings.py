"""`mappings/` and `third-party-configs/{id}/terminals/`: which terminals' logs go to which config."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import Id, IdQuery, PathId
from tm20tui.api.views import Pagination, View
from tm20tui.model import Service
from tm20tui.operations import services


class MappedTerminals(Body):
    """The terminals whose logs go to a config; null means every one."""

    terminal_ids: list[Id] | None


class MappingQuery(IdQuery):
    """`GET mappings/`."""

    terminal_id: Id | None = None


class MappingOut(View):
    """A config and its terminals; null means every one."""

    config_id: int
    config_name: str
    terminal_ids: tuple[int, ...] | None


class MappingsAnswer(View):
    """Mappings by config."""

    success: Literal[True] = True
    mappings: tuple[MappingOut, ...]
    pagination: Pagination


class MappingAnswer(View):
    """One config's terminals."""

    success: Literal[True] = True
    mapping: MappingOut


def mapping_routes() -> APIRouter:
    """List, show, replace."""
    router = APIRouter(tags=["third-party configs"])
    path = "/third-party-configs/{config_id}/terminals/"

    @router.get("/mappings/")
    async def list_mappings(call: Caller, query: Annotated[MappingQuery, Query()]) -> MappingsAnswer:
        wanted = query.terminal_id
        found = [
            service
            for service in await services.list_services(call)
            if wanted is None or service.terminal_ids is None or wanted in service.terminal_ids
        ]
        page, pagination = cut_by_id(found, query)
        return MappingsAnswer(mappings=tuple(map(_show, page)), pagination=pagination)

    @router.get(path)
    async def get_mapping(call: Caller, config_id: PathId) -> MappingAnswer:
        return MappingAnswer(mapping=_show(await services.get_service(call, config_id)))

    @router.put(path, openapi_extra=documented_body(MappedTerminals, example={"terminal_ids": [1, 2]}))
    async def replace_mapping(call: Caller, config_id: PathId, body: JsonObject) -> MappingAnswer:
        changes = {"terminal_ids": checked(MappedTerminals, body).terminal_ids}
        return MappingAnswer(mapping=_show(await services.change_service(call, config_id, changes)))

    return router


def _show(service: Service) -> MappingOut:
    return MappingOut(config_id=service.id, config_name=service.name, terminal_ids=service.terminal_ids)
