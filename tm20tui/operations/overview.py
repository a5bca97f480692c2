"""The server at a glance: what the first screen of a console shows beside the snapshot."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import trio

from tm20tui.model import utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.pulse import Rates as Rates
from tm20tui.pulse import Refusal as Refusal
from tm20tui.store.activity import count_between, get_size

if TYPE_CHECKING:
    from sqlalchemy import Connection

HOURS = 24
_EVERY_INTERFACE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Overview:
    """The server at one moment.

    `punches_today` and `punches_by_hour` (24, the last is the running hour) count by the punches'
    own time, in the zone of the default site. `online_by_hour`: the most terminals online at
    once, None for hours before the server's start. `oldest_pending_at`: since when the punch
    waits that waits longest, None when none does. `addresses` are what a terminal dials, as far
    as this host knows its own.
    """

    at: datetime
    punches_today: int
    punches_by_hour: tuple[int, ...]
    online_by_hour: tuple[int | None, ...]
    rates: Rates
    oldest_pending_at: datetime | None
    database_bytes: int
    addresses: tuple[str, ...]
    last_refusal: Refusal | None


@operation("server.overview", "viewer", writes=False)
async def get_overview(call: Call) -> Overview:
    """How the server does: punches of today and by hour, rates of the last minutes, what terminals dial."""
    gateway = call.gateway
    now = utc_now()
    zone = ZoneInfo(gateway.settings.resolved_timezone)
    hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)

    def read(connection: Connection) -> tuple[int, tuple[int, ...], int]:
        today = count_between(connection, [midnight, midnight + timedelta(days=1)])[0]
        by_hour = count_between(connection, [*hours, hour + timedelta(hours=1)])
        return today, by_hour, get_size(connection)

    today, by_hour, size = await gateway.database.read(read)
    waiting = () if gateway.watch.stored is None else gateway.watch.stored.oldest.values()
    return Overview(
        at=now,
        punches_today=today,
        punches_by_hour=by_hour,
        online_by_hour=gateway.pulse.online_by_hour(hours),
        rates=gateway.pulse.rates(),
        oldest_pending_at=min(waiting, default=None),
        database_bytes=size,
        addresses=await trio.to_thread.run_sync(addresses_of, gateway.listener.address),
        last_refusal=gateway.pulse.last_refusal,
    )


def addresses_of(listening: str, find: Callable[[], list[str]] | None = None) -> tuple[str, ...]:
    """What to dial to reach a listener, given as `ws://HOST:PORT/`: of every interface this host's own."""
    scheme, _slashes, rest = listening.partition("://")
    host, _colon, port = rest.rstrip("/").rpartition(":")
    if host.strip("[]") not in _EVERY_INTERFACE:
        return (listening,)
    found = (find or _own_addresses)()
    return tuple(f"{scheme}://{one}:{port}/" for one in found) or (listening,)


def _own_addresses() -> list[str]:
    """IPv4 addresses of this host: the one it would reach others from first. Sends nothing."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            found.append(str(probe.getsockname()[0]))
        except OSError:
            pass
    try:
        found += [str(item[4][0]) for item in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        pass
    return [one for one in dict.fromkeys(found) if not one.startswith("127.")][:8]
