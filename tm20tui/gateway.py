"""The composition root: builds everything, owns the nursery tree, drains it at the end.

gateway
├── ingest        one writer, group commit
├── listener      accepts terminals; one session each
├── heartbeat     pings, true states
├── commands      what is asked of terminals, one at a time each
├── leavers       disabled on every terminal that knows them
├── timetable     the users of each service, at its interval
├── loads         users on their way to terminals, gone on with after a restart
├── back-fill     what terminals hold and the server does not, pulled
├── delivery      one courier per service, retry sweep
├── pulse         sampled once a minute, for people who look
├── alarms        looked for, written down, sent to a webhook
├── lock          one server per database
├── tasks         housekeeping in loops, background work of operators
└── front ends    HTTP API, consoles; what they do goes through `operations`
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import trio

from tm20tui.alarms import Alarms
from tm20tui.attached import Attached
from tm20tui.backfill.office import BackfillOffice
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.delivery.dispatcher import Dispatcher
from tm20tui.errors import StoreUnavailable
from tm20tui.events import EventBus
from tm20tui.housekeeping import LastSeen, apply_retention
from tm20tui.ingest.access import Access
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.users import decide_qr_code, keep_user
from tm20tui.ingest.writer import GroupWriter
from tm20tui.loads import resume_loads, start_load
from tm20tui.meters import Meters
from tm20tui.model import Terminal, utc_now
from tm20tui.notify import send_alarms
from tm20tui.pulse import Pulse
from tm20tui.retention import forget_old_deliveries
from tm20tui.rounds import CourierRounds, FetchRounds
from tm20tui.schedule.outcomes import keep_outcomes
from tm20tui.schedule.zone_keeping import ZoneKeeper
from tm20tui.settings import Settings
from tm20tui.snapshot import Readiness, Snapshot, SnapshotKeeper
from tm20tui.store import terminals
from tm20tui.store.engine import Database
from tm20tui.store.lock import exclusive_use
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault
from tm20tui.store_watch import StoreWatch
from tm20tui.supervise import keep_running
from tm20tui.tasks import Tasks
from tm20tui.terminals.clocks import Clocks
from tm20tui.terminals.commands import CommandDesk
from tm20tui.terminals.context import SessionContext, tell_command
from tm20tui.terminals.heartbeat import watch_sessions
from tm20tui.terminals.listener import Listener
from tm20tui.terminals.roster import Roster
from tm20tui.terminals.session import Session
from tm20tui.terminals.wire import Wire
from tm20tui.users.office import UsersOffice
from tm20tui.users.stocktaking import LOOK_SECONDS
from tm20tui.watch import Watch

log = logging.getLogger(__name__)

_FLUSH_SECONDS = 15.0
_RETENTION_SECONDS = 3600.0
_COMMAND_END_SECONDS = 2.0
_SESSION_END_SECONDS = 3.0
_WATCH_SECONDS = 15.0
_BACKFILL_SECONDS = 60.0
_LOCK_SECONDS = 2.0
_ZONES_SECONDS = 300.0


class FrontEnd(Protocol):
    """Something people or programs reach the gateway through."""

    address: str

    async def open(self, gateway: Gateway) -> None:
        """Bind; raise `AlreadyRunning` when the address is taken."""

    async def run(self, gateway: Gateway) -> None:
        """Serve until cancelled."""


class Gateway:
    """One server. `run` it once; everything else is for front ends and operations."""

    database: Database
    vault: Vault
    writer: GroupWriter
    dispatcher: Dispatcher
    listener: Listener
    roster: Roster
    commands: CommandDesk
    store_watch: StoreWatch
    users: UsersOffice
    backfill: BackfillOffice
    clocks: Clocks
    zones: ZoneKeeper
    tasks: Tasks
    site_id: int

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.events = EventBus()
        self.alarms = Alarms(self.events)
        self.meters = Meters()
        self.attached = Attached()
        self.watch = Watch(self)
        self.started_at: datetime = utc_now()
        self.front_ends: Sequence[FrontEnd] = ()
        self._sessions: set[Session] = set()
        self._last_seen = LastSeen()
        self._stopping = trio.Event()
        self.pulse = Pulse(self)
        self._snapshots = SnapshotKeeper(self)

    def stop(self) -> None:
        """Drain, then return from `run`."""
        self._stopping.set()

    async def wait_stopping(self) -> None:
        """Return once it has been told to stop."""
        await self._stopping.wait()

    def snapshot(self) -> Snapshot:
        """What there is to see, at most a second old; any thread may ask, at its own pace."""
        return self._snapshots.latest()

    async def run(
        self,
        front_ends: Sequence[FrontEnd] = (),
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stop`, then drain within `process.drain_seconds`.

        Raises:
            AlreadyRunning: the database or a port belongs to another server.
            ConfigError, StoreError: it cannot start as configured.
        """
        with ExitStack() as stack:
            await self._build(stack)
            self.front_ends = front_ends
            await self.listener.open()
            for front_end in front_ends:
                await front_end.open(self)
            _tune_interpreter()
            await self._serve(task_status)
        log.info("stopped")

    async def readiness(self) -> Readiness:
        """Whether punches can be taken and stored now."""
        return await self._snapshots.readiness()

    async def _build(self, stack: ExitStack) -> None:
        settings = self.settings
        self.vault = Vault.open(settings.key_path)
        self.database = Database(settings.resolved_database_url)
        stack.callback(self.database.close)
        self._keep_lock = stack.enter_context(exclusive_use(self.database))
        upgrade(self.database)
        self.site_id = await self.database.write(
            terminals.ensure_site, settings.site.name, settings.resolved_timezone
        )
        self._ingest_config = _ingest_config(settings)
        self.dispatcher = Dispatcher(
            self.database, self.vault, _delivery_config(settings), settings.node, events=self.events
        )
        config, news = self._ingest_config, self.dispatcher.news
        self.writer = GroupWriter(
            self.database, self.vault, config, self.site_id, news, events=self.events, meters=self.meters
        )
        self.store_watch = StoreWatch(self.database, self.writer, self.alarms, self.site_id)
        self.roster = Roster(settings.terminals.takeover_seconds)
        self.commands = CommandDesk(self.database, self.vault)
        self.commands.on_settled.append(partial(tell_command, self.events, self.meters))
        self.users = UsersOffice(
            self.database, self.vault, self.commands, self.alarms, settings, self.site_id, self._online
        )
        self.users.stocktaking.start_load = partial(start_load, self)
        self.backfill = BackfillOffice(
            self.database, self.commands, self.writer, self.alarms, self.events, settings.backfill
        )
        self.commands.on_result.append(partial(keep_user, self.database, self.vault))
        self.zones = ZoneKeeper(self.database, self.commands, self.alarms, settings.schedules.stale_zones)
        self.clocks = Clocks(
            self.database,
            self.commands,
            self.alarms,
            self.events,
            settings.clock,
            are_set_at_reg=settings.terminals.cloudtime != "never",
        )
        self.roster.watcher = self.commands
        self.listener = Listener(settings.terminals, self._serve_terminal)
        self._session_context = SessionContext(
            settings=settings.terminals,
            roster=self.roster,
            writer=self.writer,
            alarms=self.alarms,
            decide_qr_code=self._decide_qr_code,
            note_seen=self._last_seen.note,
            events=self.events,
            meters=self.meters,
            note_reg=self.backfill.note_reg,
            note_drift=self.clocks.note_live,
        )

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as root:
            self.tasks = Tasks(root, self.events)
            await self._snapshots.refresh()
            written, delivered, asked = trio.Event(), trio.Event(), trio.Event()
            root.start_soon(_until_done, "ingest", self.writer.run, written)
            root.start_soon(_until_done, "delivery", self.dispatcher.run, delivered)
            root.start_soon(_until_done, "commands", self.commands.run, asked)
            root.start_soon(keep_running, "listener", self.listener.run)
            root.start_soon(
                keep_running, "heartbeat", watch_sessions, self._sessions, self.settings.terminals
            )
            root.start_soon(keep_running, "snapshots", self._snapshots.run)
            root.start_soon(keep_running, "leavers", self.users.run)
            root.start_soon(keep_running, "users from services", self.users.timetable.run)
            root.start_soon(keep_running, "users to terminals", resume_loads, self)
            root.start_soon(keep_running, "back-fill", self.backfill.run)
            root.start_soon(keep_running, "store watch", self.store_watch.run)
            root.start_soon(keep_running, "alarms", self.watch.keep)
            root.start_soon(keep_running, "alarm webhook", send_alarms, self)
            root.start_soon(keep_running, "loop lag", self.meters.watch_loop)
            root.start_soon(keep_running, "pulse", self.pulse.run)
            self._begin_periodic()
            root.start_soon(self._keep_database)
            for front_end in self.front_ends:
                root.start_soon(keep_running, type(front_end).__name__, front_end.run, self)
            task_status.started()
            await self._stopping.wait()
            log.info("stopping: finishing what is in flight")
            with trio.move_on_after(self.settings.process.drain_seconds):
                await self._drain(written, delivered, asked)
            root.cancel_scope.cancel()

    def _begin_periodic(self) -> None:
        every = self.tasks.every
        every("last seen", _FLUSH_SECONDS, partial(self._last_seen.keep, self.database, self.roster))
        retention = partial(
            apply_retention,
            self.database,
            self.settings.ingest,
            self.settings.terminals.command_keep_days,
            self.settings.users.leaver_credentials_days,
        )
        every("retention", _RETENTION_SECONDS, retention, first_after_seconds=0)
        forget = partial(forget_old_deliveries, self.database, self.settings.delivery)
        every("retention of deliveries", _RETENTION_SECONDS, forget, first_after_seconds=60)
        if minutes := self.settings.clock.check_minutes:
            every("clocks", minutes * 60, self._look_at_clocks)
        every("back-fill", _BACKFILL_SECONDS, self._look_at_days)
        every("access zones", _ZONES_SECONDS, self._look_at_zones)
        every("inventories of users", LOOK_SECONDS, self.users.stocktaking.look)
        every("schedules", _WATCH_SECONDS, partial(keep_outcomes, self.database))
        every("alarms", _WATCH_SECONDS, self.watch.look, first_after_seconds=1)
        self.tasks.also_show(CourierRounds(self))
        self.tasks.also_show(FetchRounds(self.users.timetable))

    async def _look_at_days(self) -> str:
        return await self.backfill.look(self._online())

    async def _look_at_zones(self) -> str:
        return await self.zones.look(self._online())

    async def _look_at_clocks(self) -> dict[str, int]:
        return await self.clocks.look(self._online())

    def _online(self) -> set[int]:
        return {one for one, view in self.roster.views().items() if view.state == "online"}

    async def _drain(self, written: trio.Event, delivered: trio.Event, asked: trio.Event) -> None:
        """Stop taking, store and acknowledge what was taken, let deliveries in flight settle."""
        self.listener.stop_accepting()
        self.commands.stop()
        self.dispatcher.stop()
        self.writer.close()
        await written.wait()
        # Sessions that the last commit released send their acknowledgement first.
        while any(session.slot.busy for session in self._sessions):  # noqa: ASYNC110 (once, at the end)
            await trio.sleep(0.01)
        with trio.move_on_after(_COMMAND_END_SECONDS):
            await asked.wait()
        for session in tuple(self._sessions):
            session.end(1001, "the server is stopping")
        with trio.move_on_after(_SESSION_END_SECONDS):
            while self._sessions:  # noqa: ASYNC110 (once, at the end)
                await trio.sleep(0.02)
        await self._last_seen.flush_at_end(self.database)
        await asked.wait()
        await delivered.wait()

    async def _serve_terminal(self, wire: Wire) -> None:
        session = Session(wire, self._session_context)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _decide_qr_code(self, terminal: Terminal, code: str, now: datetime) -> Access:
        return await self.database.read(
            decide_qr_code, terminal.site_id, code, config=self._ingest_config, vault=self.vault, now=now
        )

    async def _keep_database(self) -> None:
        """See to it that the database stays ours; any other error than its absence ends this server."""
        while True:
            try:
                await trio.to_thread.run_sync(self._keep_lock)
            except StoreUnavailable:
                pass
            await trio.sleep(_LOCK_SECONDS)


