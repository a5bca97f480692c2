"""What the rest of the server sees of back-fill: told of every `reg`, it compares, pulls and tells."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import trio

from tm20tui.alarms import Alarms
from tm20tui.backfill import policy
from tm20tui.backfill.completeness import Noticing
from tm20tui.backfill.planning import plan_pull, plan_yesterday
from tm20tui.backfill.policy import Comparison, Plan, Told
from tm20tui.backfill.pulling import Pulled, Puller
from tm20tui.backfill.running import Outcome, Run, agree, begin, read_comparison, stop
from tm20tui.errors import StoreUnavailable, Unavailable
from tm20tui.events import EventBus, Signal
from tm20tui.ingest.frames import LogFrame
from tm20tui.ingest.writer import GroupWriter
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import Command, DevInfo, LogPage, Result
from tm20tui.protocol.records import MAX_BAD_RECORDS
from tm20tui.settings.backfill_section import BackfillSettings
from tm20tui.store import reconciliations as store
from tm20tui.store.engine import Database
from tm20tui.store.reconciliations import Reconciliation
from tm20tui.store.terminals import get_terminal
from tm20tui.terminals.commands import CommandDesk

log = logging.getLogger(__name__)

_PATIENCE_SECONDS: Final = 600.0
"""How long a terminal may take to send what it kept, before it is asked for what is missing."""
_BACK_SECONDS: Final = 3600.0
"""How long an operator's pull waits for a terminal that went away."""
_WRITE_SECONDS: Final = 5.0


def _nobody(_pulled: Pulled) -> None:
    """Nobody listens."""


