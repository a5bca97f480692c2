"""`sites/`: where terminals stand."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from tm20tui.api.bodies import Body, JsonObject, checked, documented_body
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_id
from tm20tui.api.queries import IdQuery, PathId
from tm20tui.api.views import Pagination, View
from tm20tui.operations import sites

_EXAMPLE = {"name": "Lyon", "timezone": "Europe/Paris"}


class SiteFields(Body):
    """A site: its name, and the IANA zone of its terminals' clocks."""

    name: str
    timezone: str


class SiteChanges(Body):
    """What may be changed of a site; what is null or left out stays."""

    name: str | None = None
    timezone: str | None = None


class SiteOut(View):
    """A site; `terminals` and `users` count. The default one is the configuration's."""

    id: int
    name: str
    timezone: str
    terminals: int
    users: int
    is_default: bool


class SitesAnswer(View):
    """Sites by id."""

    success: Literal[True] = True
    sites: tuple[SiteOut, ...]
    pagination: Pagination


class SiteAnswer(View):
    """One site."""

    success: Literal[True] = True
    site: SiteOut


def site_routes() -> APIRouter:
    """List, add, show, change."""
    router = APIRouter(prefix="/sites", tags=["sites"])

    @router.get("/")
    async def list_sites(call: Caller, query: Annotated[IdQuery, Query()]) -> SitesAnswer:
        page, pagination = cut_by_id(await sites.list_sites(call), query)
        return SitesAnswer(sites=tuple(map(SiteOut.model_validate, page)), pagination=pagination)

    @router.post("/", status_code=201, openapi_extra=documented_body(SiteFields, example=_EXAMPLE))
    async def add_site(call: Caller, body: JsonObject) -> SiteAnswer:
        fields = checked(SiteFields, body)
        return _answer(await sites.add_site(call, fields.name, fields.timezone))

    @router.get("/{site_id}/")
    async def get_site(call: Caller, site_id: PathId) -> SiteAnswer:
        return _answer(await sites.get_site(call, site_id))

    @router.patch("/{site_id}/", openapi_extra=documented_body(SiteChanges, example=_EXAMPLE))
    async def change_site(call: Caller, site_id: PathId, body: JsonObject) -> SiteAnswer:
        fields = checked(SiteChanges, body)
        return _answer(await sites.change_site(call, site_id, name=fields.name, timezone=fields.timezone))

    return router


def _answer(site: sites.Site) -> SiteAnswer:
    return SiteAnswer(site=SiteOut.model_validate(site))
