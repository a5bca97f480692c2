"""What is to be done: alarms that last, deliveries that failed, terminals to approve; bursts as one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tm20tui.alarms import Alarm
from tm20tui.snapshot import TerminalLine
from tm20tui.tui import formats
from tm20tui.tui.language import _, ngettext, sentence
from tm20tui.tui.safe import safe
from tm20tui.tui.states import ATTENTION, FAILED, OFFLINE, PAUSED, TO_APPROVE, State

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

BURST = timedelta(minutes=5)
MANY = 3
"""So many of a kind within `BURST` are one line."""

_TERMINALS, _DELIVERY, _SERVICES, _LOG = 2, 3, 7, 9
_MODE_OF = {
    "silent": _TERMINALS,
    "drift": _TERMINALS,
    "storage": _TERMINALS,
    "takeover": _TERMINALS,
    "paused": _SERVICES,
    "down": _SERVICES,
    "queue": _DELIVERY,
}
_STATE_OF = {"silent": OFFLINE, "paused": PAUSED, "down": PAUSED, "disk": PAUSED, "database": PAUSED}


@dataclass(frozen=True, slots=True)
class ToDo:
    """One line. `number` is of the mode it is done in; `filter` is set there, "" for none.

    `alarm_keys` are those it stands for; `is_known` when an operator acknowledged all of them.
    """

    key: str
    state: State
    text: str
    number: int
    terminal_id: int | None = None
    filter: str = ""
    alarm_keys: tuple[str, ...] = ()
    is_known: bool = False


def to_do(app: ConsoleApp) -> list[ToDo]:
    """Everything there is to be done, the gravest first; what is known already comes last."""
    seen = app.seen
    lines = {line.id: line for line in seen.terminals}
    found = [
        ToDo(
            f"failed:{service.id}",
            FAILED,
            ngettext(
                "{count} punch failed — {service}", "{count} punches failed — {service}", service.failed
            ).format(count=formats.number(service.failed), service=safe(service.name, 40)),
            _DELIVERY,
            filter="state:failed",
        )
        for service in seen.services
        if service.failed
    ]
    found += _of_alarms(app, seen.active_alarms, lines)
    found += _to_approve([line for line in seen.terminals if line.state == "waiting"])
    found += _unstable(seen.terminals)
    return sorted(found, key=lambda item: item.is_known)


def bursts(alarms: Iterable[Alarm]) -> list[list[Alarm]]:
    """Alarms of one kind that were raised within five minutes of each other, oldest first."""
    groups: list[list[Alarm]] = []
    open_groups: dict[str, list[Alarm]] = {}
    for alarm in sorted(alarms, key=lambda one: one.raised_at):
        kind = alarm.key.partition(":")[0]
        group = open_groups.get(kind)
        if group is None or alarm.raised_at - group[-1].raised_at > BURST:
            group = open_groups[kind] = []
            groups.append(group)
        group.append(alarm)
    return groups


def _of_alarms(app: ConsoleApp, alarms: Sequence[Alarm], lines: dict[int, TerminalLine]) -> list[ToDo]:
    found: list[ToDo] = []
    for group in bursts(alarms):
        kind = group[0].key.partition(":")[0]
        if kind == "silent" and len(group) >= MANY:
            found.append(_burst(app, group, lines))
        else:
            found += [_of_alarm(app, alarm, lines) for alarm in group]
    return sorted(found, key=lambda item: item.state.rank)


def _burst(app: ConsoleApp, group: Sequence[Alarm], lines: dict[int, TerminalLine]) -> ToDo:
    since = formats.moment(min(alarm.raised_at for alarm in group), app.zone, app.now())[:-3]
    heard = [line.last_seen_at for alarm in group if (line := _line_of(alarm, lines)) and line.last_seen_at]
    if heard:
        since = formats.minute(min(heard), app.zone)
    text = _("{count} terminals offline since {time}").format(count=len(group), time=since)
    sites = {line.site for alarm in group if (line := _line_of(alarm, lines))}
    if len(sites) == 1:
        text += " · " + _("all of {site}").format(site=safe(next(iter(sites)), 30))
    keys = tuple(alarm.key for alarm in group)
    known = all(alarm.acknowledged_at is not None for alarm in group)
    return ToDo(
        f"burst:{keys[0]}", OFFLINE, text, _TERMINALS, filter="state:offline", alarm_keys=keys, is_known=known
    )


def _of_alarm(app: ConsoleApp, alarm: Alarm, lines: dict[int, TerminalLine]) -> ToDo:
    kind = alarm.key.partition(":")[0]
    line = _line_of(alarm, lines)
    if kind == "silent" and line is not None:
        away = formats.age(line.last_seen_at, app.now())
        text = _("{terminal} offline for {time}").format(terminal=_name(line), time=away)
    else:
        text = safe(sentence(alarm.sentence), 160)
    if alarm.acknowledged_at is not None:
        text = _("known to {operator}").format(operator=safe(alarm.acknowledged_by, 20)) + f" · {text}"
    return ToDo(
        alarm.key,
        _STATE_OF.get(kind, ATTENTION),
        text,
        _MODE_OF.get(kind, _LOG),
        terminal_id=None if line is None else line.id,
        alarm_keys=(alarm.key,),
        is_known=alarm.acknowledged_at is not None,
    )


def _to_approve(waiting: Sequence[TerminalLine]) -> list[ToDo]:
    if len(waiting) >= MANY:
        text = _("{count} new terminals to approve").format(count=len(waiting))
        return [ToDo("waiting", TO_APPROVE, text, _TERMINALS, filter="state:waiting")]
    return [
        ToDo(
            f"waiting:{line.id}",
            TO_APPROVE,
            _("{terminal} new terminal to approve").format(terminal=_name(line)),
            _TERMINALS,
            terminal_id=line.id,
        )
        for line in waiting
    ]


def _unstable(lines: Iterable[TerminalLine]) -> list[ToDo]:
    shaky = [line for line in lines if line.drops_lately >= MANY and line.state in ("online", "offline")]
    if len(shaky) >= MANY:
        text = _("{count} terminals are unstable").format(count=len(shaky))
        return [ToDo("unstable", ATTENTION, text, _TERMINALS)]
    return [
        ToDo(
            f"unstable:{line.id}",
            ATTENTION,
            _("{terminal} unstable ×{count}").format(terminal=_name(line), count=line.drops_lately),
            _TERMINALS,
            terminal_id=line.id,
        )
        for line in shaky
    ]


def _line_of(alarm: Alarm, lines: dict[int, TerminalLine]) -> TerminalLine | None:
    kind, _colon, rest = alarm.key.partition(":")
    return lines.get(int(rest)) if _MODE_OF.get(kind) == _TERMINALS and rest.isdigit() else None


def _name(line: TerminalLine) -> str:
    return safe(line.name or line.sn, 40)
