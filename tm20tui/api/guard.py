"""What every request passes first: Host and Origin, who asks, path spelling, the last resort for errors.

A web page that somebody opens in a browser on this machine must not be able to drive
the API: its requests carry its own Origin, or, after DNS rebinding, its own Host.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tm20tui.api.errors import UNEXPECTED, error_response
from tm20tui.errors import StoreError
from tm20tui.operations.call import Operator

if TYPE_CHECKING:
    from tm20tui.api.doorman import Doorman

log = logging.getLogger(__name__)

PREFIX = "/devices/api/"
OPEN_PATH = "/healthz"
"""What anybody may ask, as often as they like."""
_ELSEWHERE = ("cross-site", "same-site")


class Guard:
    """The outermost ASGI application. `hosts` are names it may be asked by, besides this machine's own."""

    def __init__(
        self,
        app: ASGIApp,
        doorman: Doorman,
        hosts: Collection[str] = (),
        *,
        note_request: Callable[[int], None],
    ) -> None:
        self._app = app
        self._doorman = doorman
        self._note_request = note_request
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on in canonical spelling; nothing but cancellation comes out."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here"})
            return
        if scope["type"] != "http":
            return
        ident = secrets.token_hex(8)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = _canonical(scope["path"])
        state = {**scope.get("state", {}), "request_id": ident}
        scope = {**scope, "method": method, "path": path, "raw_path": path.encode(), "state": state}
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._note_request(message["status"])
                MutableHeaders(scope=message)["x-request-id"] = ident
            await send(message)

        try:
            await self._answer(scope, receive, noting_send)
        except Exception:
            log.exception("%s %s crashed", scope["method"], scope["path"], extra={"correlation": ident})
            if not started:
                await error_response(500, UNEXPECTED, request_id=ident)(scope, receive, noting_send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        ident = scope["state"]["request_id"]
        own = (scope.get("server") or ("", 0))[0]
        refusal = _host_refusal(headers, self._hosts | {own}) or _origin_refusal(headers, scope["method"])
        if refusal:
            await self._doorman.note_foreign(refusal, headers, scope.get("client"))
            await error_response(403, refusal, request_id=ident)(scope, receive, send)
            return
        if scope["path"] != OPEN_PATH:
            try:
                admitted = await self._doorman.admit(headers, scope.get("client"), ident)
            except StoreError as error:
                later = {"retry-after": "5"}
                admitted = error_response(503, str(error), headers=later, request_id=ident)
            if not isinstance(admitted, Operator):
                await admitted(scope, receive, send)
                return
            scope["state"]["operator"] = admitted
            scope["state"]["still_admitted"] = partial(self._doorman.still_admits, headers)
        await self._app(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether a host name (without port) can only mean this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_refusal(headers: Headers, hosts: frozenset[str]) -> str:
    """Why the Host header is refused; empty when it is not."""
    host = headers.get("host")
    if host is None:
        return ""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        name = ""
    if "@" in host or not name or not (is_loopback(name) or name in hosts):
        return "the Host header must be localhost, the API's own address or one of api.allowed_hosts"
    return ""


def _origin_refusal(headers: Headers, method: str) -> str:
    """Why a request that a browser made is refused; empty when it is not."""
    origin = headers.get("origin")
    elsewhere = headers.get("sec-fetch-site") in _ELSEWHERE
    followed_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if origin is not None:
        scheme, _, rest = origin.lower().partition("://")
        elsewhere |= scheme not in ("http", "https") or rest != headers.get("host", "").lower()
    if elsewhere and not (followed_link and origin is None):
        return "requests of web pages from another origin are refused"
    return ""


def _canonical(path: str) -> str:
    """The API's URLs end in a slash, all others do not; both spellings are taken."""
    if path.startswith(PREFIX):
        return path if path.endswith("/") else path + "/"
    return path.rstrip("/") or "/"