class BackfillOffice:
    """One server's. `run` it once; everything else may be called while it runs."""

    def __init__(
        self,
        database: Database,
        desk: CommandDesk,
        writer: GroupWriter,
        alarms: Alarms,
        events: EventBus,
        settings: BackfillSettings,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._desk = desk
        self._writer = writer
        self._alarms = alarms
        self._events = events
        self._settings = settings
        self._now = now
        self._told: dict[int, Told] = {}
        self._generations: Counter[int] = Counter()
        self._regs: dict[int, trio.Event] = {}
        self._waiting: set[int] = set()
        self._due: set[int] = set()
        self._runs: dict[int, Run] = {}
        self._locks: dict[int, trio.Lock] = {}
        self._tried: dict[int, date] = {}
        self._places = trio.CapacityLimiter(settings.at_once)
        self._news = Signal()
        self._noticing = Noticing(database, events)
        desk.on_result.append(self.store_page)

    # What others say.

    def note_reg(self, terminal: Terminal, devinfo: DevInfo, first: bool) -> None:
        """A `reg` was accepted; `first` of its connection."""
        self._told[terminal.id] = policy.read_told(devinfo, terminal.timezone, self._now())
        if first:
            self._generations[terminal.id] += 1
            if terminal.id in self._regs:
                self._regs.pop(terminal.id).set()
        self._due.add(terminal.id)
        self._news.set()

    async def store_page(self, terminal: Terminal, command: Command, result: Result) -> None:
        """Store a page of records, whoever asked for it, before the command counts as carried out.

        Raises:
            StoreUnavailable: not stored; call again.
        """
        if not isinstance(result, LogPage) or not (result.records or result.bad):
            return
        raw = result.encode() if len(result.bad) > MAX_BAD_RECORDS else ""
        frame = LogFrame(
            terminal,
            ZoneInfo(terminal.timezone),
            self._now(),
            result.records,
            result.bad,
            raw,
            is_live=False,
        )
        receipt = await self._writer.submit(frame)
        run = self._runs.get(terminal.id)
        if run is not None:
            run.pulled.stored += receipt.stored
            run.pulled.duplicates += receipt.duplicates
            run.pulled.quarantined += receipt.quarantined

    def pulled(self, terminal_id: int) -> Pulled | None:
        """How far the pull under way is; None when there is none."""
        run = self._runs.get(terminal_id)
        return None if run is None else run.pulled

    # What operators ask.

    async def pull(
        self,
        terminal_id: int,
        wanted: Plan,
        *,
        operator: str,
        correlation_id: str,
        tell: Callable[[Pulled], None] = _nobody,
    ) -> Outcome:
        """Pull records as asked, after what is pulled already; waits for a terminal that goes away.

        `tell` is called with what came, after each page.

        Raises:
            Unavailable: it stayed away; what was stored stays, the rest is gone on with when it is back.
        """
        async with self._lock(terminal_id):
            await self._database.write(begin, terminal_id, wanted, self._now(), operator, correlation_id)
            try:
                while True:
                    came_back = self._regs.setdefault(terminal_id, trio.Event())
                    outcome = await self._run(terminal_id, tell)
                    if not outcome.is_interrupted:
                        return outcome
                    with trio.move_on_after(_BACK_SECONDS) as waited:
                        await came_back.wait()
                    if waited.cancelled_caught:
                        raise Unavailable("the terminal is away: the rest is pulled when it is back")
            except trio.Cancelled:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + _WRITE_SECONDS):
                    await self._database.write(stop, terminal_id, self._now())
                raise

    # By itself.

    async def run(self) -> None:
        """See to every terminal that registered, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                due, self._due = self._due - self._waiting, self._due & self._waiting
                for terminal_id in due:
                    self._waiting.add(terminal_id)
                    nursery.start_soon(self._see_to, terminal_id)
                await self._news.wait()

    async def look(self, connected: Collection[int]) -> str:
        """Go on with what was interrupted, list yesterday where nothing tells of it, notice what is complete.

        `connected` are the ids of terminals that are online.
        """
        pulls = await self._database.read(store.list_pulls, connected)
        self._due.update(one for one in pulls if not self._is_locked(one))
        if self._settings.enabled:
            for terminal_id in connected:
                if not self._is_locked(terminal_id) and terminal_id not in self._waiting:
                    await self._check_yesterday(terminal_id)
        self._news.set()
        complete = await self._noticing.look(self._now())
        return f"{len(self._runs)} pulls, {complete} days became complete"

    async def _see_to(self, terminal_id: int) -> None:
        try:
            if not await self._settle_down(terminal_id):
                return
            async with self._lock(terminal_id):
                await self._act(terminal_id)
        except StoreUnavailable as error:
            log.warning("what a terminal holds cannot be compared now: %s", error)
        except Exception:
            log.exception("comparing what a terminal holds failed", extra={"terminal": terminal_id})
        finally:
            self._waiting.discard(terminal_id)
            if terminal_id in self._due:
                self._news.set()

    async def _settle_down(self, terminal_id: int) -> bool:
        """Let the terminal send what it kept; False when its records are being pulled anyhow."""
        held = -1
        give_up_at = trio.current_time() + _PATIENCE_SECONDS
        while True:
            await trio.sleep(self._settings.settle_seconds)
            if self._is_locked(terminal_id):
                return False
            known, found = await self._compare(terminal_id)
            if known.phase or found is None or found.agrees:
                return True
            if found.held.before == held or trio.current_time() >= give_up_at:
                return True
            held = found.held.before

    async def _act(self, terminal_id: int) -> None:
        """Note that the terminal agrees, pull what is missing, or go on with what was interrupted."""
        known, found = await self._compare(terminal_id)
        if not known.phase:
            told = self._told.get(terminal_id)
            if told is None or found is None:
                return
            if known.agreed_at is not None and told.until <= known.agreed_at:
                # A terminal that repeats itself: with what was told they agree already.
                return
            if found.agrees:
                await self._database.write(agree, terminal_id, told)
                self._alarms.clear(f"backfill:{terminal_id}")
                return
            if not self._settings.enabled or not policy.is_due(known, found, self._now()):
                return
            await self._database.write(plan_pull, terminal_id, told, self._settings.days, self._now())
        async with self._places:
            await self._run(terminal_id)

    async def _check_yesterday(self, terminal_id: int) -> None:
        """Have yesterday listed, once, where nothing tells that all of it is here."""
        before = self._tried.get(terminal_id)
        tried = await self._database.write(plan_yesterday, terminal_id, before, self._now())
        self._tried[terminal_id] = tried.day
        if tried.is_planned:
            self._due.add(terminal_id)

    async def _compare(self, terminal_id: int) -> tuple[Reconciliation, Comparison | None]:
        return await self._database.read(read_comparison, terminal_id, self._told.get(terminal_id))

    async def _run(self, terminal_id: int, tell: Callable[[Pulled], None] = _nobody) -> Outcome:
        terminal = await self._database.read(get_terminal, terminal_id)
        puller = Puller(
            self._database, self._desk, terminal_id, lambda: self._generations[terminal_id], self._now
        )
        run = Run(
            terminal,
            puller,
            self._database,
            self._alarms,
            self._events,
            lambda: self._told.get(terminal_id),
            self._now,
        )
        self._runs[terminal_id] = run
        run.pulled.tell = tell
        try:
            return await run.go()
        finally:
            del self._runs[terminal_id]

    def _lock(self, terminal_id: int) -> trio.Lock:
        return self._locks.setdefault(terminal_id, trio.Lock())

    def _is_locked(self, terminal_id: int) -> bool:
        return self._lock(terminal_id).locked()
