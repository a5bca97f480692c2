"""Terminals' clocks: measured time and again, set when they are wrong and that is allowed, read back.

What is measured goes to the terminal's drift, which alarms look at; here an alarm is raised
only when setting a clock did not help.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import trio

from tm20tui.alarms import Alarms
from tm20tui.errors import Tm20Error
from tm20tui.events import EventBus
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import Command, GetTime
from tm20tui.settings.clock_section import ClockSettings
from tm20tui.store.audit import AuditEntry, add_entry
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.terminals import get_terminal, update_terminal
from tm20tui.terminals.commands import SET_TIME, CommandDesk

log = logging.getLogger(__name__)

_OPERATOR: Final = "server"
_EXPIRES_SECONDS: Final = 60.0
_ASKED_SECONDS: Final = 120.0
_AT_ONCE: Final = 16
_SILENCES: Final = 2
_SILENT_FOR: Final = timedelta(days=1)
_AGAIN_AFTER: Final = timedelta(days=1)
"""When a clock is set again on which setting had no effect."""
_TOLD_WITHIN: Final = timedelta(hours=1)
_DELAY_SECONDS: Final = 30.0
"""How long a live punch may be on its way."""

Verdict = Literal["right", "off", "set", "not helped", "unknown"]


def estimate(samples: Collection[float]) -> float | None:
    """The drift by the times of live punches, None when they cannot tell.

    Terminal clock minus server clock, in seconds. What is on its way longer looks later, so the
    fastest is the truest; one that seems long ago was kept, and tells nothing.
    """
    best = max(samples, default=-_DELAY_SECONDS - 1)
    return best if best >= -_DELAY_SECONDS else None


def is_wrong(drift: float, correct_seconds: float, *, has_alarm: bool) -> bool:
    """Whether a clock is to be set, or stays in alarm: that clears at half of the limit only."""
    return abs(drift) > correct_seconds / (2 if has_alarm else 1)


@dataclass(slots=True)
class _Silence:
    """How often a terminal did not answer `gettime`, and until when it is not asked."""

    times: int = 0
    until: datetime | None = None


class Clocks:
    """The clocks of one server's terminals. `look` is to be called time and again.

    `are_set_at_reg`: the answer to a `reg` sets the clock.
    """

    def __init__(
        self,
        database: Database,
        desk: CommandDesk,
        alarms: Alarms,
        events: EventBus,
        settings: ClockSettings,
        *,
        are_set_at_reg: bool = True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._desk = desk
        self._alarms = alarms
        self._events = events
        self._settings = settings
        self._are_set_at_reg = are_set_at_reg
        self._now = now
        self._samples: dict[int, list[float]] = {}
        self._silences: dict[int, _Silence] = {}
        self._no_help: dict[int, datetime] = {}

    def note_live(self, terminal_id: int, drift: float) -> None:
        """A punch came alone whose time is so far from the server's, in seconds."""
        samples = self._samples.setdefault(terminal_id, [])
        samples.append(drift)
        del samples[:-10]

    async def look(self, connected: Collection[int]) -> dict[str, int]:
        """Look at the clock of each of these terminals; how many came out how."""
        counts: dict[str, int] = {}
        places = trio.CapacityLimiter(_AT_ONCE)

        async def look_at(terminal_id: int) -> None:
            async with places:
                verdict: Verdict = "unknown"
                try:
                    verdict = await self._look_at(terminal_id)
                except Tm20Error as error:
                    log.warning("a clock could not be looked at: %s", error)
                counts[verdict] = counts.get(verdict, 0) + 1

        async with trio.open_nursery() as nursery:
            for terminal_id in connected:
                nursery.start_soon(look_at, terminal_id)
        return counts

    async def _look_at(self, terminal_id: int) -> Verdict:
        drift = await self._measure(terminal_id)
        terminal = await self._database.read(get_terminal, terminal_id)
        key = f"clock:{terminal_id}"
        if drift is None:
            return "unknown"
        limit = self._settings.correct_seconds
        has_alarm = any(alarm.key == key for alarm in self._alarms.active())
        if not limit or not is_wrong(drift, limit, has_alarm=has_alarm):
            if has_alarm:
                self._alarms.clear(key)
            return "off" if limit == 0 and abs(drift) > 0 else "right"
        tried = self._no_help.get(terminal_id)
        if tried is not None and self._now() - tried < _AGAIN_AFTER:
            return "not helped"
        return await self._correct(terminal, drift)

    async def _measure(self, terminal_id: int) -> float | None:
        """How far the clock is off by the best that tells; None when nothing does."""
        samples = self._samples.pop(terminal_id, [])
        record = await self._ask_time(terminal_id)
        terminal = await self._database.read(get_terminal, terminal_id)
        if record is not None and record.status == "confirmed":
            return terminal.drift_seconds
        drift = estimate(samples)
        if drift is not None:
            measured = {"drift_seconds": drift, "drift_at": self._now()}
            await self._database.write(update_terminal, terminal_id, measured)
            return drift
        told_at = terminal.drift_at
        if self._are_set_at_reg:
            # What a `reg` told was put right by its answer.
            return None
        return terminal.drift_seconds if told_at and self._now() - told_at < _TOLD_WITHIN else None

    async def _ask_time(self, terminal_id: int) -> CommandRecord | None:
        """What came of `gettime`; None where the terminal keeps silent about it."""
        silence = self._silences.setdefault(terminal_id, _Silence())
        if silence.until is not None and self._now() < silence.until:
            return None
        record = await self._ask(terminal_id, GetTime())
        if record.status == "timed out":
            silence.times += 1
            if silence.times >= _SILENCES:
                silence.until = self._now() + _SILENT_FOR
        elif record.status == "confirmed":
            self._silences.pop(terminal_id, None)
        return record

    async def _correct(self, terminal: Terminal, drift: float) -> Verdict:
        """Set a clock and read it back; tell and write down that it was done, and with what result."""
        begun = trio.current_time()
        record = await self._ask(terminal.id, SET_TIME)
        after: float | None = None
        if record.status != "confirmed":
            result = f"settime was {record.status}" + (f": {record.reason}" if record.reason else "")
        else:
            read = await self._ask_time(terminal.id)
            if read is None or read.status != "confirmed":
                result = "confirmed, not read back"
            else:
                after = (await self._database.read(get_terminal, terminal.id)).drift_seconds
                result = f"read back {abs(after or 0):.0f} s off"
        helped = record.status == "confirmed" and (
            after is None or not is_wrong(after, self._settings.correct_seconds, has_alarm=False)
        )
        self._tell(terminal, drift, result, helped)
        entry = AuditEntry(
            at=self._now(),
            operator=_OPERATOR,
            role="admin",
            origin="server",
            address="",
            operation="terminals.time",
            targets=json.dumps({"terminal_id": terminal.id}),
            arguments=json.dumps({"drift_seconds": round(drift, 1)}),
            outcome="done" if helped else "failed",
            reason=result,
            duration_seconds=trio.current_time() - begun,
            correlation_id=record.correlation_id,
        )
        await self._database.write(add_entry, entry)
        return "set" if helped else "not helped"

    def _tell(self, terminal: Terminal, drift: float, result: str, helped: bool) -> None:
        side = "fast" if drift > 0 else "slow"
        words = f"the clock of {terminal.sn} was {abs(drift):.0f} s {side} and was set: {result}"
        log.info(words, extra={"serial": terminal.sn})
        self._events.publish(
            "clock.set",
            terminal_id=terminal.id,
            sn=terminal.sn,
            drift_seconds=round(drift, 1),
            result=result,
        )
        key = f"clock:{terminal.id}"
        if helped:
            self._no_help.pop(terminal.id, None)
            self._alarms.clear(key)
        else:
            self._no_help[terminal.id] = self._now()
            self._alarms.set(key, words)

    async def _ask(self, terminal_id: int, command: Command) -> CommandRecord:
        answer = await self._desk.ask_and_wait(
            terminal_id,
            command,
            operator=_OPERATOR,
            seconds=_ASKED_SECONDS,
            expires_seconds=_EXPIRES_SECONDS,
        )
        return answer.record
