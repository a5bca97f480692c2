"""The connection doctor: each part of the way to a service tried alone, timed, and told in words.

Name, TCP, TLS, credentials, users: what fails is the first thing to repair, what comes
after it is skipped. Punches are only shown as they would be sent. The rules are those of
deliveries: private hosts are refused, redirects not followed, secrets never shown.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from urllib.parse import urlsplit

import httpcore
import trio

from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.client import HrClient, PreparedRequest
from tm20tui.hr.transport import GuardedBackend, Refused, default_tls
from tm20tui.hr.user_pages import read_page
from tm20tui.model import Service

State = Literal["ok", "warning", "failed", "skipped"]

TOTAL_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 10.0
_EXPIRES_DAYS: Final = 21
_SHOWN_KEY: Final = "msg_not_sent"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the way. `reason` says what was found, `hint` what to do about it, empty when nothing."""

    name: str
    state: State
    seconds: float
    reason: str
    hint: str = ""


Found = tuple[State, str, str]
CountUsers = Callable[[object], Found]


async def examine(
    service: Service,
    client: HrClient,
    *,
    allow_private_hosts: bool,
    body: bytes,
    now: datetime,
    count_users: CountUsers,
    tls: ssl.SSLContext | None = None,
) -> tuple[tuple[Step, ...], PreparedRequest]:
    """Try the way to a service, in a minute at most; `count_users` reads a page of users."""
    way = _Way(service, client, allow_private_hosts, tls, now, count_users)
    with trio.move_on_after(TOTAL_SECONDS):
        await way.go()
    request = client.prepare(body, key=_SHOWN_KEY, now=now)
    way.finish(request)
    return tuple(way.steps), request


class _Way:
    def __init__(
        self,
        service: Service,
        client: HrClient,
        allow_private_hosts: bool,
        tls: ssl.SSLContext | None,
        now: datetime,
        count_users: CountUsers,
    ) -> None:
        parts = urlsplit(service.base_url)
        self.steps: list[Step] = []
        self._service, self._client, self._now = service, client, now
        self._count_users = count_users
        self._tls = tls
        self._is_https = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_https else 80)
        self._backend = GuardedBackend(allow_private=allow_private_hosts)
        self._addresses: list[str] = []
        self._stream: httpcore.AsyncNetworkStream | None = None
        self._users: Outcome | None = None

    async def go(self) -> None:
        """Every step until one fails."""
        try:
            for name, step in (
                ("name", self._resolve),
                ("tcp", self._connect),
                ("tls", self._encrypt),
                ("auth", self._authenticate),
                ("users", self._read_users),
            ):
                if not await self._try(name, step):
                    return
        finally:
            if self._stream is not None:
                with trio.CancelScope(shield=True), trio.move_on_after(1):
                    await self._stream.aclose()

    def finish(self, request: PreparedRequest) -> None:
        """What was not reached, and the punches that are not sent."""
        reached = {step.name for step in self.steps}
        failed = any(step.state == "failed" for step in self.steps)
        why = "not tried: what comes before it failed" if failed else "not tried: the time was over"
        for name in ("name", "tcp", "tls", "auth", "users"):
            if name not in reached:
                self.steps.append(Step(name, "skipped" if failed else "failed", 0.0, why))
        if request.problem:
            told = Step("attendance", "failed", 0.0, request.problem, _HINTS[FailureKind.SECRET])
        else:
            told = Step("attendance", "ok", 0.0, f"{request.records_bytes} bytes prepared, and not sent")
        self.steps.append(told)

    async def _try(self, name: str, step: Callable[[], Awaitable[Found]]) -> bool:
        started = trio.current_time()
        try:
            state, reason, hint = await step()
        except Refused as refused:
            state, reason, hint = "failed", refused.reason, _HINTS.get(refused.kind, "")
        except (httpcore.TimeoutException, trio.TooSlowError):
            state, reason = "failed", f"no answer within {_STEP_SECONDS:g} s"
            hint = _HINTS[FailureKind.CONNECT]
        self.steps.append(Step(name, state, trio.current_time() - started, reason, hint))
        return state != "failed"

    async def _resolve(self) -> Found:
        with trio.fail_after(_STEP_SECONDS):
            self._addresses = await self._backend.resolve(self._host, self._port)
        return "ok", f"the name leads to {', '.join(self._addresses[:4])}", ""

    async def _connect(self) -> Found:
        self._stream = await self._backend.connect_tcp(self._host, self._port, _STEP_SECONDS)
        return "ok", f"port {self._port} accepts connections", ""

    async def _encrypt(self) -> Found:
        if not self._is_https:
            hint = "use https:// unless the way to it is protected otherwise"
            return "warning", "not encrypted: everybody on the way can read tokens and punches", hint
        assert self._stream is not None
        try:
            self._stream = await self._stream.start_tls(self._tls or default_tls(), self._host, _STEP_SECONDS)
        except (httpcore.ConnectError, OSError) as error:
            return _tls_failure(error)
        return self._certificate(self._stream.get_extra_info("ssl_object"))

    def _certificate(self, found: ssl.SSLObject | None) -> Found:
        protocol = (found.version() if found is not None else None) or "TLS"
        certificate = (found.getpeercert() if found is not None else None) or {}
        until = certificate.get("notAfter")
        if not isinstance(until, str):
            return "ok", f"{protocol}, the certificate is valid", ""
        ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
        days = (ends_at - self._now).days
        if days < _EXPIRES_DAYS:
            hint = "have it renewed: deliveries are paused when it is not valid any more"
            return (
                "warning",
                f"{protocol}, the certificate ends in {days} {'day' if days == 1 else 'days'}",
                hint,
            )
        return "ok", f"{protocol}, the certificate is valid until {ends_at:%Y-%m-%d}", ""

    async def _authenticate(self) -> Found:
        """By the list of users, which changes nothing; without one by the head of the attendance address."""
        if self._service.users_endpoint:
            outcome = self._users = await self._client.get_first_users()
        else:
            outcome = await self._client.head_attendance()
        if isinstance(outcome, Failure):
            hint = _HINTS.get(outcome.kind, "")
            # Who cannot answer HEAD may still take punches.
            is_odd = self._users is None and outcome.kind in (FailureKind.RESET, FailureKind.PROTOCOL)
            return "warning" if is_odd else "failed", outcome.reason, hint
        if outcome.status in _REFUSALS:
            reason, hint = _REFUSALS[outcome.status]
            return "failed", f"answered {outcome.status}: {reason}", hint
        if 300 <= outcome.status < 400:
            where = f" to {outcome.location[:200]}" if outcome.location else ""
            reason = f"answered {outcome.status}: redirected{where}, which is not followed"
            return "failed", reason, "correct base_url to where the service really is"
        if outcome.status >= 500:
            reason = f"answered {outcome.status}: whether the credentials are right cannot be told"
            return "warning", reason, "try again when the service works"
        if self._service.auth_type == "none":
            return "ok", "nothing is needed and nothing was refused", ""
        return "ok", "the credentials were not refused", ""

    async def _read_users(self) -> Found:
        if not self._service.users_endpoint:
            return "skipped", "no users_endpoint is set", ""
        assert isinstance(self._users, Answer)
        page = read_page(self._users)
        if isinstance(page, Failure):
            return "failed", page.reason, "check users_endpoint"
        try:
            return self._count_users(page)
        except ValueError as error:
            return "failed", f"no list of users: {error}", "check users_endpoint"


