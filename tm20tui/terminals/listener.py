"""The WebSocket server that terminals dial: the one module that knows trio-websocket.

Any path, no compression, bounded frames and handshakes. Every handler's exception stays
here: one that escaped would end the server for all terminals.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, WebSocketServer
from wsproto import frame_protocol
from wsproto.frame_protocol import MessageDecoder

from tm20tui.errors import AlreadyRunning, ConfigError
from tm20tui.settings import TerminalsSettings
from tm20tui.terminals.wire import Disconnected, Wire

log = logging.getLogger(__name__)

_SEND_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_BACKLOG = 1024
_OUR_COMPLAINTS = (1002, 1003, 1007, 1009)


class WebSocketWire:
    """A `Wire` over one WebSocket."""

    __slots__ = ("_socket", "address")

    def __init__(self, connection: WebSocketConnection, address: str) -> None:
        self._socket = connection
        self.address = address

    async def receive(self) -> str | bytes:
        try:
            message: str | bytes = await self._socket.get_message()
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code in _OUR_COMPLAINTS:
                log.warning("closed: %s", closed.reason.name, extra={"address": self.address})
            raise Disconnected from None
        return message if isinstance(message, bytes) or message.isascii() else _as_sent(message)

    async def send(self, text: str) -> None:
        try:
            with trio.fail_after(_SEND_SECONDS):
                await self._socket.send_message(text)
        except (ConnectionClosed, trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            # A frame cut short by the deadline leaves nothing that could follow it.
            raise Disconnected from None

    async def ping(self) -> None:
        try:
            await self._socket.ping()
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            raise Disconnected from None

    async def close(self, code: int, reason: str) -> None:
        with trio.move_on_after(_CLOSE_SECONDS, shield=True):
            try:
                await self._socket.aclose(code, reason)
            except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
                pass


class Listener:
    """Accepts connections and runs `serve(wire)` for each."""

    def __init__(self, settings: TerminalsSettings, serve: Callable[[Wire], Awaitable[None]]) -> None:
        self._settings = settings
        self._serve = serve
        self._accepting = trio.CancelScope()
        self._connections = 0
        self._listeners: list[trio.SocketListener] | list[trio.SSLListener[trio.SocketStream]] = []
        self.is_open = False
        self.address = ""
        """Where it listens, as a URL; empty before it does."""

    def stop_accepting(self) -> None:
        """Take no more connections; `run` returns once those there are have ended."""
        self._accepting.cancel()

    async def open(self) -> None:
        """Take the port.

        Raises:
            AlreadyRunning: the port is taken.
            ConfigError: the address or the certificate cannot be used.
        """
        self._listeners = await self._bind()

    async def run(self) -> None:
        """Serve connections until `stop_accepting`, and then those there are until they end."""
        listeners, self._listeners = self._listeners or await self._bind(), []
        async with trio.open_nursery() as connections:
            server = _Server(
                self._handle,
                listeners,
                handler_nursery=connections,
                max_message_size=self._settings.max_frame_bytes,
                connect_timeout=self._settings.handshake_seconds,
                disconnect_timeout=_CLOSE_SECONDS,
            )
            log.info("listening for terminals on %s", self.address)
            self.is_open = True
            try:
                with self._accepting:
                    await server.run()
            finally:
                self.is_open = False

    async def _bind(self) -> list[trio.SocketListener] | list[trio.SSLListener[trio.SocketStream]]:
        settings = self._settings
        context = _tls_context(settings)
        try:
            listeners = await trio.open_tcp_listeners(settings.port, host=settings.host, backlog=_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE or "in use" in str(error):
                raise AlreadyRunning(
                    f"port {settings.port} is taken: another server listens there (terminals.port)"
                ) from None
            raise ConfigError("terminals.host", settings.host, f"cannot listen there: {error}") from None
        for listener in listeners:
            _detect_dead_peers(listener.socket, settings.offline_after_seconds)
        host, port = listeners[0].socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{'wss' if context else 'ws'}://{shown}:{port}/"
        if context is None:
            return listeners
        return [trio.SSLListener(listener, context, https_compatible=True) for listener in listeners]

    async def _handle(self, request: WebSocketRequest) -> None:
        address = "unknown"
        try:
            remote = request.remote
            host, port = (remote, 0) if isinstance(remote, str) else (str(remote.address), remote.port)
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if not self._is_allowed(host):
                log.warning("refused: not in terminals.allowed_networks", extra={"address": address})
                await request.reject(403)
                return
            if self._connections >= self._settings.max_connections:
                log.error("refused: terminals.max_connections is reached", extra={"address": address})
                await request.reject(503)
                return
            self._connections += 1
            try:
                await self._serve(WebSocketWire(await request.accept(), address))
            finally:
                self._connections -= 1
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except Exception:
            log.exception(
                "a terminal's session crashed: its connection is closed", extra={"address": address}
            )

    def _is_allowed(self, host: str) -> bool:
        networks = self._settings.allowed_networks
        if not networks:
            return True
        address = ip_address(host.split("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in networks)


class _TolerantDecoder(MessageDecoder):
    """Takes text frames that are not UTF-8: old firmware sends names in GBK.

    Refused, such a frame would be sent again for ever, and block all that come after
    it. What is no UTF-8 is carried as lone surrogates, from which `_as_sent` has the bytes.
    """

    @property
    def decoder(self) -> IncrementalDecoder | None:
        return self._decoder

    @decoder.setter
    def decoder(self, wanted: IncrementalDecoder | None) -> None:
        self._decoder = None if wanted is None else getincrementaldecoder("utf-8")("surrogateescape")


# Connections make their own decoder, by this name: there is no other way to give them one.
frame_protocol.MessageDecoder = _TolerantDecoder  # type: ignore[misc]


def _as_sent(message: str) -> str | bytes:
    """A text frame, or its bytes when they are no UTF-8."""
    try:
        message.encode()
    except UnicodeEncodeError:
        return message.encode("utf-8", "surrogateescape")
    return message


class _Server(WebSocketServer):
    """trio-websocket's server, in which one connection's fault stays with that connection.

    Stock, an exception of its reader task (a ping that arrives while we are closing is
    enough) leaves its nursery and ends the server for everybody.
    """

    async def _handle_connection(self, stream: trio.abc.Stream) -> None:
        try:
            await super()._handle_connection(stream)
        except* Exception as group:  # noqa: BLE001 (whatever a peer provoked)
            log.debug("a connection broke: %s", "; ".join(map(repr, group.exceptions)))
            await trio.aclose_forcefully(stream)


def _detect_dead_peers(listening: trio.socket.SocketType, seconds: float) -> None:
    """Accepted sockets inherit these: TCP itself ends a connection whose network is gone."""
    idle = max(1, int(seconds / 3))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPINTVL", max(1, idle // 3)),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", int(seconds * 1000)),
    ):
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _tls_context(settings: TerminalsSettings) -> ssl.SSLContext | None:
    if settings.cert is None or settings.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "terminals.cert", str(settings.cert), f"certificate and key cannot be used: {error}"
        ) from None
    return context
