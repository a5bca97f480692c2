"""What all couriers share: the store, asked with patience, the clock and the rules."""

from __future__ import annotations

import logging
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import trio

from tm20tui.delivery.config import DeliveryConfig
from tm20tui.errors import StoreUnavailable
from tm20tui.events import EventBus
from tm20tui.store.batches import Connection
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

STORE_PAUSES = (1.0, 2.0, 5.0, 10.0)


class Stopping(Exception):
    """The courier was told to stop while the store was away."""


@dataclass(frozen=True, slots=True)
class Office:
    """What every courier shares. `draw` gives random numbers from 0 to 1."""

    database: Database
    vault: Vault
    config: DeliveryConfig
    node: str
    now: Callable[[], datetime]
    draw: Callable[[], float] = random.random
    tls: ssl.SSLContext | None = None
    events: EventBus = field(default_factory=EventBus)

    async def write(
        self,
        service: str,
        stopping: trio.Event,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Write until the store is there: what is known about a batch is not lost to its absence.

        Raises:
            Stopping: it is not there, and `stopping` is set.
        """
        return await self._patiently(
            service, stopping, partial(self.database.write, function, *args, **kwargs)
        )

    async def read(
        self,
        service: str,
        stopping: trio.Event,
        function: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Read with the same patience; no punch waits for it."""
        return await self._patiently(
            service, stopping, partial(self.database.read, function, *args, **kwargs)
        )

    async def _patiently(self, service: str, stopping: trio.Event, access: Callable[[], Awaitable[T]]) -> T:
        failures = 0
        while True:
            try:
                found = await access()
            except StoreUnavailable as error:
                if not failures:
                    log.error("waiting for the database: %s", error, extra={"service": service})
                if stopping.is_set():
                    raise Stopping from None
                with trio.move_on_after(STORE_PAUSES[min(failures, len(STORE_PAUSES) - 1)]):
                    await stopping.wait()
                failures += 1
            else:
                if failures:
                    log.info("the database is back", extra={"service": service})
                return found
