"""Who asks: the owner of a token, or whoever is on this machine where that is enough."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import trio
from starlette.datastructures import Headers

from tm20tui.api.errors import error_response, too_many
from tm20tui.api.limits import RateLimit, address_key
from tm20tui.errors import StoreError
from tm20tui.model import utc_now
from tm20tui.operations.call import Operator, Role
from tm20tui.operations.registry import note_refusal
from tm20tui.store import tokens

if TYPE_CHECKING:
    from starlette.responses import Response

    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

FAILURES_PER_MINUTE = 5
FOREIGN_AT_ONCE = 10
FOREIGN_PER_HOUR = 20
"""Refusals of web pages and of foreign names that are written to the audit, all addresses together."""
ANONYMOUS = "local"
"""The name of whoever asks without a token."""

_LONGEST_TOKEN = 200
_CHALLENGE = 'Bearer realm="tm20tui"'


class Doorman:
    """Lets callers in, as often as they may. `local` says that the API is bound to loopback."""

    def __init__(self, gateway: Gateway, *, local: bool) -> None:
        self._gateway = gateway
        settings = gateway.settings.api
        self._anonymous_role = settings.anonymous_role if local else "none"
        rate = settings.requests_per_second
        self._addresses = RateLimit(rate, 2 * rate)
        self._tokens = RateLimit(rate, 2 * rate)
        self._foreign = RateLimit(FOREIGN_PER_HOUR / 3600, FOREIGN_AT_ONCE)
        self._failures = RateLimit(FAILURES_PER_MINUTE / 60, FAILURES_PER_MINUTE)

    async def admit(
        self, headers: Headers, client: tuple[str, int] | None, request_id: str
    ) -> Operator | Response:
        """The operator of a request, or the answer that refuses it.

        A token that is wrong is never as good as none.

        Raises:
            StoreUnavailable: tokens cannot be read now.
        """
        host, port = client or ("", 0)
        key, now = address_key(host), trio.current_time()
        if seconds := self._addresses.take(key, now):
            return too_many(seconds, "too many requests of this address", request_id)
        given = headers.getlist("authorization")
        address = f"{host}:{port}" if host else ""
        if not given:
            if self._anonymous_role == "none":
                return _unauthorized("a token is needed: Authorization: Bearer tm20_...", "", request_id)
            return Operator(ANONYMOUS, self._anonymous_role, "api", address)
        token = await self._find(given)
        if token is None:
            if seconds := self._failures.take(key, now):
                return too_many(seconds, "too many wrong tokens of this address", request_id)
            log.warning("a wrong token was refused", extra={"address": address})
            await note_refusal(
                self._gateway,
                "api.request",
                "the token is wrong, expired or revoked",
                operator="unknown",
                role="none",
                origin="api",
                address=address,
            )
            return _unauthorized(
                "the token is wrong, expired or revoked", ' error="invalid_token"', request_id
            )
        if seconds := self._tokens.take(str(token.id), now):
            return too_many(seconds, "too many requests with this token", request_id)
        await self._touch(token)
        return Operator(token.name, cast("Role", token.role), "api", address)

    async def note_foreign(self, refusal: str, headers: Headers, client: tuple[str, int] | None) -> None:
        """Write down that a web page, or a name that is not ours, was turned away; not each of a flood."""
        if self._foreign.take("", trio.current_time()):
            return
        host, port = client or ("", 0)
        named = ", ".join(
            f"{name} {ascii(headers[name])[:100]}" for name in ("host", "origin") if name in headers
        )
        log.warning("%s: %s", refusal, named)
        await note_refusal(
            self._gateway,
            "api.request",
            f"{refusal}: {named}",
            operator="unknown",
            role="none",
            origin="api",
            address=f"{host}:{port}" if host else "",
        )

    async def still_admits(self, headers: Headers) -> bool:
        """Whether the token of a request that goes on is still good."""
        given = headers.getlist("authorization")
        try:
            return not given or await self._find(given) is not None
        except StoreError:
            return True

    async def _find(self, given: list[str]) -> tokens.Token | None:
        scheme, _, text = given[0].strip().partition(" ")
        text = text.strip()
        if len(given) > 1 or scheme.lower() != "bearer" or not 0 < len(text) <= _LONGEST_TOKEN:
            return None
        digest = tokens.digest_token(text)
        return await self._gateway.database.read(tokens.find_by_digest, digest, utc_now())

    async def _touch(self, token: tokens.Token) -> None:
        now = utc_now()
        if not tokens.is_touch_due(token, now):
            return
        try:
            await self._gateway.database.write(tokens.touch, token.id, now)
        except StoreError as error:
            log.warning("the use of a token could not be noted: %s", error)


def _unauthorized(error: str, hint: str, request_id: str) -> Response:
    challenge = _CHALLENGE + ("," + hint if hint else "")
    return error_response(401, error, headers={"www-authenticate": challenge}, request_id=request_id)