async def _until_done(name: str, task: Callable[[], Awaitable[object]], done: trio.Event) -> None:
    await keep_running(name, task)
    done.set()


def _ingest_config(settings: Settings) -> IngestConfig:
    ingest, listener, access = settings.ingest, settings.terminals, settings.access
    return IngestConfig(
        node=settings.node,
        max_rows=ingest.max_rows,
        earliest_date=ingest.earliest_date,
        future=timedelta(hours=ingest.future_hours),
        deliver_impossible_times=ingest.deliver_impossible_times,
        photo_max_bytes=ingest.photo_max_bytes,
        keep_photos=ingest.photo_keep_days > 0,
        keep_frames=ingest.frame_keep_days > 0,
        live=timedelta(minutes=ingest.live_minutes),
        day_starts_at=ingest.day_starts_at,
        admission=listener.admission,
        blocked_serials=frozenset(sn.casefold() for sn in listener.blocked),
        direction_policy=listener.direction_policy,
        qr_codes=access.qr,
        unknown_users=access.unknown_users,
    )


def _delivery_config(settings: Settings) -> DeliveryConfig:
    delivery = settings.delivery
    return DeliveryConfig(
        allow_private_hosts=delivery.allow_private_hosts,
        backoff_seconds=delivery.backoff_seconds,
        jitter=delivery.jitter,
        retry_sweep_minutes=delivery.retry_sweep_minutes,
        retry_after_cap_seconds=delivery.retry_after_cap_hours * 3600,
        deliver_impossible_times=settings.ingest.deliver_impossible_times,
        services_know_log_ids=delivery.services_know_log_ids,
    )


def _tune_interpreter() -> None:
    """With thousands of live sessions the default collector is the largest single cost."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # Worker threads commit while the loop serves: the default 5 ms makes each socket call wait.
    sys.setswitchinterval(0.0005)
