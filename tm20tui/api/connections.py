"""HTTP connections on the ASGI server's protocol code, with bounds of our own.

A client that does not read, sends half a request, leaves in the middle or makes the
server's code raise costs its own connection and nothing else.
"""

from __future__ import annotations

import logging
import socket
from collections import Counter
from typing import cast

import anyio
import anyio.abc
import trio
from anycorn import Config
from anycorn.app_wrappers import ASGIWrapper
from anycorn.events import Event, RawData, Updated
from anycorn.protocol import ProtocolWrapper
from anycorn.tcp_server import TCPServer
from anycorn.typing import ASGIFramework, ConnectionState
from anycorn.worker_context import WorkerContext
from anyio.abc import SocketAttribute
from starlette.types import ASGIApp

from tm20tui.api.guard import is_loopback
from tm20tui.api.limits import address_key

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 200
MAX_OF_ONE_ADDRESS = 40
MAX_OF_THIS_MACHINE = 150
"""A proxy here speaks for many."""
SEND_SECONDS = 10.0
"""How long a client may not take what is sent to it."""
KEEP_ALIVE_SECONDS = 15
"""How long a connection may be idle, and how long the head of a request may take."""
MAX_REQUESTS = 10_000
"""Requests on one connection; the client opens another then."""
MAX_HEAD_BYTES = 16 * 1024
GRACE_SECONDS = 1.0
"""How long requests in flight may take when the server stops."""


async def serve_connections(app: ASGIApp, listening: socket.socket, stop: trio.Event) -> None:
    """Serve HTTP on a listening socket, which is closed at the end, until `stop` and a second more."""
    config = _config()
    wrapped = ASGIWrapper(cast(ASGIFramework, app))
    context = WorkerContext(None)
    live: Counter[str] = Counter()
    refused: set[str] = set()

    async def handle(stream: anyio.abc.SocketStream) -> None:
        host = str(stream.extra(SocketAttribute.remote_address, ("",))[0])
        address, total = address_key(host), live.total()
        most = MAX_OF_THIS_MACHINE if is_loopback(host) else MAX_OF_ONE_ADDRESS
        if total >= MAX_CONNECTIONS or live[address] >= most:
            # Said once until one of the address, or of all, ends: who opens many would fill the log.
            whose = "all" if total >= MAX_CONNECTIONS else address
            if whose not in refused:
                refused.add(whose)
                log.warning(
                    "an HTTP connection of %s was refused: there are %d already, %d of this address",
                    address,
                    total,
                    live[address],
                )
            await stream.aclose()
            return
        live[address] += 1
        try:
            await _Connection(wrapped, config, context, ConnectionState({}), stream).run()
        except Exception:
            log.exception("an HTTP connection crashed: it is closed")
            await stream.aclose()
        finally:
            refused.difference_update((address, "all"))
            live[address] -= 1
            if not live[address]:
                del live[address]

    listener = await anyio.abc.SocketListener.from_socket(listening)
    async with listener, anyio.create_task_group() as connections:
        async with anyio.create_task_group() as accepting:
            accepting.start_soon(listener.serve, handle, connections)
            await stop.wait()
            accepting.cancel_scope.cancel()
        await context.terminated.set()
        connections.cancel_scope.deadline = anyio.current_time() + GRACE_SECONDS


class _Connection(TCPServer):
    """A connection whose sends end: with the client, after a while, or with the server.

    The original sends under a shield, so that a client which does not read keeps the
    server from stopping. HTTP/2 is not spoken: its code keeps connections of clients
    that are gone.
    """

    _ended = False

    @property
    def protocol(self) -> ProtocolWrapper:
        """The state of HTTP on this connection."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: ProtocolWrapper) -> None:
        protocol.protocol._check_protocol = _stay_with_http_1  # type: ignore[union-attr, method-assign]
        self._protocol = protocol

    async def run(self) -> None:
        """Serve until either side ends it."""
        with anyio.CancelScope() as self._scope:
            await super().run()

    async def _read_data(self) -> None:
        await super()._read_data()
        # The original waits for the next request of a client that is gone.
        self._ended = True
        await self.idle_task.stop()

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Updated) and event.idle and self._ended:
            await self.stream.aclose()
            return
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                with anyio.fail_after(SEND_SECONDS):
                    await self.stream.send(event.data)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError, TimeoutError):
                # Requests that the client sent ahead are not worth answering any more.
                self._scope.cancel()


async def _stay_with_http_1(event: object) -> None:
    """What decides about upgrades to HTTP/2, without any."""


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("tm20tui.api.http")
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = MAX_REQUESTS
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    config.websocket_permessage_deflate = False
    return config
