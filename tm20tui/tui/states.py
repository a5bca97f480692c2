"""What each state is called and how it looks: a glyph, a word and a tone, never a colour alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from textual._context import active_app

from tm20tui.alarms import Alarm
from tm20tui.snapshot import Snapshot, TerminalLine
from tm20tui.tui.language import N_, _

UNSTABLE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class State:
    """`rank` sorts problems first. `tone` is one of `TONES` in `paint`."""

    glyph: str
    ascii: str
    word: str
    tone: str
    rank: int = 0

    def mark(self) -> str:
        """The glyph, in letters that the operator's terminal has."""
        return self.ascii if is_ascii() else self.glyph

    def text(self) -> str:
        """Glyph and word."""
        return f"{self.mark()} {_(self.word)}"


ONLINE = State("●", "+", N_("online"), "good", 5)
ATTENTION = State("▲", "!", N_("attention"), "warn", 2)
OFFLINE = State("○", "o", N_("offline"), "bad", 1)
TO_APPROVE = State("◆", "?", N_("to approve"), "special", 3)
BLOCKED = State("–", "-", N_("blocked"), "dim", 6)

ACTIVE = State("●", "+", N_("active"), "good", 4)
SLOWED = State("▲", "!", N_("slowed"), "warn", 2)
PAUSED = State("✗", "x", N_("paused"), "bad", 1)
INACTIVE = State("–", "-", N_("inactive"), "dim", 5)

SENT = State("✓", "v", N_("sent"), "good", 5)
PENDING = State("…", ".", N_("pending"), "", 3)
RETRYING = State("↻", "~", N_("retrying"), "warn", 2)
FAILED = State("✗", "x", N_("failed"), "bad", 1)
DEAD = State("■", "#", N_("dead"), "dead", 0)
HELD = State("‖", "=", N_("held"), "warn", 2)

DONE = State("✓", "v", N_("done"), "good", 5)
RUNNING = State("→", ">", N_("running"), "accent", 1)
CANCELLED = State("–", "-", N_("cancelled"), "dim", 4)
UNKNOWN = State("?", "?", N_("unknown"), "warn", 2)

CURSOR, MARKED, FROZEN = ("›", "*", "‖")


def is_ascii() -> bool:
    """Whether the console that is drawn now has to do with ASCII."""
    return bool(getattr(active_app.get(None), "ascii", False))


def glyph(char: str) -> str:
    """One of our own glyphs as this console can show it."""
    return _ASCII.get(char, char) if is_ascii() else char


_ASCII = {
    "›": ">",
    "‖": "=",
    "✓": "v",
    "✗": "x",
    "▲": "!",
    "…": "...",
    "●": "+",
    "○": "o",
    "◆": "?",
    "■": "#",
}
_ASCII |= {"→": ">", "↻": "~", "–": "-", "·": ".", "≈": "~"}

_TERMINAL = {"online": ONLINE, "offline": OFFLINE, "waiting": TO_APPROVE, "blocked": BLOCKED}
_SERVICE = {"healthy": ACTIVE, "backing off": SLOWED, "half-open": SLOWED, "paused": PAUSED}
_DELIVERY = {
    "pending": PENDING,
    "in flight": PENDING,
    "held": HELD,
    "sent": SENT,
    "duplicate": SENT,
    "failed": DEAD,
}


def terminal_state(line: TerminalLine, troubled: frozenset[int]) -> State:
    """The state of a terminal; online with an alarm of its own is `ATTENTION`."""
    state = _TERMINAL[line.state]
    return ATTENTION if state is ONLINE and line.id in troubled else state


def troubled_terminals(alarms: Iterable[Alarm]) -> frozenset[int]:
    """Ids of the terminals that an alarm lasts for."""
    found = (alarm.key.partition(":") for alarm in alarms)
    return frozenset(int(rest) for kind, _colon, rest in found if kind in _OF_TERMINALS and rest.isdigit())


_OF_TERMINALS = frozenset({"silent", "clock", "storage", "takeover", "drift", "memory"})


def service_state(health: str, is_active: bool = True) -> State:
    """The state of a service."""
    return _SERVICE.get(health, SLOWED) if is_active else INACTIVE


def delivery_state(status: str, attempts: int = 0) -> State:
    """The state of a delivery; pending after an attempt is retrying."""
    if status == "pending" and attempts:
        return RETRYING
    return _DELIVERY.get(status, PENDING)


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of the status row."""

    online: int
    attention: int
    offline: int
    to_approve: int
    pending: int
    failed: int

    @classmethod
    def of(cls, snapshot: Snapshot) -> Totals:
        """From what there is to see."""
        troubled = troubled_terminals(snapshot.active_alarms)
        states = [terminal_state(line, troubled) for line in snapshot.terminals]
        return cls(
            online=states.count(ONLINE),
            attention=states.count(ATTENTION),
            offline=states.count(OFFLINE),
            to_approve=states.count(TO_APPROVE),
            pending=sum(line.pending for line in snapshot.services),
            failed=sum(line.failed for line in snapshot.services),
        )
