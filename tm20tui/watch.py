"""Looks for cause for alarm every few seconds, and writes down what changed.

What it read last is kept: the metrics are made from it without asking the database again.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from tm20tui.alarms import OF_TERMINALS, Alarm
from tm20tui.conditions import (
    KINDS,
    KINDS_WITHOUT_DATABASE,
    DiskFacts,
    Facts,
    ServiceFacts,
    TerminalFacts,
    find,
)
from tm20tui.errors import StoreUnavailable
from tm20tui.model import Service, Terminal, utc_now
from tm20tui.store import deliveries, punches, services, terminals
from tm20tui.store.alarms import list_alarms, save_alarms
from tm20tui.store.deliveries import DeliveryCounts
from tm20tui.store.engine import sqlite_path
from tm20tui.terminals.roster import SessionView

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

_HOUR = timedelta(hours=1)
_SAVE_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database said at `read_at`; `oldest` has the services that something waits for.

    `doubted`: how many of a service's deliveries are held since they may have arrived.
    """

    read_at: datetime
    terminals: tuple[Terminal, ...]
    services: tuple[Service, ...]
    counts: dict[int, DeliveryCounts]
    totals: dict[str, int]
    oldest: dict[int, datetime]
    doubted: dict[int, int]


class Watch:
    """Watches one server. `look` is to be called time and again, `keep` runs all the time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._online_since: dict[int, datetime] = {}
        self._down_since: dict[int, datetime] = {}
        self._quarantined: deque[tuple[datetime, int]] = deque()
        self._is_reloaded = False
        self._saving = trio.Lock()
        self.stored: Stored | None = None

    async def look(self) -> str:
        """Raise and clear alarms by what there is to see now."""
        gateway = self._gateway
        now = utc_now()
        try:
            if not self._is_reloaded:
                gateway.alarms.reload(await gateway.database.read(list_alarms))
                self._is_reloaded = True
            self.stored = await gateway.database.read(_read, now)
            await gateway.store_watch.attempt()
            failure = ""
        except StoreUnavailable as error:
            failure = str(error)
        facts = self._facts(now, await trio.to_thread.run_sync(self._disk), failure)
        active = {alarm.key for alarm in gateway.alarms.active()}
        found = find(facts, gateway.settings.alarms, active)
        for finding in found:
            gateway.alarms.set(finding.key, finding.sentence, severity=finding.severity)
        decided = KINDS if self.stored is not None else KINDS_WITHOUT_DATABASE
        for key in active - {finding.key for finding in found}:
            if key.partition(":")[0] in decided or self._is_of_nobody(key):
                gateway.alarms.clear(key)
        count = len(gateway.alarms.active())
        return failure or f"{count} {'alarm' if count == 1 else 'alarms'}"

    async def keep(self) -> None:
        """Write alarms down as they change, until cancelled."""
        alarms = self._gateway.alarms
        while True:
            if await self._save():
                await alarms.changed.wait()
            else:
                await trio.sleep(_SAVE_AGAIN_SECONDS)

    async def acknowledge(self, key: str, operator: str) -> Alarm:
        """Note that an operator knows of an alarm, durably if the database is there; `NotFound` if over."""
        alarm = self._gateway.alarms.acknowledge(key, operator)
        await self._save()
        return alarm

    async def _save(self) -> bool:
        alarms = self._gateway.alarms
        # One at a time: what is older must not be written over what is newer.
        async with self._saving:
            changed = alarms.unsaved()
            if not changed:
                return True
            try:
                await self._gateway.database.write(save_alarms, changed)
            except StoreUnavailable as error:
                log.warning("alarms are not written down yet: %s", error)
                return False
            alarms.saved(changed)
            return True

    def _facts(self, now: datetime, disk: DiskFacts | None, failure: str) -> Facts:
        gateway = self._gateway
        stored = self.stored
        failure = gateway.store_watch.trouble or failure
        if stored is None:
            return Facts(now, gateway.started_at, disk=disk, store_failure=failure)
        views = gateway.roster.views()
        online = {ident for ident, view in views.items() if view.state == "online"}
        self._online_since = {ident: self._online_since.get(ident, now) for ident in online}
        down = {one.id for one in stored.services if one.health not in ("healthy", "paused")}
        self._down_since = {ident: self._down_since.get(ident, now) for ident in down}
        return Facts(
            now=now,
            started_at=gateway.started_at,
            terminals=tuple(self._terminal(one, views.get(one.id)) for one in stored.terminals),
            services=tuple(self._service(one, stored) for one in stored.services),
            disk=disk,
            quarantined_in_an_hour=self._grown(now, stored.totals.get("quarantined", 0)),
            store_failure=failure,
        )

    def _is_of_nobody(self, key: str) -> bool:
        """Whether it was raised about a terminal that was being deleted."""
        kind, _, ident = key.partition(":")
        if self.stored is None or kind not in OF_TERMINALS or kind == "takeover":
            return False
        return ident not in {str(terminal.id) for terminal in self.stored.terminals}

    def _terminal(self, terminal: Terminal, session: SessionView | None) -> TerminalFacts:
        return TerminalFacts(
            id=terminal.id,
            label=f"{terminal.sn} ({terminal.name})" if terminal.name else terminal.sn,
            is_approved=terminal.admission == "approved",
            last_heard_at=terminal.last_seen_at if session is None else session.last_heard_at,
            online_since=self._online_since.get(terminal.id),
            drift_seconds=terminal.drift_seconds,
            used_logs=terminal.capacity.get("usedlog", 0),
            log_capacity=terminal.capacity.get("logsize", 0),
        )

    def _service(self, service: Service, stored: Stored) -> ServiceFacts:
        oldest = stored.oldest.get(service.id)
        return ServiceFacts(
            id=service.id,
            name=service.name,
            is_active=service.is_active,
            health=service.health,
            reason=service.health_reason,
            down_since=self._down_since.get(service.id),
            # What waited before the service was made or edited is not held against it.
            oldest_pending_at=None if oldest is None else max(oldest, service.updated_at),
            interval_minutes=service.sync_interval_minutes,
            doubted=stored.doubted.get(service.id, 0),
        )

    def _grown(self, now: datetime, quarantined: int) -> int:
        """How many records were quarantined within the last hour, as far as we have watched."""
        self._quarantined.append((now, quarantined))
        while now - self._quarantined[0][0] > _HOUR:
            self._quarantined.popleft()
        return quarantined - self._quarantined[0][1]

    def _disk(self) -> DiskFacts | None:
        """The fullest of the file systems that hold the state and the database."""
        database = sqlite_path(self._gateway.database.url)
        folders = {self._gateway.settings.resolved_state_directory}
        if database is not None:
            folders.add(database.absolute().parent)
        found = [facts for facts in map(_disk_of, sorted(folders)) if facts is not None]
        return min(found, key=lambda disk: disk.free_bytes, default=None)


def _disk_of(folder: Path) -> DiskFacts | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskFacts(str(folder), usage.free, usage.total)


def _read(connection: Connection, now: datetime) -> Stored:
    known = tuple(services.list_services(connection))
    counts = deliveries.count_deliveries(connection)
    deliveries.read_as_queue(connection)
    oldest = {one.id: deliveries.oldest_pending(connection, one.id) for one in known}
    return Stored(
        read_at=now,
        terminals=tuple(terminals.list_terminals(connection)),
        services=known,
        counts=counts,
        totals=punches.get_totals(connection),
        oldest={ident: at for ident, at in oldest.items() if at is not None},
        doubted=deliveries.count_doubted(connection),
    )
