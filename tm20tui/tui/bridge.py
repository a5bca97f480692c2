"""From the consoles' thread to the server's loop: operations go in, frozen results come out.

The server never waits for a console, and neither side touches the other's objects.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import trio

from tm20tui.errors import NotFound, Unavailable
from tm20tui.operations import load_operations
from tm20tui.operations.call import Call, Operator
from tm20tui.operations.registry import Operation, shown_arguments, write_audit

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway
    from tm20tui.settings import Settings
    from tm20tui.snapshot import Snapshot


class Backend(Protocol):
    """What a console sees of the server: the same for every console, whoever looks through it."""

    registry: Mapping[str, Operation]
    settings: Settings

    def snapshot(self) -> Snapshot:
        """What there is to see, at most a second old."""

    async def call(
        self, operator: Operator, name: str, arguments: Mapping[str, Any], correlation_id: str
    ) -> Any:
        """The result of an operation, asked by `operator`. Raises as the operation does."""

    async def refuse(
        self, operator: Operator, name: str, reason: str, about: Mapping[str, Any], correlation_id: str
    ) -> None:
        """Write to the audit that `operator` was refused before the operation was called.

        `about` are the arguments that are known by then.
        """


class Bridge:
    """One for a server. `run` it in the server's loop; consoles call the rest from their own."""

    def __init__(self, gateway: Gateway) -> None:
        self.registry = load_operations()
        self.settings = gateway.settings
        self._gateway = gateway
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; what was begun for a console that is gone is finished."""
        async with trio.open_nursery() as nursery:
            self._token, self._nursery = trio.lowlevel.current_trio_token(), nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def snapshot(self) -> Snapshot:
        """What there is to see, at most a second old."""
        return self._gateway.snapshot()

    async def call(
        self, operator: Operator, name: str, arguments: Mapping[str, Any], correlation_id: str
    ) -> Any:
        """The result of an operation, asked by `operator`.

        Raises:
            OperationError: refused, with the reason.
            Unavailable: the server is stopping.
        """
        if name not in self.registry:
            raise NotFound("operation", name)
        operation = self.registry[name]

        async def run() -> Any:
            return await operation.function(Call(self._gateway, operator, correlation_id), **arguments)

        return await self._in_server(run, may_cancel=not operation.writes)

    async def refuse(
        self, operator: Operator, name: str, reason: str, about: Mapping[str, Any], correlation_id: str
    ) -> None:
        """Write to the audit that `operator` was refused before the operation was called."""
        call = Call(self._gateway, operator, correlation_id)
        arguments = shown_arguments(self.registry[name], about)

        async def run() -> None:
            await write_audit(call, name, arguments, "refused", reason, 0.0)

        await self._in_server(run, may_cancel=False)

    async def _in_server(self, function: Any, *, may_cancel: bool) -> Any:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        scope = trio.CancelScope()

        async def work() -> None:
            try:
                with scope:
                    result = await function()
            except Exception as error:  # noqa: BLE001 - it is the caller's, never the server's
                _settle(future, error=error)
            except BaseException:
                _settle(future, error=Unavailable("the server is stopping"))
                raise
            else:
                if scope.cancelled_caught:
                    _settle(future, error=Unavailable("cancelled"))
                else:
                    _settle(future, result=result)

        def begin() -> None:
            if self._nursery is None:
                _settle(future, error=Unavailable("the server is stopping"))
            else:
                self._nursery.start_soon(work)

        if self._token is None:
            raise Unavailable("the server is starting")
        try:
            self._token.run_sync_soon(begin)
        except trio.RunFinishedError:
            raise Unavailable("the server has stopped") from None
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if may_cancel:
                self._cancel(scope)
            raise

    def _cancel(self, scope: trio.CancelScope) -> None:
        assert self._token is not None
        try:
            self._token.run_sync_soon(scope.cancel)
        except trio.RunFinishedError:
            pass


def _settle(future: concurrent.futures.Future[Any], *, result: Any = None, error: Any = None) -> None:
    # A console that is gone has cancelled its future: what came of the call is in the audit.
    if future.cancelled() or not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
