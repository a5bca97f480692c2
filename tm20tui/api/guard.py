"""What every request passes first: Host and Origin, path spelling, the last resort for errors.

A web page that somebody opens in a browser on this machine must not be able to drive
the API: its requests carry its own Origin, or, after DNS rebinding, its own Host.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tm20tui.api.errors import error_response

log = logging.getLogger(__name__)

PREFIX = "/devices/api/"


class Guard:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on in canonical spelling; nothing but cancellation comes out."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSockets here"})
            return
        if scope["type"] != "http":
            return
        if refusal := _refusal(Headers(scope=scope)):
            await error_response(403, refusal)(scope, receive, send)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path = _canonical(scope["path"])
        scope = {**scope, "method": method, "path": path, "raw_path": path.encode()}
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except Exception:
            log.exception("%s %s crashed", scope["method"], scope["path"])
            if not started:
                await error_response(500, "unexpected failure: the server's log says more")(
                    scope, receive, send
                )


def is_loopback(host: str) -> bool:
    """Whether a host name (without port) can only mean this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(headers: Headers) -> str:
    """Why a request is refused; empty when it is not."""
    host = headers.get("host")
    if host is not None:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if "@" in host or not is_loopback(name):
            return "the Host header must be localhost or a loopback address"
    origin = headers.get("origin")
    if origin is not None:
        scheme, _, rest = origin.lower().partition("://")
        if scheme not in ("http", "https") or rest != (host or "").lower():
            return "requests of web pages from another origin are refused"
    return ""


def _canonical(path: str) -> str:
    """The API's URLs end in a slash, all others do not; both spellings are taken."""
    if path.startswith(PREFIX):
        return path if path.endswith("/") else path + "/"
    return path.rstrip("/") or "/"
