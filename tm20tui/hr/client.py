"""One HTTP client per service: a request goes out, an `Answer` or a `Failure` comes back.

Nothing else escapes: no foreign exception, and no secret in any message, log or repr.
Redirects are not followed and proxies of the environment are not used, so that
secrets go to the host that was configured and nowhere else.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import httpcore
import httpx
import trio

from tm20tui import __version__
from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.signing import PREFIX, read_signing_secret, signatures
from tm20tui.hr.transport import Refused, Transport
from tm20tui.hr.user_pages import PAGE_BYTES, Pages, fetch_pages
from tm20tui.model import Service, ServiceSecrets

ANSWER_LIMIT = 64 * 1024
EXCERPT_LENGTH = 500
ENV_PREFIX = "env:"
_HIDDEN = "***"

# Their debug lines would show addresses and headers of requests.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request as it would be sent, for people: secrets are hidden. `problem` says why it could not be."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    problem: str = ""

    @property
    def records_bytes(self) -> int:
        """How long the body is."""
        return len(self.body.encode())


class HrClient:
    """The connection to one service; an async context manager."""

    def __init__(
        self,
        service: Service,
        secrets: ServiceSecrets,
        *,
        allow_private_hosts: bool,
        tls: ssl.SSLContext | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._url = service.base_url.rstrip("/") + service.attendance_endpoint
        self._users_url = f"{service.base_url.rstrip('/')}{service.users_endpoint}"
        self._timeout_seconds = service.timeout_seconds
        self._missing = ""
        self._hidden: list[str] = []
        self._keys: list[tuple[bytes, datetime | None]] = []
        try:
            headers = self._headers(service, secrets, environ)
            self._keys = self._signing_keys(secrets, environ)
        except LookupError as error:
            self._missing = str(error.args[0])
            headers = {}
        self._forms = _forms(self._hidden)
        self._secret_headers = {name.lower() for name in headers}
        self._client = httpx.AsyncClient(
            transport=Transport(allow_private=allow_private_hosts, tls=tls),
            trust_env=False,
            follow_redirects=False,
            timeout=None,
            headers={
                "User-Agent": f"tm20tui/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **headers,
            },
        )

    async def __aenter__(self) -> HrClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True), trio.move_on_after(1):
            await self._client.aclose()

    async def post_attendance(
        self, body: bytes, *, key: str, now: datetime, answer_limit: int = ANSWER_LIMIT
    ) -> Outcome:
        """POST one frozen batch within the service's timeout, signed at `now` if the service wants that."""
        if self._missing:
            return Failure(FailureKind.SECRET, self._missing)
        return await self._exchange("POST", self._url, body, self._message(body, key, now), answer_limit)

    def prepare(self, body: bytes, *, key: str, now: datetime) -> PreparedRequest:
        """What `post_attendance` would send."""
        own = {
            name: _HIDDEN if name.lower() in self._secret_headers else value
            for name, value in self._client.headers.items()
        }
        headers = own | self._message(body, key, now)
        return PreparedRequest("POST", self._url, headers, body.decode("utf-8", "replace"), self._missing)

    async def get_first_users(self) -> Outcome:
        """The first page of users alone."""
        return await self._get(self._users_url, PAGE_BYTES)

    async def head_attendance(self) -> Outcome:
        """Ask for the attendance address without sending anything to it."""
        if self._missing:
            return Failure(FailureKind.SECRET, self._missing)
        return await self._exchange("HEAD", self._url, None, {}, ANSWER_LIMIT)

    def _message(self, body: bytes, key: str, now: datetime) -> dict[str, str]:
        """The headers of one attempt at a body."""
        timestamp = int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(timestamp),
            "Idempotency-Key": key,
        }
        if keys := [signing for signing, until in self._keys if until is None or now < until]:
            headers["webhook-signature"] = signatures(keys, key, timestamp, body)
        return headers

    async def get_users(self) -> Pages | Failure:
        """Every page of the service's users, each within the service's timeout."""
        return await fetch_pages(self._users_url, self._get)

    async def _get(self, url: str, answer_limit: int) -> Outcome:
        if self._missing:
            return Failure(FailureKind.SECRET, self._missing)
        return await self._exchange("GET", url, None, {}, answer_limit)

    async def _exchange(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], answer_limit: int
    ) -> Outcome:
        progress = _Progress()
        try:
            with trio.fail_after(self._timeout_seconds):
                try:
                    return await self._once(method, url, body, headers, progress, answer_limit)
                except (httpcore.NetworkError, httpcore.RemoteProtocolError):
                    if progress.connected or progress.answered:
                        raise
                # A kept-alive connection that the service had closed meanwhile: the same
                # bytes under the same key may go again at once.
                answer = await self._once(method, url, body, headers, progress, answer_limit)
                return replace(answer, resent=True)
        except trio.TooSlowError:
            where = "after the request was sent" if progress.sent else "before the request was sent"
            reason = f"no answer within {self._timeout_seconds:g} s, {where}"
            return Failure(FailureKind.TIMEOUT, reason, progress.sent)
        except Refused as refused:
            return Failure(refused.kind, refused.reason, progress.sent)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError, httpx.InvalidURL) as error:
            return _failure(error, progress)

    async def _once(
        self,
        method: str,
        url: str,
        content: bytes | None,
        headers: Mapping[str, str],
        progress: _Progress,
        limit: int,
    ) -> Answer:
        extensions = {"trace": progress.trace}
        async with self._client.stream(
            method, url, content=content, headers=headers, extensions=extensions
        ) as response:
            progress.answered = True
            read = bytearray()
            async for part in response.aiter_raw():
                read += part
                if len(read) > limit:
                    break
            body = bytes(read[:limit])
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
                retry_after=response.headers.get("retry-after", "").strip(),
                location=self._hide(response.headers.get("location", "")),
                body=body,
                truncated=len(read) > limit,
                excerpt=_excerpt(self._hide(body.decode("utf-8", "replace"))),
                hide=self._hide,
            )

    def _hide(self, text: str) -> str:
        """A service may echo what we sent it, and what it says is kept and shown."""
        for written in self._forms:
            text = text.replace(written, _HIDDEN)
        return text

    def _headers(
        self, service: Service, secrets: ServiceSecrets, environ: Mapping[str, str]
    ) -> dict[str, str]:
        headers = {name: _resolve(value, environ) for name, value in secrets.extra_headers.items()}
        self._hidden += [value for value in headers.values() if len(value) >= 4]
        token = _resolve(secrets.auth_token, environ) if service.auth_type != "none" else ""
        if not token:
            return headers
        self._hidden.append(token)
        if service.auth_type == "bearer":
            headers["Authorization"] = f"Bearer {token}"
        elif service.auth_type == "api_key":
            headers[service.auth_header_name] = token
        else:
            encoded = base64.b64encode(token.encode()).decode()
            self._hidden += [encoded, token.partition(":")[2] or token]
            headers["Authorization"] = f"Basic {encoded}"
        return headers

    def _signing_keys(
        self, secrets: ServiceSecrets, environ: Mapping[str, str]
    ) -> list[tuple[bytes, datetime | None]]:
        """The keys that sign, and until when."""
        found: list[tuple[bytes, datetime | None]] = []
        for text, until in (
            (secrets.signing_secret, None),
            (secrets.old_signing_secret, secrets.old_signing_until),
        ):
            if not text:
                continue
            try:
                secret = _resolve(text, environ)
                self._hidden += [secret, secret.removeprefix(PREFIX)]
                found.append((read_signing_secret(secret), until))
            except LookupError:
                # The variable of a secret that is on its way out may be gone already.
                if text == secrets.signing_secret:
                    raise
            except ValueError as error:
                raise LookupError(f"signing_secret {error}") from None
        return found


