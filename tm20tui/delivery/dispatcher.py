"""The dispatcher owns the couriers, one per service, and the sweep that retries failed deliveries."""

from __future__ import annotations

import logging
import random as random_module
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime

import trio

from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.courier import Courier
from tm20tui.delivery.office import Office
from tm20tui.delivery.status import CourierStatus, SweepStatus, SyncReport
from tm20tui.delivery.sweep import Sweep
from tm20tui.errors import Conflict, StoreUnavailable, Unavailable
from tm20tui.events import EventBus, Signal
from tm20tui.model import Service, utc_now
from tm20tui.store.engine import Database
from tm20tui.store.services import get_service, list_services
from tm20tui.store.vault import Vault
from tm20tui.supervise import keep_running

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 60.0


class Dispatcher:
    """Delivers to every service. Start `run` once; everything else may be called while it runs."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        settings: DeliveryConfig,
        node: str,
        now: Callable[[], datetime] = utc_now,
        random: Callable[[], float] = random_module.random,
        tls: ssl.SSLContext | None = None,
        events: EventBus | None = None,
    ) -> None:
        self._database = database
        self._office = Office(database, vault, settings, node, now, random, tls, events or EventBus())
        self._couriers: dict[int, Courier] = {}
        self._services_changed = Signal()
        self._sweep = Sweep(self._office, self.news)
        self._stopping = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until `stop`; started once the couriers of the services at hand are on their way."""
        async with trio.open_nursery() as nursery:
            await self._hire(nursery)
            task_status.started()
            nursery.start_soon(keep_running, "retry sweep", self._sweep.run)
            while not self._stopping.is_set():
                with trio.move_on_after(LOOK_AGAIN_SECONDS):
                    await self._services_changed.wait()
                if not self._stopping.is_set():
                    await self._hire(nursery)

    def stop(self) -> None:
        """Begin nothing new; attempts in flight are settled, then `run` returns."""
        self._stopping.set()
        self._services_changed.set()
        self._sweep.stop()
        for courier in self._couriers.values():
            courier.stop()

    def news(self, service_ids: Iterable[int]) -> None:
        """Deliveries for these services were committed."""
        for service_id in service_ids:
            courier = self._couriers.get(service_id)
            if courier is None:
                self._services_changed.set()
            else:
                courier.news()

    def services_changed(self) -> None:
        """A service was added, edited or deleted: the new settings are used at once."""
        for courier in self._couriers.values():
            courier.changed()
        self._services_changed.set()
        self._sweep.now()

    async def sync_now(self, service_id: int, terminal_id: int | None = None) -> SyncReport:
        """Send now all that is pending or would be tried later, whatever the interval.

        A service that is down gets one probe, a paused one too.

        Raises:
            NotFound: no such service.
            Conflict: it is not active.
            Unavailable: delivery is not running.
        """
        service = await self._database.read(get_service, service_id)
        if not service.is_active:
            raise Conflict(f"the third-party config {service.name!r} is not active", field="config_id")
        courier = self._couriers.get(service_id)
        if courier is None or self._stopping.is_set():
            raise Unavailable("delivery is not running, try again in a moment")
        return await courier.sync(terminal_id)

    def status(self) -> tuple[CourierStatus, ...]:
        """Every courier, by service id."""
        return tuple(courier.status() for _, courier in sorted(self._couriers.items()))

    def sweep_status(self) -> SweepStatus:
        """The retry sweep."""
        return self._sweep.status

    def sweep_now(self) -> trio.Event:
        """Look for failed deliveries that are due, without waiting for the minute; set when that is done."""
        return self._sweep.now()

    async def _hire(self, nursery: trio.Nursery) -> None:
        """A courier for each service that has none."""
        try:
            services = await self._database.read(list_services)
        except StoreUnavailable as error:
            log.error("cannot read the services: %s", error)
            return
        if self._stopping.is_set():
            return
        for service in services:
            if service.id not in self._couriers:
                self._couriers[service.id] = courier = Courier(self._office, service)
                nursery.start_soon(self._employ, service, courier)

    async def _employ(self, service: Service, courier: Courier) -> None:
        try:
            await keep_running(f"courier of {service.name}", courier.run)
        finally:
            del self._couriers[service.id]
