"""What there is to see, as one immutable value: consoles and health checks read nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import trio

from tm20tui.alarms import Alarm
from tm20tui.conditions import unstorable
from tm20tui.errors import StoreUnavailable
from tm20tui.model import Service, Terminal, utc_now
from tm20tui.store import deliveries, punches, services, terminal_counts, terminals
from tm20tui.store.deliveries import DeliveryCounts
from tm20tui.terminals.roster import SessionView

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway

TerminalState = Literal["online", "offline", "waiting", "blocked"]

_REFRESH_SECONDS = 1.0
_WATCHED_SECONDS = 5.0
_COUNT_SECONDS = 5.0
_COUNT_SHARE = 20.0
"""Counting what is undelivered takes at most one twentieth of the time."""


@dataclass(frozen=True, slots=True)
class TerminalLine:
    """One terminal. `punches` counts since it connected, `last_seen_at` is None if it never was.

    `users_used`, `users_max`, `logs_used`, `logs_max` are what it said when it registered last,
    None when it did not. `undelivered` counts deliveries of its punches that are not sent, some
    seconds old; `open_commands` those queued or in flight; `drops` how often its connection ended
    within a day, since the server's start at most; `drops_lately` within ten minutes.
    """

    id: int
    sn: str
    name: str
    state: TerminalState
    last_seen_at: datetime | None
    punches: int
    drift_seconds: float | None
    address: str
    site_id: int = 0
    site: str = ""
    direction_policy: str = "terminal"
    model: str = ""
    firmware: str = ""
    mac: str = ""
    connected_at: datetime | None = None
    users_used: int | None = None
    users_max: int | None = None
    logs_used: int | None = None
    logs_max: int | None = None
    undelivered: int = 0
    open_commands: int = 0
    drops: int = 0
    drops_lately: int = 0


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service and what it is owed; `next_round_at` is None when nothing is planned."""

    id: int
    name: str
    health: str
    health_reason: str
    pending: int
    sent: int
    failed: int
    next_round_at: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of the server. Counts of punches are of all time, `duplicates` since the start.

    `alarms` are sentences, at most some twenty; `active_alarms` all that last, with their keys.
    `store_trouble` says why nothing can be stored now, empty when it can; what is stored is as it
    was before then.
    """

    taken_at: datetime
    started_at: datetime
    terminals: tuple[TerminalLine, ...]
    services: tuple[ServiceLine, ...]
    punches_stored: int
    duplicates: int
    quarantined: int
    alarms: tuple[str, ...]
    listener_address: str
    api_address: str
    database: str
    active_alarms: tuple[Alarm, ...] = ()
    store_trouble: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether punches can be taken and stored: `database` and `listener` are `ok` or a sentence."""

    ready: bool
    database: str
    listener: str
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Live:
    """What is in memory at one moment, for a worker thread to put together with what is stored."""

    now: datetime
    sessions: Mapping[int, SessionView]
    drops: Mapping[int, tuple[int, int]]


_Facts = tuple[Terminal, SessionView | None, int, int, tuple[int, int]]
"""What a line is made of; while it is equal the line is the same."""


@dataclass(frozen=True, slots=True)
class _Read:
    lines: tuple[TerminalLine, ...]
    services: list[Service]
    counts: dict[int, DeliveryCounts]
    totals: dict[str, int]


