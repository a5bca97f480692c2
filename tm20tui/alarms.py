"""What an operator should know now: one sentence per key, from the moment it is raised until it clears.

Held in memory, so that anything may raise an alarm at any time, the database's absence
included. Whoever keeps them (`watch.py`) saves what `unsaved` names.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import trio

from tm20tui.errors import NotFound
from tm20tui.events import EventBus, EventKind, Signal
from tm20tui.model import utc_now

Severity = Literal["warning", "critical"]

LONGEST_KEY = 200
OF_TERMINALS = frozenset(
    {"silent", "drift", "storage", "clock", "backfill", "users-gone", "leavers", "zones", "takeover"}
)
"""The kinds of alarm that are about one terminal, by its id; `takeover` by its serial in lower case."""
_SENTENCES = 20
_CLEARED_REMEMBERED = 200
_RELOADED_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One cause for alarm. `cleared_at` None means that it lasts.

    `key` is its kind, then what it is about: `silent:12`. `acknowledged_at` is None until an
    operator says that it is known; it stays raised all the same.
    """

    key: str
    severity: Severity
    sentence: str
    raised_at: datetime
    cleared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""


class Alarms:
    """The alarms that last, and the last that cleared."""

    def __init__(self, events: EventBus | None = None) -> None:
        self._events = events or EventBus()
        self._active: dict[str, Alarm] = {}
        self._ends: dict[str, float] = {}
        self._cleared: dict[str, Alarm] = {}
        self._unsaved: dict[str, Alarm] = {}
        self.changed = Signal()

    def set(
        self, key: str, sentence: str, *, severity: Severity = "warning", seconds: float = math.inf
    ) -> None:
        """Raise or renew an alarm, for at most `seconds`. Renewed, it keeps its time and acknowledgement."""
        self._expire()
        key = key[:LONGEST_KEY]
        self._ends[key] = trio.current_time() + seconds
        found = self._active.get(key)
        if found is None:
            self._cleared.pop(key, None)
            self._put(Alarm(key, severity, sentence, utc_now()), "alarm.raised")
        elif (found.severity, found.sentence) != (severity, sentence):
            self._put(replace(found, severity=severity, sentence=sentence))

    def clear(self, key: str) -> None:
        """The cause is gone."""
        key = key[:LONGEST_KEY]
        found = self._active.pop(key, None)
        if found is None:
            return
        del self._ends[key]
        done = replace(found, cleared_at=utc_now())
        self._cleared[key] = done
        if len(self._cleared) > _CLEARED_REMEMBERED:
            del self._cleared[next(iter(self._cleared))]
        self._put(done, "alarm.cleared")

    def forget_terminal(self, terminal_id: int, sn: str) -> None:
        """A terminal was deleted: nothing about it is of concern any more."""
        for kind in OF_TERMINALS:
            self.clear(f"{kind}:{sn.casefold() if kind == 'takeover' else terminal_id}")

    def acknowledge(self, key: str, operator: str) -> Alarm:
        """Note that `operator` knows of it; the first who did stays named. `NotFound` unless it lasts."""
        self._expire()
        found = self._active.get(key)
        if found is None:
            raise NotFound("alarm", key, field="key")
        if found.acknowledged_at is None:
            found = replace(found, acknowledged_at=utc_now(), acknowledged_by=operator[:100])
            self._put(found, "alarm.acknowledged", operator=found.acknowledged_by)
        return found

    def active(self) -> tuple[Alarm, ...]:
        """The alarms of now, oldest first."""
        self._expire()
        return tuple(self._active.values())

    def cleared(self) -> tuple[Alarm, ...]:
        """The last alarms that cleared, newest first."""
        self._expire()
        return tuple(self._cleared.values())[::-1]

    def sentences(self, *, without: Collection[str] = ()) -> tuple[str, ...]:
        """The alarms of now in words, oldest first; the last sentence counts those that are too many."""
        alarms = [alarm for alarm in self.active() if alarm.key not in without]
        said = tuple(alarm.sentence for alarm in alarms[:_SENTENCES])
        more = len(alarms) - len(said)
        return (*said, f"and {more} more alarms") if more else said

    def reload(self, alarms: Iterable[Alarm]) -> None:
        """Take over alarms of an earlier run, until they are renewed, for a quarter of an hour at most."""
        for alarm in alarms:
            if alarm.cleared_at is not None:
                self._cleared.setdefault(alarm.key, alarm)
            elif alarm.key not in self._active:
                self._active[alarm.key] = alarm
                self._ends[alarm.key] = trio.current_time() + _RELOADED_SECONDS
            else:
                # Raised anew while the database could not be read: it is still the same.
                mine = self._active[alarm.key]
                self._put(replace(alarm, severity=mine.severity, sentence=mine.sentence))

    def unsaved(self) -> tuple[Alarm, ...]:
        """What changed since it was last `saved`."""
        self._expire()
        return tuple(self._unsaved.values())

    def saved(self, alarms: Iterable[Alarm]) -> None:
        """These were written down; those that changed meanwhile stay to be saved."""
        for alarm in alarms:
            if self._unsaved.get(alarm.key) is alarm:
                del self._unsaved[alarm.key]

    def _put(self, alarm: Alarm, kind: EventKind | None = None, **facts: object) -> None:
        if alarm.cleared_at is None:
            self._active[alarm.key] = alarm
        self._unsaved[alarm.key] = alarm
        self.changed.set()
        if kind is not None:
            self._events.publish(
                kind, key=alarm.key, severity=alarm.severity, sentence=alarm.sentence, **facts
            )

    def _expire(self) -> None:
        now = trio.current_time()
        for key in [key for key, end in self._ends.items() if end <= now]:
            self.clear(key)
