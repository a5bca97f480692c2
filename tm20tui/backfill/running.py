"""A terminal's pull from phase to phase, and what is written down, told and alarmed at its end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import trio

from tm20tui.alarms import Alarms
from tm20tui.backfill import policy
from tm20tui.backfill.policy import Comparison, Plan, Told
from tm20tui.backfill.pulling import End, Pulled, Puller
from tm20tui.events import EventBus
from tm20tui.model import Terminal
from tm20tui.store.engine import Database
from tm20tui.store.reconciliations import (
    Reconciliation,
    count_held,
    find_reconciliation,
    update_reconciliation,
)
from tm20tui.store.terminal_days import note_checked
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

LONGEST_SECONDS: Final = 6 * 3600.0
"""A pull takes no longer, whatever the terminal still has."""
_MOST_DAYS_NOTED: Final = 400
_ALARM_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a pull: a sentence, whether all that was asked for was given, or it was interrupted."""

    sentence: str
    is_whole: bool
    is_interrupted: bool
    pulled: Pulled


def read_comparison(
    connection: Connection, terminal_id: int, told: Told | None
) -> tuple[Reconciliation, Comparison | None]:
    """What is known of a terminal, and what its last `reg` says about it; None without one."""
    known = find_reconciliation(connection, terminal_id)
    if told is None:
        return known, None
    return known, policy.compare(known, count_held(connection, known, told.raw), told)


def begin(
    connection: Connection, terminal_id: int, wanted: Plan, now: datetime, operator: str, correlation_id: str
) -> Reconciliation:
    """Write down a pull that is to be run."""
    changes: dict[str, Any] = {
        "phase": wanted.phase,
        "day": wanted.day,
        "last_day": wanted.last_day,
        "records": 0,
        "operator": operator[:100],
        "correlation_id": correlation_id[:64],
        "started_at": now,
        "outcome": "",
    }
    return update_reconciliation(connection, terminal_id, changes)


def stop(connection: Connection, terminal_id: int, now: datetime) -> None:
    """Write down that an operator wants the pull no more."""
    done = {"phase": "", "finished_at": now, "outcome": "cancelled by an operator", "is_failed": False}
    update_reconciliation(connection, terminal_id, done)


def agree(connection: Connection, terminal_id: int, told: Told, unaccounted: int = 0) -> None:
    """Note that all the terminal held when it told its count is held here, but for `unaccounted`."""
    known, found = read_comparison(connection, terminal_id, told)
    assert found is not None
    zone = ZoneInfo(get_terminal(connection, terminal_id, with_deleted=True).timezone)
    today = told.at.astimezone(zone).date()
    since = told.until if known.agreed_at is None else known.agreed_at
    first = max(min(since.astimezone(zone).date(), today), today - timedelta(days=_MOST_DAYS_NOTED))
    *over, _ = policy.days_between(first, today)
    # What is made with a slow clock may still be of a day that is over here, never of a later one.
    note_checked(connection, terminal_id, over, told.until)
    note_checked(connection, terminal_id, [today], told.at)
    changes: dict[str, Any] = {
        "punch_id": found.held.punch_id,
        "event_id": found.held.event_id,
        "agreed_at": told.until,
        "unaccounted": unaccounted,
    }
    if told.counted is not None:
        # What came after it told is counted as the terminal will count it. Times are whole seconds: of
        # those of the second in which it told, what is more than it counted came after.
        more = max(0, min(-(found.missing or 0), found.held.same))
        changes["counted"] = told.counted + more + found.held.after
    update_reconciliation(connection, terminal_id, changes)


