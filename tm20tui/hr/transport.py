"""Connections to services: names are resolved once, checked, and the checked address is dialled.

Resolving and checking in the same place as connecting leaves no gap in which a name
could start to point elsewhere. TLS still verifies the name, not the address.
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import certifi
import httpcore
import httpx
import trio

from tm20tui.hr.answer import FailureKind
from tm20tui.hr.hosts import is_private_address

KEEPALIVE_SECONDS = 30.0


class Refused(Exception):
    """We did not connect, and why; never leaves `hr/`."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        self.kind = kind
        self.reason = reason
        super().__init__(reason)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, unless private ones are allowed."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._backend = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Try the checked addresses in the resolver's order."""
        last: Exception | None = None
        for address in await self.resolve(host, port):
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise Refused(FailureKind.CONNECT, f"cannot connect to {host} port {port}: {_why(last)}")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: a service is reached by TCP."""
        raise Refused(FailureKind.CONNECT, "services are reached by TCP only")

    async def sleep(self, seconds: float) -> None:
        """As the pool asks."""
        await trio.sleep(seconds)

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a name, each one allowed; `Refused` when there is none or one is private."""
        try:
            found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "not a host name"
            raise Refused(FailureKind.DNS, f"the name {host} cannot be resolved: {why}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private and any(is_private_address(address) for address in addresses):
            raise Refused(
                FailureKind.PRIVATE_HOST,
                f"{host} is a private address, which delivery.allow_private_hosts does not allow",
            )
        return addresses


class Transport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over guarded connections, for one service: one request at a time, kept alive."""

    def __init__(self, *, allow_private: bool, tls: ssl.SSLContext | None) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or default_tls(),
            max_connections=2,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=GuardedBackend(allow_private=allow_private),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; raises httpcore's exceptions and `Refused`."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, AsyncIterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream, self._drop_what_says_more),
            extensions={},
        )

    async def _drop_what_says_more(self) -> None:
        """What follows an answer unasked must never pass for the answer to the next request."""
        for connection in self._pool.connections:
            if connection.is_idle() and _has_more(connection):
                await connection.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes], ended: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._ended = ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        close: Any = getattr(self._stream, "aclose", None)
        if close is not None:
            await close()
        await self._ended()


def _has_more(connection: object) -> bool:
    """Whether bytes after the answer were read already; also where that cannot be told."""
    # httpcore has no public way to ask.
    state = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return state is None or bool(state.trailing_data[0])


@functools.cache
def default_tls() -> ssl.SSLContext:
    """Certificates and names verified, against the system's authorities and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _why(error: BaseException | None) -> str:
    seen = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno and not isinstance(seen, ssl.SSLError):
            return os.strerror(seen.errno)
        if isinstance(seen, BaseExceptionGroup):
            seen = seen.exceptions[0]
        else:
            seen = seen.__cause__ or seen.__context__
    return "no answer"
