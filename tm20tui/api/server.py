"""The HTTP front end of the gateway: its port, and a loop that outlives every fault of HTTP.

What answers HTTP takes over a second to load, which nobody else has to wait for: it is
loaded beside the loop once the port is taken, and who asks before waits in the backlog.
"""

from __future__ import annotations

import errno
import logging
import socket
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.errors import AlreadyRunning, ConfigError
from tm20tui.model import utc_now
from tm20tui.settings import ApiSettings, Settings
from tm20tui.store import tokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

_BACKLOG = 100
_PAUSE_SECONDS = 1.0
_NO_TOKEN = (
    "other machines can reach this address, so that a token is needed, and there is none: "
    "make one with `tm20tui token create` while the API listens on 127.0.0.1, then start again"
)


class ApiServer:
    """Serves the API of one gateway: `open`, then `run` until it is cancelled.

    `yields_seconds` leaves the processor to what people wait for first.
    """

    def __init__(self, settings: Settings, *, yields_seconds: float = 0) -> None:
        self._settings = settings.api
        self._yields_seconds = yields_seconds
        self._socket: socket.socket | None = None
        self._local = True
        self.address = ""
        """Where it listens, as a URL; empty before it does."""

    async def open(self, gateway: Gateway) -> None:
        """Take the port.

        Raises:
            AlreadyRunning: it is taken.
            ConfigError: the address cannot be used, or others can reach it and there is no token.
        """
        family, where = await _resolve(self._settings.host, self._settings.port)
        self._local = ip_address(str(where[0]).partition("%")[0]).is_loopback
        if not self._local and not await gateway.database.read(tokens.count_valid, utc_now()):
            raise ConfigError("api.host", self._settings.host, _NO_TOKEN)
        self._socket = _listen(family, where, self._settings)
        host, port = self._socket.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        log.info("the HTTP API is at %s", self.address)

    async def run(self, gateway: Gateway) -> None:
        """Serve until cancelled, then finish what is in flight within a second or so.

        Whatever goes wrong in here is logged and the server starts again: it never
        reaches terminals or deliveries.
        """
        if self._socket is None:
            await self.open(gateway)
        try:
            await trio.sleep(self._yields_seconds)
            while True:
                stop = trio.Event()
                try:
                    make = partial(_make_application, gateway, stop, local=self._local)
                    await self._serve(await trio.to_thread.run_sync(make, abandon_on_cancel=True), stop)
                except Exception:
                    log.exception("the HTTP API crashed: starting it again")
                await trio.sleep(_PAUSE_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Give the port back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _serve(self, app: ASGIApp, stop: trio.Event) -> None:
        from tm20tui.api.connections import GRACE_SECONDS, serve_connections

        assert self._socket is not None
        # A copy, because serving closes it: the port stays ours between two runs.
        listening = self._socket.dup()
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope(shield=True)

            async def serve() -> None:
                with scope:
                    await serve_connections(app, listening, stop)

            nursery.start_soon(serve)
            try:
                await trio.sleep_forever()
            finally:
                scope.deadline = trio.current_time() + 2 * GRACE_SECONDS
                stop.set()


def _make_application(gateway: Gateway, stop: trio.Event, *, local: bool) -> ASGIApp:
    import tm20tui.api.connections  # noqa: F401 - loaded here rather than in the loop of the terminals
    from tm20tui.api.application import create_application

    return create_application(gateway, stop, local=local)


async def _resolve(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _unusable(host, error) from None
    family, _, _, _, where = found[0]
    return family, where


def _listen(family: int, where: tuple[Any, ...], settings: ApiSettings) -> socket.socket:
    try:
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listening.bind(where)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AlreadyRunning(
                f"port {settings.port} is taken: another server listens there (api.port)"
            ) from None
        raise _unusable(settings.host, error) from None
    return listening


def _unusable(host: str, error: OSError) -> ConfigError:
    return ConfigError("api.host", host, f"cannot listen there: {error.strerror}")
