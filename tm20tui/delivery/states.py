"""The two state machines of delivery. A move that is not in its table raises and changes nothing.

The service:   healthy -> backing off -> half-open (one probe) -> healthy, or backing off again;
               paused needs an operator: an edit, or a probe by hand (if there is anything to send).
The delivery:  pending -> in flight -> sent | duplicate | failed, or pending again;
               held waits for an operator; failed goes back to pending when its cause may have healed,
               or an operator retries it; what an operator discards stays failed.
"""

from __future__ import annotations

from typing import Literal

ServiceState = Literal["healthy", "backing off", "half-open", "paused"]
ServiceEvent = Literal["probe", "answered", "outage", "refused us", "edited", "nothing to send"]
DeliveryState = Literal["pending", "in flight", "held", "sent", "duplicate", "failed"]
DeliveryEvent = Literal[
    "claim",
    "accepted",
    "duplicate",
    "rejected",
    "retry",
    "returned",
    "release",
    "sweep",
    "take back",
    "deleted",
    "retried",
    "discarded",
]

SERVICE_MOVES: dict[tuple[ServiceState, ServiceEvent], ServiceState] = {
    ("healthy", "answered"): "healthy",
    ("healthy", "outage"): "backing off",
    ("healthy", "refused us"): "paused",
    ("healthy", "edited"): "healthy",
    ("backing off", "probe"): "half-open",
    ("backing off", "edited"): "healthy",
    ("half-open", "answered"): "healthy",
    ("half-open", "outage"): "backing off",
    ("half-open", "refused us"): "paused",
    ("half-open", "edited"): "healthy",
    ("paused", "probe"): "half-open",
    ("paused", "edited"): "healthy",
    ("paused", "nothing to send"): "healthy",
}

DELIVERY_MOVES: dict[tuple[DeliveryState, DeliveryEvent], DeliveryState] = {
    ("pending", "claim"): "in flight",
    ("pending", "deleted"): "failed",
    ("held", "release"): "pending",
    ("held", "deleted"): "failed",
    ("held", "discarded"): "failed",
    ("in flight", "accepted"): "sent",
    ("in flight", "duplicate"): "duplicate",
    ("in flight", "rejected"): "failed",
    ("in flight", "retry"): "pending",
    ("in flight", "returned"): "pending",
    ("in flight", "deleted"): "failed",
    ("failed", "sweep"): "pending",
    ("failed", "take back"): "pending",
    ("failed", "retried"): "pending",
    ("failed", "discarded"): "failed",
}


class IllegalMove(Exception):
    """The event cannot happen in that state: a bug of ours."""


def move_service(state: ServiceState, event: ServiceEvent) -> ServiceState:
    """The service's next state."""
    try:
        return SERVICE_MOVES[state, event]
    except KeyError:
        raise IllegalMove(f"a service that is {state} cannot have {event!r}") from None


def move_delivery(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The delivery's next state."""
    try:
        return DELIVERY_MOVES[state, event]
    except KeyError:
        raise IllegalMove(f"a delivery that is {state} cannot have {event!r}") from None