def _tls_failure(error: BaseException) -> Found:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            reason = f"the certificate is not valid: {seen.verify_message}"
            return "failed", reason, _HINTS[FailureKind.CERTIFICATE]
        if isinstance(seen, ssl.SSLError):
            return "failed", f"TLS failed: {seen.reason or 'no reason given'}", _HINTS[FailureKind.TLS]
        seen = seen.__cause__ or seen.__context__
    return "failed", "the connection was closed during the TLS handshake", _HINTS[FailureKind.TLS]


_REFUSALS: Final = {
    401: ("the credentials are refused", "check auth_type and auth_token with whoever runs the service"),
    403: ("it is forbidden to us", "check what the token may do, and allow-lists of addresses"),
    407: ("a proxy asks for credentials", "let this host reach the service without a proxy"),
    410: ("this address is gone for good", "correct base_url and users_endpoint"),
}
_HINTS: Final = {
    FailureKind.DNS: "check the spelling of base_url and the name servers of this host",
    FailureKind.CONNECT: "check the port in base_url, firewalls on the way, and that the service runs",
    FailureKind.PRIVATE_HOST: "set delivery.allow_private_hosts if that is really meant",
    FailureKind.CERTIFICATE: "have the service's certificate renewed or issued for this name",
    FailureKind.TLS: "check that the port speaks TLS: http:// may be meant",
    FailureKind.SECRET: "set the variable in the environment of the server, or enter the secret itself",
    FailureKind.TIMEOUT: "the service is slow: raise timeout_seconds, or ask whoever runs it",
    FailureKind.RESET: "something on the way ends the connection: a firewall, or the service itself",
    FailureKind.PROTOCOL: "check the port in base_url: something else answers there",
}
