"""`nodes/`, `/healthz`, `/readyz`: the server itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from tm20tui import __version__
from tm20tui.api.caller import Caller
from tm20tui.api.paging import cut_by_key
from tm20tui.api.queries import KeyQuery
from tm20tui.api.views import Pagination, Utc, View
from tm20tui.operations import background, nodes, overview


class HealthAnswer(View):
    """The process is alive."""

    success: Literal[True] = True
    status: Literal["ok"] = "ok"
    version: str = __version__


class ReadyAnswer(View):
    """Whether punches can be taken and stored; `error` says why not."""

    success: bool
    ready: bool
    database: str
    listener: str
    alarms: tuple[str, ...]
    error: str | None


class NodeOut(View):
    """A server process; `database` is its URL without a password."""

    name: str
    version: str
    started_at: Utc
    pid: int
    host: str
    database: str
    schema_revision: str
    is_this: bool


class NodesAnswer(View):
    """The servers that share the database."""

    success: Literal[True] = True
    nodes: tuple[NodeOut, ...]
    pagination: Pagination


class RatesOut(View):
    """The last `seconds`, five minutes at most; null where nothing happened."""

    seconds: float
    punches_per_minute: float
    frames_per_second: float
    ack_mean_seconds: float | None
    ack_p95_seconds: float | None
    commit_p95_seconds: float | None


class RefusalOut(View):
    """A terminal that was not let in; `waits` for somebody to approve it."""

    at: Utc
    sn: str
    address: str
    reason: str
    waits: bool


class OverviewOut(View):
    """The server at one moment; hours are the last 24, `online_by_hour` null before its start.

    `addresses` are what a terminal dials.
    """

    at: Utc
    punches_today: int
    punches_by_hour: tuple[int, ...]
    online_by_hour: tuple[int | None, ...]
    rates: RatesOut
    oldest_pending_at: Utc | None
    database_bytes: int
    addresses: tuple[str, ...]
    last_refusal: RefusalOut | None


class OverviewAnswer(View):
    """How the server does."""

    success: Literal[True] = True
    overview: OverviewOut


def overview_routes() -> APIRouter:
    """The server at a glance."""
    router = APIRouter(tags=["health"])

    @router.get("/overview/")
    async def get_overview(call: Caller) -> OverviewAnswer:
        return OverviewAnswer(overview=OverviewOut.model_validate(await overview.get_overview(call)))

    return router


def node_routes() -> APIRouter:
    """List."""
    router = APIRouter(prefix="/nodes", tags=["nodes"])

    @router.get("/")
    async def list_nodes(call: Caller, query: Annotated[KeyQuery, Query()]) -> NodesAnswer:
        page, pagination = cut_by_key(await nodes.list_nodes(call), query, lambda node: node.name)
        return NodesAnswer(nodes=tuple(map(_show_node, page)), pagination=pagination)

    return router


def health_routes() -> APIRouter:
    """Alive, and ready."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> HealthAnswer:
        return HealthAnswer()

    @router.get("/readyz", responses={503: {"model": ReadyAnswer}})
    async def readyz(call: Caller, response: Response) -> ReadyAnswer:
        found = await background.check_readiness(call)
        parts = (("database", found.database), ("listener", found.listener))
        reasons = [f"{name}: {state}" for name, state in parts if state != "ok"]
        if not found.ready:
            response.status_code = 503
        return ReadyAnswer(
            success=found.ready,
            ready=found.ready,
            database=found.database,
            listener=found.listener,
            alarms=found.alarms,
            error=None if found.ready else "; ".join(reasons),
        )

    return router


def _show_node(node: nodes.Node) -> NodeOut:
    values: dict[str, Any] = {name: getattr(node, name, None) for name in NodeOut.model_fields}
    return NodeOut(**(values | {"schema_revision": node.schema}))
