"""The customer's `setschedule` command. No vendor document knows it: most firmware will not either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tm20tui.protocol.command import Command
from tm20tui.protocol.kinds import Int, Time

_CLOCK = Time(("%H:%M", "%H:%M:%S"), "HH:MM or HH:MM:SS")


@dataclass(frozen=True, slots=True)
class SetSchedule(Command):
    """The hours of one weekday; a check-out not after the check-in is the next day's."""

    name = "setschedule"
    idempotent = True

    weekday: Annotated[int, Int(0, 6)]
    """0 is Monday."""
    check_in: Annotated[str, _CLOCK]
    check_out: Annotated[str, _CLOCK]
    break_start: Annotated[str | None, _CLOCK] = None
    break_end: Annotated[str | None, _CLOCK] = None
    tolerance: Annotated[int, Int(0, 240)] = 0
    """Minutes."""
