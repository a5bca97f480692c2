"""Tells what became of deliveries, and how their service is."""

from __future__ import annotations

from tm20tui.delivery.ledger import Health, Settled
from tm20tui.events import EventBus
from tm20tui.model import Service


def tell_settled(events: EventBus, service: Service, settled: Settled) -> None:
    """One answer was written down."""
    events.publish(
        "delivery.settled",
        service_id=service.id,
        service=service.name,
        outcome=settled.outcome,
        sent=settled.sent,
        failed=settled.failed,
    )


def tell_health(events: EventBus, service: Service, known: Health, health: Health) -> None:
    """The service's health, where it is not as `known`."""
    if (known.state, known.reason) != (health.state, health.reason):
        events.publish(
            "service.health",
            service_id=service.id,
            service=service.name,
            health=health.state,
            reason=health.reason,
            retry_at=health.retry_at,
        )