class _Progress:
    """How far the exchange got, as the connection pool tells it."""

    def __init__(self) -> None:
        self.connected = False
        self.sent = False
        self.answered = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self.connected = True
        elif event == "http11.send_request_headers.started":
            self.sent = True


def _forms(secrets: Iterable[str]) -> list[str]:
    """Secrets as services write them, in JSON, URLs and HTML, the longest first."""
    found: set[str] = set()
    for secret in filter(None, secrets):
        quoted = json.dumps(secret)[1:-1]
        found |= {secret, quoted, quoted.replace("/", "\\/"), html.escape(secret)}
        found |= {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return sorted(found, key=len, reverse=True)


def _excerpt(text: str) -> str:
    text = text[: 4 * EXCERPT_LENGTH]
    text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())[:EXCERPT_LENGTH]


def _resolve(value: str, environ: Mapping[str, str]) -> str:
    if not value.startswith(ENV_PREFIX):
        return value
    name = value.removeprefix(ENV_PREFIX)
    found = environ.get(name, "")
    if not found or any(ord(character) < 0x20 or ord(character) > 0x7E for character in found):
        raise LookupError(f"the environment variable {name} is not set to a usable secret")
    return found


def _failure(error: Exception, progress: _Progress) -> Failure:
    """Words of our own: a library's message may quote a header."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            reason = f"the service's certificate is not valid: {seen.verify_message}"
            return Failure(FailureKind.CERTIFICATE, reason, progress.sent)
        if isinstance(seen, ssl.SSLError):
            return Failure(FailureKind.TLS, f"TLS failed: {seen.reason or 'no reason given'}", progress.sent)
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, (httpcore.LocalProtocolError, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return Failure(FailureKind.SECRET, "the URL, token or a header of the service cannot be sent", False)
    closed = "disconnected" in str(error) or "closed" in str(error)
    if isinstance(error, httpcore.RemoteProtocolError) and not closed:
        return Failure(FailureKind.PROTOCOL, "what the service sent is not HTTP", progress.sent)
    if isinstance(error, httpcore.ConnectError):
        return Failure(FailureKind.TLS, "the connection was closed during the TLS handshake", progress.sent)
    when = "in the middle of its answer" if progress.answered else "without an answer"
    return Failure(FailureKind.RESET, f"the service closed the connection {when}", progress.sent)
