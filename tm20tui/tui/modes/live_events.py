"""What happened, as lines: a burst of the same kind is one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from tm20tui.events import Event, EventKind
from tm20tui.tui import formats
from tm20tui.tui.event_words import told
from tm20tui.tui.language import _
from tm20tui.tui.states import OFFLINE, ONLINE, State

BURST = timedelta(seconds=60)
MANY = 3
"""So many, none a minute after the one before, are one line."""
EVENT_KINDS: tuple[EventKind, ...] = (
    "terminal.connected",
    "terminal.disconnected",
    "terminal.waiting",
    "terminal.refused",
    "quarantine",
    "delivery.settled",
    "service.health",
    "alarm.raised",
    "alarm.cleared",
    "alarm.acknowledged",
    "task.finished",
    "command.settled",
)

_GROUPED = frozenset({"terminal.connected", "terminal.disconnected"})


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line; `terminal_id` is the terminal it is about, None for none or several."""

    key: int
    at: datetime
    state: State
    text: str
    terminal_id: int | None = None


def event_lines(events: Sequence[Event], zone: tzinfo) -> list[EventLine]:
    """Events, newest first, as lines in the same order."""
    lines: list[EventLine] = []
    place = 0
    while place < len(events):
        event, end = events[place], place + 1
        while event.kind in _GROUPED and end < len(events) and _belongs(events[end - 1], events[end]):
            end += 1
        group = events[place:end]
        if len(group) >= MANY:
            lines.append(_of_burst(group, zone))
        else:
            lines += map(_of_event, group)
        place = end
    return lines


def _belongs(later: Event, event: Event) -> bool:
    return event.kind == later.kind and later.at - event.at < BURST


def _of_burst(group: Sequence[Event], zone: tzinfo) -> EventLine:
    oldest = group[-1]
    count = len({event.facts.get("terminal_id") for event in group})
    if oldest.kind == "terminal.disconnected":
        state, text = OFFLINE, _("{count} terminals disconnected since {time}")
    else:
        state, text = ONLINE, _("{count} terminals connected since {time}")
    # Keyed by its first event: the line stays itself while the burst goes on.
    said = text.format(count=formats.number(count), time=formats.clock(oldest.at, zone))
    return EventLine(oldest.number, group[0].at, state, said)


def _of_event(event: Event) -> EventLine:
    state, text = told(event)
    ident = event.facts.get("terminal_id")
    return EventLine(event.number, event.at, state, text, ident if isinstance(ident, int) else None)