class Run:
    """One run of the pull that is written down of a terminal. `go` once."""

    def __init__(
        self,
        terminal: Terminal,
        puller: Puller,
        database: Database,
        alarms: Alarms,
        events: EventBus,
        told: Callable[[], Told | None],
        now: Callable[[], datetime],
    ) -> None:
        self._terminal = terminal
        self._puller = puller
        self._database = database
        self._alarms = alarms
        self._events = events
        self._told = told
        self._now = now
        self.pulled = puller.pulled

    async def go(self) -> Outcome:
        """Pull until there is no phase left, or the terminal goes away."""
        job = await self._database.read(find_reconciliation, self._terminal.id)
        problem = ""
        with trio.move_on_after(LONGEST_SECONDS) as limit:
            while job.phase:
                end, job = await self._phase(job)
                if end.ending == "interrupted":
                    return await self._interrupted(job, end)
                problem = end.reason
                job = await self._advance(job, end)
        if limit.cancelled_caught:
            problem = f"not done within {LONGEST_SECONDS / 3600:.0f} hours: stopped"
        return await self._finish(job, problem)

    async def _phase(self, job: Reconciliation) -> tuple[End, Reconciliation]:
        if job.phase == "days":
            return await self._puller.days(job)
        read = self._puller.new if job.phase == "new" else self._puller.whole
        return await read(job), job

    async def _interrupted(self, job: Reconciliation, end: End) -> Outcome:
        if job.phase == "new":
            # What was read is not given again as new.
            await self._turn(job, "days")
        sentence = f"interrupted after {self.pulled.records} records: {end.reason}"
        log.info("a pull was interrupted: %s", end.reason, extra={"serial": self._terminal.sn})
        return Outcome(sentence, is_whole=False, is_interrupted=True, pulled=self.pulled)

    async def _advance(self, job: Reconciliation, end: End) -> Reconciliation:
        """The job in its next phase; its phase is empty when there is none."""
        following: str = ""
        asked_for = bool(job.operator)
        if end.ending != "whole":
            following = "days" if job.phase == "new" and not asked_for else ""
        elif job.phase == "days" and self.pulled.ignores_days and asked_for:
            following = "all"
        elif not asked_for:
            told = self._told()
            known, found = await self._database.read(read_comparison, self._terminal.id, told)
            if told is not None and found is not None:
                following = policy.after(
                    job.phase,
                    known,
                    found,
                    counted=told.counted,
                    ignores_days=self.pulled.ignores_days,
                )
        return await self._turn(job, following)

    async def _turn(self, job: Reconciliation, phase: str) -> Reconciliation:
        changes = {"phase": phase, "records": self.pulled.records}
        if not phase:
            # Until the end is written down it can be gone on with.
            return Reconciliation(job.terminal_id, operator=job.operator, started_at=job.started_at)
        return await self._database.write(update_reconciliation, self._terminal.id, changes)

    async def _finish(self, job: Reconciliation, problem: str) -> Outcome:
        outcome = await self._database.write(self._write_end, job, problem)
        terminal, pulled = self._terminal, self.pulled
        key = f"backfill:{terminal.id}"
        if outcome.is_whole:
            self._alarms.clear(key)
        else:
            self._alarms.set(key, f"{terminal.sn}: {outcome.sentence}", seconds=_ALARM_SECONDS)
        log.info("pulled: %s", outcome.sentence, extra={"serial": terminal.sn})
        self._events.publish(
            "backfill.finished",
            terminal_id=terminal.id,
            sn=terminal.sn,
            outcome=outcome.sentence,
            is_whole=outcome.is_whole,
            records=pulled.records,
            stored=pulled.stored,
        )
        return outcome

    def _write_end(self, connection: Connection, job: Reconciliation, problem: str) -> Outcome:
        terminal_id = self._terminal.id
        told = self._told()
        known, found = read_comparison(connection, terminal_id, told)
        short = sum(reported - given for reported, given in self.pulled.listed.values())
        if not problem and short:
            reported = sum(one for one, _ in self.pulled.listed.values())
            problem = f"the terminal lists {reported} records and gave {reported - short}"
        if not problem and self.pulled.ignores_days and not self.pulled.is_whole:
            problem = "the terminal gives all its records whatever days are asked for: not pulled"
        remark = ""
        if told is not None and found is not None:
            if found.agrees:
                agree(connection, terminal_id, told)
            elif not problem and not job.operator:
                unaccounted = max(0, found.missing or 0) if not found.restarted else 0
                remark = _remark(unaccounted, known)
                agree(connection, terminal_id, told, unaccounted)
        sentence = "; ".join(filter(None, [self._counted(), problem, remark]))
        update_reconciliation(
            connection,
            terminal_id,
            {
                "phase": "",
                "records": self.pulled.records,
                "finished_at": self._now(),
                "outcome": sentence,
                "is_failed": bool(problem),
            },
        )
        return Outcome(sentence, is_whole=not problem, is_interrupted=False, pulled=self.pulled)

    def _counted(self) -> str:
        pulled = self.pulled
        bad = f", {pulled.quarantined} set aside as unreadable" if pulled.quarantined else ""
        return f"{pulled.records} records read, {pulled.stored} of them were missing here{bad}"


def _remark(unaccounted: int, known: Reconciliation) -> str:
    if not unaccounted:
        return ""
    if known.agreed_at is None:
        return f"it counts {unaccounted} older ones: ask for them by days if they are wanted"
    return f"it counts {unaccounted} more than it gives"
