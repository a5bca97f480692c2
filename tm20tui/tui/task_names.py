"""What background work is called, in the operator's language."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tm20tui.tui.language import N_, _
from tm20tui.tui.safe import safe

_WHOLE = frozenset(
    {
        N_("access zones"),
        N_("alarms"),
        N_("back-fill"),
        N_("clocks"),
        N_("inventories of users"),
        N_("last seen"),
        N_("manual sync"),
        N_("retention"),
        N_("retention of deliveries"),
        N_("retry sweep"),
        N_("schedules"),
        N_("users from a service"),
        N_("users from services"),
        N_("users to a terminal"),
    }
)
_OF_SOMETHING = (
    N_("deliveries to {name}"),
    N_("users from {name}"),
    N_("back-fill of {name}"),
    N_("inventory of {sn}"),
    N_("directions of {sn}"),
    N_("schedules of {sn}"),
    N_("new records of {sn}"),
    N_("all records of {sn}"),
    N_("records of {first} to {last} of {sn}"),
)
_HOLE = re.compile(r"\\\{(\w+)\\\}")


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for message in _OF_SOMETHING:
        yield message, re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(message)))


_PATTERNS = tuple(_patterns())


def task_name(name: str) -> str:
    """Safe to show; the name of an operation that was asked for many stays as it is."""
    if name in _WHOLE:
        return _(name)
    for message, pattern in _PATTERNS:
        if found := pattern.fullmatch(name):
            return _(message).format(**{hole: safe(text, 60) for hole, text in found.groupdict().items()})
    return safe(name, 80)
