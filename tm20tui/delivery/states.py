"""The two state machines of delivery. A move that is not in its table raises and changes nothing.

The service:   healthy -> backing off -> half-open (one probe) -> healthy, or backing off again;
               paused needs an operator: an edit, or a probe by hand (if there is anything to send).
The delivery:  pending -> in flight -> sent | duplicate | failed, or pending again;
               held waits for an operator (its time is not trusted, or nobody can tell whether it
               arrived); failed goes back to pending when its cause may have healed, or an
               operator retries it; what an operator discards stays failed.

A batch that may have arrived (no answer after it was sent, an answer that says nothing, a
crash) goes again as it is. If it is refused then, that does not prove that it was not taken
before: parts of it under new keys could be taken twice. It is tried a few times more, since
the first try may still be at work, and then held: only the service's books can tell. Where
services are known to take a record once under whatever key (`services_know_log_ids`), it is
bisected as any other. A record is held too of which a service says, among others, what
nobody understands.
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
    "doubted",
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
    ("in flight", "doubted"): "held",
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
