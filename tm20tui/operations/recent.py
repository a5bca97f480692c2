"""What happened lately: events and lines of the log that the server still has in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tm20tui.events import EVENT_KINDS
from tm20tui.events import Event as Event
from tm20tui.logs import TAIL
from tm20tui.logs import LogLine as LogLine
from tm20tui.operations.call import Call, Operator
from tm20tui.operations.checks import check_limit, check_word
from tm20tui.operations.registry import operation

LEVELS = ("debug", "info", "warning", "error", "critical")
_OPERATORS_ONLY = frozenset({"operation"})


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """Events, newest first. `last_number` is of the newest there is, 0 before the first; `more`
    are older."""

    events: tuple[Event, ...]
    last_number: int
    more: bool


@dataclass(frozen=True, slots=True)
class RecentLines:
    """Lines of the log, newest first. `last_number` is of the newest there is, 0 before the first; `more`
    are older."""

    lines: tuple[LogLine, ...]
    last_number: int
    more: bool


def may_hear(operator: Operator, kind: str) -> bool:
    """Whether an operator is told of that kind of event; of what operators did, only operators are."""
    return kind not in _OPERATORS_ONLY or operator.may_act_as("operator")


@operation("events.recent", "viewer", writes=False)
async def list_recent_events(
    call: Call,
    *,
    kinds: Sequence[str] | None = None,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> RecentEvents:
    """What happened lately, newest first: a thousand events at most are remembered, stored punches aside.

    Only `kinds`, and those numbered higher than `after` and lower than `before`, where given.
    What operators did is told to operators only.

    Raises:
        InvalidInput
    """
    check_limit(limit)
    for kind in kinds or ():
        check_word(kind, "kinds", EVENT_KINDS)
    found = [one for one in call.gateway.events.recent() if may_hear(call.operator, one.kind)]
    chosen = [
        one for one in found if _is_between(one, after, before) and (kinds is None or one.kind in kinds)
    ]
    last = found[-1].number if found else 0
    return RecentEvents(tuple(chosen[::-1][:limit]), last, len(chosen) > limit)


@operation("log.recent", "operator", writes=False)
async def list_recent_lines(
    call: Call, *, level: str | None = None, after: int = 0, before: int | None = None, limit: int = 100
) -> RecentLines:
    """The last lines of the server's own log, newest first: a thousand at most are remembered.

    From `level` up (debug, info, warning, error, critical), and those numbered higher than
    `after` and lower than `before`, where given. Secrets were taken out before they were written.

    Raises:
        InvalidInput
    """
    check_limit(limit)
    check_word(level, "level", LEVELS)
    wanted = LEVELS[LEVELS.index(level) :] if level is not None else None
    found = TAIL.lines()
    chosen = [
        one for one in found if _is_between(one, after, before) and (wanted is None or one.level in wanted)
    ]
    last = found[-1].number if found else 0
    return RecentLines(tuple(chosen[::-1][:limit]), last, len(chosen) > limit)


def _is_between(one: Event | LogLine, after: int, before: int | None) -> bool:
    return one.number > after and (before is None or one.number < before)
