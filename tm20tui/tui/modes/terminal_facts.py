"""What is said of a terminal: its state in words, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats
from tm20tui.tui.language import _, sentence
from tm20tui.tui.safe import safe
from tm20tui.tui.states import State, glyph

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

UNSTABLE = 3
"""So many lost connections within ten minutes."""


def named(line: TerminalLine) -> str:
    """A terminal as people call it."""
    return f"{safe(line.name, 30)} · {safe(line.sn, 30)}" if line.name else safe(line.sn, 30)


def kinds_by_terminal(app: ConsoleApp) -> dict[str, dict[str, str]]:
    """What alarms last for each terminal: their sentences by kind, by the terminal's id as text."""
    found: dict[str, dict[str, str]] = {}
    for alarm in app.seen.active_alarms:
        kind, _colon, rest = alarm.key.partition(":")
        found.setdefault(rest, {})[kind] = alarm.sentence
    return found


def kinds_of(app: ConsoleApp, terminal_id: int) -> dict[str, str]:
    """What alarms last for one terminal."""
    return kinds_by_terminal(app).get(str(terminal_id), {})


def state_words(app: ConsoleApp, line: TerminalLine, state: State) -> str:
    """Its state, and every alarm that lasts for it."""
    parts = [_(state.word)]
    for kind, said in kinds_of(app, line.id).items():
        match kind:
            case "drift":
                side = _("fast") if (line.drift_seconds or 0) > 0 else _("slow")
                parts.append(f"{_('clock')} {formats.span(abs(line.drift_seconds or 0))} {side}")
            case "storage":
                used = formats.percent(line.logs_used or 0, line.logs_max or 0)
                parts.append(_("log memory {percent} full").format(percent=used))
            case "silent":
                age = formats.age(line.last_seen_at, app.now())
                parts.append(_("silent for {time}").format(time=age))
            case _:
                parts.append(safe(sentence(said), 100))
    if line.drops_lately >= UNSTABLE:
        parts.append(_("unstable ×{count}").format(count=line.drops_lately))
    return " · ".join(parts)


def advice(app: ConsoleApp, line: TerminalLine) -> str:
    """What to press, the most pressing first; "" when there is nothing to do."""
    found = []
    kinds = kinds_of(app, line.id)
    if line.state == "waiting":
        found.append(_("A approves it: it sends what it kept"))
    elif line.state == "blocked":
        found.append(_("A approves it again"))
    elif line.state == "offline":
        found.append(
            _("check its power and network; last seen at {address}").format(address=safe(line.address, 50))
            if line.address
            else _("check its power and network")
        )
    if "drift" in kinds:
        found.append(_("t sets the clock"))
    if "storage" in kinds:
        found.append(_("l pulls its logs, then a {arrow} erase its logs").format(arrow=glyph("›")))
    if line.undelivered and line.state != "waiting":
        found.append(_("3 shows why deliveries wait"))
    return " · ".join(found)


def used_of(used: int | None, most: int | None, *, short: bool) -> str:
    """`412/3 000`, or the first alone where there is little room."""
    if used is None:
        return formats.NONE
    if short or not most:
        return formats.number(used)
    limit = f"{most // 1000}k" if most >= 10_000 and most % 1000 == 0 else formats.number(most)
    return f"{formats.number(used)}/{limit}"
