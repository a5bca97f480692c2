"""The ways an HR service fails, and the answers it gives while it does."""

from __future__ import annotations

import dataclasses
import enum
import random

from tm20tui.simulate.hr_messages import Reply, as_json

HTML = b"<html><head><title>Welcome</title></head><body><h1>Please sign in to the network</h1></body></html>"
_HTML_TYPE = (("content-type", "text/html"),)


class Fault(enum.StrEnum):
    """One way to fail. Most strike each request with the service's `share` of probability.

    Nothing is stored by `5xx`, `429`, `busy` (408 or 425), `timeout-before` (hangs),
    `garbage` (200 with HTML), `lie` (200 with JSON that says it failed), `reset`, `400`,
    `auth`, `403`, `gone`, `redirect`, `big`, and of a batch with a poisoned record.
    Everything is stored by `timeout` (then hangs), `reset-after`, `slow` (a dripping
    answer) and `204` (no fault: an answer without a body); `partial` stores some and says
    which. `forget` stores and hangs, and refuses with 422 what comes again under its key.
    `mixed` draws one of the transient ones.
    """

    NONE = "none"
    EMPTY = "204"
    SERVER_ERROR = "5xx"
    THROTTLE = "429"
    BUSY = "busy"
    TIMEOUT = "timeout"
    TIMEOUT_BEFORE = "timeout-before"
    FORGET = "forget"
    POISON = "poison"
    GARBAGE = "garbage"
    LIE = "lie"
    RESET = "reset"
    RESET_AFTER = "reset-after"
    PARTIAL = "partial"
    BAD_REQUEST = "400"
    AUTH = "auth"
    FORBIDDEN = "403"
    GONE = "gone"
    REDIRECT = "redirect"
    BIG = "big"
    SLOW = "slow"
    MIXED = "mixed"


TRANSIENT = (
    Fault.EMPTY,
    Fault.SERVER_ERROR,
    Fault.THROTTLE,
    Fault.BUSY,
    Fault.TIMEOUT,
    Fault.TIMEOUT_BEFORE,
    Fault.GARBAGE,
    Fault.LIE,
    Fault.RESET,
    Fault.RESET_AFTER,
    Fault.PARTIAL,
    Fault.SLOW,
)
# These depend on what the request carries, not on chance.
ALWAYS = frozenset({Fault.POISON, Fault.BIG})


def draw(fault: Fault, share: float, rng: random.Random) -> Fault:
    """What strikes this request."""
    if fault in ALWAYS:
        return fault
    if fault is Fault.NONE or rng.random() >= share:
        return Fault.NONE
    return rng.choice(TRANSIENT) if fault is Fault.MIXED else fault


def fail_before(
    fault: Fault, rng: random.Random, *, retry_after: str, hang_seconds: float, redirect_to: str
) -> Reply | None:
    """The answer of a service that has not looked at the request, None when the fault lets it look."""
    match fault:
        case Fault.SERVER_ERROR:
            status = rng.choice((500, 502, 503))
            if status == 502:
                return Reply(502, b"<html><h1>502 Bad Gateway</h1></html>", _HTML_TYPE)
            return as_json(status, {"error": "internal error" if status == 500 else "maintenance"})
        case Fault.THROTTLE:
            return as_json(429, {"error": "too many requests"}, ("retry-after", retry_after))
        case Fault.BUSY:
            return as_json(rng.choice((408, 425)), {"error": "not now"})
        case Fault.TIMEOUT_BEFORE:
            return dataclasses.replace(as_json(504, {}), hang_seconds=hang_seconds)
        case Fault.GARBAGE:
            return Reply(200, HTML, _HTML_TYPE)
        case Fault.LIE:
            return as_json(200, {"success": False, "error": "the database is down"})
        case Fault.RESET:
            return Reply(0, reset=True)
        case Fault.AUTH:
            return as_json(401, {"error": "token expired"})
        case Fault.FORBIDDEN:
            return as_json(403, {"error": "this account may not send attendance"})
        case Fault.GONE:
            return as_json(410, {"error": "this endpoint is gone"})
        case Fault.REDIRECT:
            return as_json(302, {}, ("location", redirect_to))
    return None
