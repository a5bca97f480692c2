"""What every service is owed and was sent, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tm20tui.errors import InvalidInput
from tm20tui.model import Service, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store import services
from tm20tui.store.delivery_totals import DeliveryTotals as DeliveryTotals
from tm20tui.store.delivery_totals import count_totals

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOST_HOURS = 24 * 31


@dataclass(frozen=True, slots=True)
class ServiceTotals:
    """A service as it stands, its totals, and when its next round is; None when none is planned."""

    service: Service
    totals: DeliveryTotals
    next_round_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Every service by id; queues are of now, what was sent of the last `hours`."""

    hours: int
    services: tuple[ServiceTotals, ...]


@operation("deliveries.totals", "viewer", writes=False)
async def count_deliveries(call: Call, *, hours: int = 24) -> Totals:
    """What every service is owed now, and was sent in the last `hours`.

    Raises:
        InvalidInput
    """
    if not 1 <= hours <= _MOST_HOURS:
        raise InvalidInput(f"hours must be from 1 to {_MOST_HOURS}", field="hours")

    def read(connection: Connection) -> tuple[list[Service], dict[int, DeliveryTotals]]:
        since = utc_now() - timedelta(hours=hours)
        return services.list_services(connection), count_totals(connection, since)

    rounds = {status.service_id: status.next_round_at for status in call.gateway.dispatcher.status()}
    found, totals = await call.gateway.database.read(read)
    return Totals(
        hours,
        tuple(ServiceTotals(one, totals.get(one.id, DeliveryTotals()), rounds.get(one.id)) for one in found),
    )
