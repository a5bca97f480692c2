"""The customer's `setschedule` command. No vendor document knows it: most firmware will not either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Annotated

from tm20tui.protocol.command import Command
from tm20tui.protocol.kinds import Int, Time
from tm20tui.store.schedules import Schedule

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


def set_schedule(schedule: Schedule) -> SetSchedule:
    """The command that tells a terminal this schedule; without a break its members are left out."""
    return SetSchedule(
        weekday=schedule.weekday,
        check_in=_clock(schedule.check_in_time),
        check_out=_clock(schedule.check_out_time),
        break_start=None if schedule.break_start_time is None else _clock(schedule.break_start_time),
        break_end=None if schedule.break_end_time is None else _clock(schedule.break_end_time),
        tolerance=schedule.tolerance_minutes,
    )


def _clock(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")
