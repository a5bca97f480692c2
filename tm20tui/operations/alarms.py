"""Alarms: what lasts, what cleared lately, and that somebody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation

if TYPE_CHECKING:
    from tm20tui.alarms import Alarm


@operation("alarms.list", "viewer", writes=False)
async def list_alarms(call: Call, *, cleared: bool = False) -> tuple[Alarm, ...]:
    """The alarms that last, oldest first; with `cleared` the last that cleared instead, newest first."""
    alarms = call.gateway.alarms
    return alarms.cleared() if cleared else alarms.active()


@operation("alarms.acknowledge", "operator")
async def acknowledge_alarm(call: Call, key: str) -> Alarm:
    """Say that an alarm is known. It stays until its cause is gone; who was first stays named.

    Raises:
        NotFound: no alarm of that key lasts.
    """
    return await call.gateway.watch.acknowledge(key, call.operator.name)
