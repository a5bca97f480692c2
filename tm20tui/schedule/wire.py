"""A stored schedule as the command that tells a terminal of it."""

from __future__ import annotations

from datetime import time

from tm20tui.protocol import SetSchedule
from tm20tui.store.schedules import Schedule


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