class SnapshotKeeper:
    """Makes snapshots while somebody looks, and none when nobody does.

    Whatever grows with the number of terminals is done in a worker thread: the server's loop
    only says who is connected.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._latest: Snapshot | None = None
        self._looked_at = 0.0
        self._reader = terminals.TerminalsReader()
        self._undelivered: dict[int, int] = {}
        self._count_again_at = 0.0
        self._made: dict[int, tuple[_Facts, TerminalLine]] = {}

    def latest(self) -> Snapshot:
        """The last snapshot; asking keeps them coming. Safe from any thread."""
        self._looked_at = time.monotonic()
        assert self._latest is not None, "asked before the server was built"
        return self._latest

    async def run(self) -> None:
        """Refresh once a second while watched."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_trouble)
            while True:
                await trio.sleep(_REFRESH_SECONDS)
                if time.monotonic() - self._looked_at < _WATCHED_SECONDS:
                    try:
                        await self.refresh()
                    except StoreUnavailable:
                        continue

    async def refresh(self) -> None:
        """Take a snapshot now."""
        gateway = self._gateway
        now = utc_now()
        live = _Live(now, gateway.roster.views(), gateway.pulse.drops(now))
        stored = await gateway.database.read(self._read, live)
        statistics = gateway.writer.statistics()
        rounds = {status.service_id: status.next_round_at for status in gateway.dispatcher.status()}
        self._latest = Snapshot(
            taken_at=now,
            started_at=gateway.started_at,
            terminals=stored.lines,
            services=tuple(
                _service_line(one, stored.counts.get(one.id), rounds.get(one.id)) for one in stored.services
            ),
            punches_stored=stored.totals.get("punches", 0),
            duplicates=statistics.duplicates,
            quarantined=stored.totals.get("quarantined", 0),
            alarms=self._alarms(),
            listener_address=gateway.listener.address,
            api_address=next((front.address for front in gateway.front_ends), ""),
            database=gateway.database.label,
            active_alarms=gateway.alarms.active(),
            store_trouble=gateway.store_watch.trouble,
        )

    async def _tell_trouble(self) -> None:
        """What is stored cannot be read while the database is away; that it is away is told all the same."""
        gateway = self._gateway
        while True:
            await trio.sleep(_REFRESH_SECONDS)
            latest, trouble = self._latest, gateway.store_watch.trouble
            if latest is not None and latest.store_trouble != trouble:
                self._latest = replace(
                    latest,
                    store_trouble=trouble,
                    alarms=self._alarms(),
                    active_alarms=gateway.alarms.active(),
                )

    async def readiness(self) -> Readiness:
        """Ask the database, and look at the writer and the listener."""
        gateway = self._gateway
        database = "ok"
        try:
            with trio.fail_after(10):
                await gateway.database.read(punches.get_totals)
        except StoreUnavailable as error:
            database = str(error)
        except trio.TooSlowError:
            database = "does not answer"
        if database == "ok":
            database = gateway.store_watch.trouble or "ok"
        listener = "ok" if gateway.listener.is_open else "not listening"
        return Readiness(database == listener == "ok", database, listener, self._alarms())

    def _read(self, connection: Connection, live: _Live) -> _Read:
        known = self._reader.list(connection, live.sessions)
        commands = terminal_counts.count_open_commands(connection)
        undelivered = self._count_undelivered(connection)
        made, self._made = self._made, {}
        for one in known:
            facts = (
                one,
                live.sessions.get(one.id),
                undelivered.get(one.id, 0),
                commands.get(one.id, 0),
                live.drops.get(one.id, (0, 0)),
            )
            before = made.get(one.id)
            is_same = before is not None and before[0] == facts
            self._made[one.id] = before if is_same and before else (facts, _terminal_line(*facts))
        lines = tuple(line for _facts, line in self._made.values())
        counts = deliveries.count_deliveries(connection)
        return _Read(lines, services.list_services(connection), counts, punches.get_totals(connection))

    def _count_undelivered(self, connection: Connection) -> dict[int, int]:
        """Counted anew every few seconds, and more seldom while the queues are long."""
        started = time.monotonic()
        if started >= self._count_again_at:
            self._undelivered = terminal_counts.count_undelivered(connection)
            took = time.monotonic() - started
            self._count_again_at = time.monotonic() + max(_COUNT_SECONDS, took * _COUNT_SHARE)
        return self._undelivered

    def _alarms(self) -> tuple[str, ...]:
        failure = self._gateway.store_watch.trouble
        if not failure:
            return self._gateway.alarms.sentences()
        # The alarm of it may be some seconds behind.
        return (unstorable(failure), *self._gateway.alarms.sentences(without=("database",)))


def state_of(terminal: Terminal, session: SessionView | None) -> TerminalState:
    """What to call the state of a terminal with this session, None if it has none."""
    if terminal.admission == "blocked":
        return "blocked"
    if terminal.admission == "pending":
        return "waiting"
    return "offline" if session is None else session.state


def _terminal_line(
    terminal: Terminal,
    session: SessionView | None,
    undelivered: int,
    open_commands: int,
    lost: tuple[int, int],
) -> TerminalLine:
    drops, drops_lately = lost
    capacity = terminal.capacity
    return TerminalLine(
        id=terminal.id,
        sn=terminal.sn,
        name=terminal.name,
        state=state_of(terminal, session),
        last_seen_at=terminal.last_seen_at if session is None else session.last_heard_at,
        punches=0 if session is None else session.punches,
        drift_seconds=terminal.drift_seconds,
        address=terminal.last_address if session is None else session.address,
        site_id=terminal.site_id,
        site=terminal.site,
        direction_policy=terminal.direction_policy,
        model=terminal.model,
        firmware=terminal.firmware,
        mac=terminal.mac,
        connected_at=None if session is None else session.connected_at,
        users_used=capacity.get("useduser"),
        users_max=capacity.get("usersize"),
        logs_used=capacity.get("usedlog"),
        logs_max=capacity.get("logsize"),
        undelivered=undelivered,
        open_commands=open_commands,
        drops=drops,
        drops_lately=drops_lately,
    )


def _service_line(
    service: Service, counts: DeliveryCounts | None, next_round_at: datetime | None
) -> ServiceLine:
    counts = counts or DeliveryCounts()
    return ServiceLine(
        id=service.id,
        name=service.name,
        health=service.health,
        health_reason=service.health_reason,
        pending=counts.pending + counts.in_flight + counts.held,
        sent=counts.sent,
        failed=counts.failed,
        next_round_at=next_round_at,
    )
