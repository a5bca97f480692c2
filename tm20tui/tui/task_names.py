"""What background work is called, in the operator's language."""

from __future__ import annotations

from tm20tui.tui.language import N_, sentence
from tm20tui.tui.safe import safe

NAMES = (
    N_("access zones"),
    N_("alarms"),
    N_("all records of {sn}"),
    N_("back-fill"),
    N_("back-fill of {name}"),
    N_("clocks"),
    N_("deliveries to {name}"),
    N_("directions of {sn}"),
    N_("inventories of users"),
    N_("inventory of {sn}"),
    N_("last seen"),
    N_("manual sync"),
    N_("new records of {sn}"),
    N_("records of {first} to {last} of {sn}"),
    N_("retention"),
    N_("retention of deliveries"),
    N_("retry sweep"),
    N_("schedules"),
    N_("schedules of {sn}"),
    N_("users from a service"),
    N_("users from services"),
    N_("users from {name}"),
    N_("users to a terminal"),
)
"""Every name that the server gives; an operation that is asked for many has its own."""


def task_name(name: str) -> str:
    """Safe to show."""
    return safe(sentence(name), 80)
