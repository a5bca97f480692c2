"""The ways an HR service fails, and the answers it gives while it does."""

from __future__ import annotations

import enum
import random


class Fault(enum.StrEnum):
    """One way to fail. Most strike each request with the service's `share` of probability.

    Nothing is stored by `5xx`, `429`, `timeout-before` (hangs), `garbage` (200 with HTML),
    `reset`, `auth`, `gone`, `redirect`, `big`, and of a batch with a poisoned record.
    Everything is stored by `timeout` (then hangs), `reset-after` and `slow` (a dripping
    answer); `partial` stores some and says which. `mixed` draws one of the transient ones.
    """

    NONE = "none"
    SERVER_ERROR = "5xx"
    THROTTLE = "429"
    TIMEOUT = "timeout"
    TIMEOUT_BEFORE = "timeout-before"
    POISON = "poison"
    GARBAGE = "garbage"
    RESET = "reset"
    RESET_AFTER = "reset-after"
    PARTIAL = "partial"
    AUTH = "auth"
    GONE = "gone"
    REDIRECT = "redirect"
    BIG = "big"
    SLOW = "slow"
    MIXED = "mixed"


TRANSIENT = (
    Fault.SERVER_ERROR,
    Fault.THROTTLE,
    Fault.TIMEOUT,
    Fault.TIMEOUT_BEFORE,
    Fault.GARBAGE,
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
