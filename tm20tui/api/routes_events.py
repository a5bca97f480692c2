"""`events/`: what happens, as it happens, as server-sent events. `/metrics`: numbers, when asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import trio
from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tm20tui.api.caller import Caller
from tm20tui.api.queries import Kinds
from tm20tui.errors import Unavailable
from tm20tui.events import EVENT_KINDS, EventBus
from tm20tui.metrics import CONTENT_TYPE, render
from tm20tui.operations.recent import may_hear
from tm20tui.operations.registry import to_json

if TYPE_CHECKING:
    from tm20tui.events import Event

HEARTBEAT_SECONDS = 15.0
RECHECK_SECONDS = 5.0
MAX_STREAMS = 20
"""Streams at the same time, so that they leave room for other connections."""

_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_EXAMPLE = (
    "id: 42\nevent: punches.stored\n"
    'data: {"at":"2026-03-02T08:00:00.000Z","stored":1,"duplicates":0,"terminals":["TM20-001"]}\n\n'
)


class _EventStream(Response):
    """An answer that goes on until the client goes, or the server stops."""

    media_type = _MEDIA_TYPE

    def __init__(
        self,
        bus: EventBus,
        kinds: set[str],
        stop: trio.Event,
        open_streams: set[object],
        still_admitted: Callable[[], Awaitable[bool]],
    ) -> None:
        super().__init__(headers=_HEADERS)
        self._still_admitted = still_admitted
        del self.headers["content-length"]
        self._bus = bus
        self._kinds = kinds
        self._stop = stop
        self._open_streams = open_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events, and a comment now and then so that both sides know that the other is there."""
        self._open_streams.add(self)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                nursery.start_soon(_until_refused, self._still_admitted, nursery.cancel_scope)
                async with self._bus.subscribe(self._kinds) as events:
                    await self._send(send, b": following\n\n")
                    while not self._stop.is_set():
                        event = await _next(events, self._stop)
                        if event is not None:
                            await self._send(send, _as_text(event))
                        elif not self._stop.is_set():
                            await self._send(send, b": nothing new\n\n")
                nursery.cancel_scope.cancel()
            await self._send(send, b"", more=False)
        finally:
            self._open_streams.discard(self)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})


def event_routes() -> APIRouter:
    """Follow."""
    router = APIRouter(prefix="/events", tags=["events"])
    open_streams: set[object] = set()
    described: dict[str, Any] = {"schema": {"type": "string"}, "example": _EXAMPLE}

    @router.get(
        "/",
        response_class=Response,
        responses={200: {"description": "Events without end", "content": {_MEDIA_TYPE: described}}},
    )
    async def follow_events(call: Caller, request: Request, query: Annotated[Kinds, Query()]) -> Response:
        """Events from now on, a comment every 15 s while nothing happens; `missed` counts what was dropped.

        What happened before is not sent again, whatever `Last-Event-ID` says. What operators
        do is told to operators only.
        """
        if len(open_streams) >= MAX_STREAMS:
            raise Unavailable(f"{MAX_STREAMS} clients follow the events already")
        kinds = {kind for kind in query.kinds() or EVENT_KINDS if may_hear(call.operator, kind)}
        return _EventStream(
            call.gateway.events, kinds, request.app.state.stop, open_streams, request.state.still_admitted
        )

    return router


def metrics_routes() -> APIRouter:
    """Scrape."""
    router = APIRouter(tags=["health"])
    described = {"schema": {"type": "string"}}

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"description": "Prometheus text format", "content": {"text/plain": described}}},
    )
    async def get_metrics(call: Caller) -> Response:
        """The server's numbers in the format that Prometheus reads."""
        return Response(render(call.gateway), media_type=CONTENT_TYPE)

    return router


async def _until_refused(still_admitted: Callable[[], Awaitable[bool]], scope: trio.CancelScope) -> None:
    """A token that is revoked or expires takes the streams with it that it opened."""
    while True:
        await trio.sleep(RECHECK_SECONDS)
        if not await still_admitted():
            scope.cancel()
            return


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _next(events: AsyncIterator[Event], stop: trio.Event) -> Event | None:
    """The next event, None when there is none for a while or the server stops."""
    found: list[Event] = []
    async with trio.open_nursery() as nursery:

        async def until_stopped() -> None:
            await stop.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(until_stopped)
        with trio.move_on_after(HEARTBEAT_SECONDS):
            found.append(await anext(events))
        nursery.cancel_scope.cancel()
    return found[0] if found else None


def _as_text(event: Event) -> bytes:
    facts = {"at": to_json(event.at), **to_json(event.facts)}
    data = json.dumps(facts, ensure_ascii=True, separators=(",", ":"))
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()
