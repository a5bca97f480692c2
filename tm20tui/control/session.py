"""Serves one operator's connection: requests as they come, several at once.

What was begun for a client that leaves is finished, since it may change something;
what it follows ends with it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.control.connection import Connection, LineTooLong
from tm20tui.control.describe import describe
from tm20tui.control.events import EVENT_KINDS, follow_events
from tm20tui.control.requests import error_of, run_operation
from tm20tui.control.wire import encode
from tm20tui.errors import Conflict, InvalidInput, NotFound, OperationError, Unavailable
from tm20tui.model import utc_now
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.operations.recent import may_hear
from tm20tui.operations.registry import Operation, to_json

if TYPE_CHECKING:
    from tm20tui.events import Event
    from tm20tui.gateway import Gateway

MOST_REQUESTS = 16
"""Requests of one connection in flight."""
_FRESH_SECONDS = 2.0

Id = int | str
Answer = Callable[[], Awaitable[Any]]


class Cancelled(OperationError):
    """The client did not want the answer any more."""

    code = "cancelled"


@dataclass(frozen=True, slots=True)
class _Request:
    """One in flight. `scope` is None where it must not be cancelled; what `follows` ends with the client."""

    scope: trio.CancelScope | None
    follows: bool


class OperationsSession:
    """One connection for operations. `run` it once."""

    def __init__(
        self, connection: Connection, gateway: Gateway, operator: Operator, registry: Mapping[str, Operation]
    ) -> None:
        self._connection = connection
        self._gateway = gateway
        self._operator = operator
        self._registry = registry
        self._requests: dict[Id, _Request] = {}

    def become(self, role: Role | None) -> None:
        """The operator has another role, from the next request on; without one there is none."""
        if role is None:
            self._connection.cut_off()
        else:
            self._operator = replace(self._operator, role=role)

    async def run(self) -> None:
        """Serve until the client closes, and until what it asked for is done."""
        async with trio.open_nursery() as nursery:
            while True:
                ident = None
                try:
                    message = await self._connection.receive()
                    if message is None:
                        break
                    ident = message.get("id")
                    self._begin(message, nursery)
                except InvalidInput as error:
                    await self._refuse(ident, error)
                    if isinstance(error, LineTooLong):
                        break
                except OperationError as error:
                    await self._refuse(ident, error)
            for request in self._requests.values():
                if request.follows and request.scope is not None:
                    request.scope.cancel()

    def _begin(self, message: dict[str, Any], nursery: trio.Nursery) -> None:
        if "cancel" in message:
            self._cancel(message["cancel"])
            return
        ident = message.get("id")
        if isinstance(ident, bool) or not isinstance(ident, (int, str)) or len(str(ident)) > 100:
            raise InvalidInput("a request needs an id: a number or a short text", field="id")
        if ident in self._requests:
            raise Conflict("a request with this id is still in flight", field="id")
        if len(self._requests) >= MOST_REQUESTS:
            raise Unavailable(f"more than {MOST_REQUESTS} requests at once: wait for an answer")
        call = Call(self._gateway, self._operator)
        follows = "follow" in message
        answer = partial(self._follow, ident, message) if follows else self._answer_to(call, message)
        scope = trio.CancelScope()
        operation = self._registry.get(str(message.get("operation")))
        may_cancel = follows or operation is None or not operation.writes
        self._requests[ident] = _Request(scope if may_cancel else None, follows)
        nursery.start_soon(self._run, ident, call, answer, scope)

    def _answer_to(self, call: Call, message: dict[str, Any]) -> Answer:
        if "ask" in message:
            asked = message["ask"]
            if asked == "describe":
                return self._describe
            if asked == "status":
                return self._status
            raise InvalidInput('ask must be "describe" or "status"', field="ask")
        name, arguments = message.get("operation"), message.get("arguments") or {}
        if not isinstance(name, str):
            raise InvalidInput("a request names an operation, or asks, or follows", field="operation")
        if not isinstance(arguments, dict):
            raise InvalidInput("arguments must be an object", field="arguments")
        if name not in self._registry:
            raise NotFound("operation", name, field="operation")
        return partial(run_operation, call, self._registry[name], arguments)

    async def _run(self, ident: Id, call: Call, answer: Answer, scope: trio.CancelScope) -> None:
        message: dict[str, Any] = {"id": ident, "correlation_id": call.correlation_id}
        with scope:
            try:
                # Long results are put into JSON away from the loop that serves terminals.
                result = await answer()
                if isinstance(result, AsyncGenerator):
                    await self._send_pages(message, result)
                    result = None
                line = await trio.to_thread.run_sync(_encode, message, "result", result)
            except Exception as error:  # noqa: BLE001 - it costs this request, never the server
                line = encode({**message, "error": error_of(error, call.correlation_id)})
        if scope.cancelled_caught:
            line = encode({**message, "error": error_of(Cancelled("cancelled"))})
        del self._requests[ident]
        await self._connection.send_line(line)

    def _cancel(self, ident: object) -> None:
        if not isinstance(ident, (int, str)) or ident not in self._requests:
            return  # it was answered meanwhile
        scope = self._requests[ident].scope
        if scope is None:
            raise Conflict("what changes something is not cancelled once it has begun", field="cancel")
        scope.cancel()

    async def _send_pages(self, message: dict[str, Any], pages: AsyncGenerator[Any, None]) -> None:
        async with aclosing(pages):
            async for page in pages:
                await self._connection.send_line(
                    await trio.to_thread.run_sync(_encode, message, "page", page)
                )
                if self._connection.is_lost:
                    return

    async def _follow(self, ident: Id, message: dict[str, Any]) -> None:
        kinds = message.get("kinds")
        if message["follow"] != "events":
            raise InvalidInput('follow must be "events"', field="follow")
        if kinds is not None and not (
            isinstance(kinds, list) and all(isinstance(kind, str) and kind in EVENT_KINDS for kind in kinds)
        ):
            raise InvalidInput(f"kinds must be some of {', '.join(EVENT_KINDS)}", field="kinds")
        await self._connection.send({"id": ident, "result": "following"})
        await follow_events(self._gateway, kinds, partial(self._send_event, ident))

    async def _send_event(self, ident: Id, event: Event) -> None:
        # By the role of now, which may not be that of the beginning.
        if may_hear(self._operator, event.kind):
            await self._connection.send({"id": ident, "event": to_json(event)})

    async def _describe(self) -> dict[str, Any]:
        return {"operations": describe(self._registry), "events": list(EVENT_KINDS)}

    async def _status(self) -> object:
        """The server at a glance. Asking wakes who takes snapshots."""
        asked_at = utc_now()
        with trio.move_on_after(_FRESH_SECONDS):
            while self._gateway.snapshot().taken_at < asked_at:  # noqa: ASYNC110 (it is pulled, by design)
                await trio.sleep(0.05)
        return self._gateway.snapshot()

    async def _refuse(self, ident: object, error: OperationError) -> None:
        shown = ident if isinstance(ident, (int, str)) and len(str(ident)) <= 100 else None
        await self._connection.send({"id": shown, "error": error_of(error)})


def _encode(message: dict[str, Any], name: str, value: Any) -> bytes:
    return encode({**message, name: to_json(value)})
