"""Working hours in words and as a bar of a day: pure, but for the language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Any

from tm20tui.operations.schedules import Schedule
from tm20tui.tui.form import Field
from tm20tui.tui.language import N_, _
from tm20tui.tui.states import DONE, FAILED, PENDING, UNKNOWN, State, is_ascii

DAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
SYNC: Mapping[str, State] = {
    "confirmed": State(DONE.glyph, DONE.ascii, N_("confirmed by the terminal"), "good", 4),
    "pending": State(PENDING.glyph, PENDING.ascii, N_("not sent"), "warn", 1),
    "refused": State(FAILED.glyph, FAILED.ascii, N_("refused by the terminal"), "bad", 0),
    "not known": State(UNKNOWN.glyph, UNKNOWN.ascii, N_("not known to this firmware"), "warn", 2),
}
BAR_TITLE = "0     6     12    18    "
"""What is above the bar: one cell an hour."""

_HOURS = 24
_DAY_MINUTES = 1440


def clock(moment: time | None) -> str:
    """`08:00`, with seconds only where there are some; nothing for None."""
    return "" if moment is None else moment.isoformat("seconds" if moment.second else "minutes")


def is_night(schedule: Schedule) -> bool:
    """Whether the check-out is the next day's."""
    return schedule.check_out_time <= schedule.check_in_time


def described(schedule: Schedule) -> str:
    """`Friday 08:00-16:00`."""
    out = clock(schedule.check_out_time) + ("+1" if is_night(schedule) else "")
    return f"{_(DAYS[schedule.weekday])} {clock(schedule.check_in_time)}-{out}"


def bar(schedule: Schedule) -> str:
    """The hours of the day as cells: full where most of the hour is worked, an arrow into the next day."""
    full, arrow = ("#", ">") if is_ascii() else ("█", "▶")
    start, end = _minutes(schedule.check_in_time), _minutes(schedule.check_out_time)
    night = end <= start
    end = _DAY_MINUTES if night else end
    gap: tuple[int, int] = (0, 0)
    if schedule.break_start_time is not None and schedule.break_end_time is not None:
        gap = _minutes(schedule.break_start_time), _minutes(schedule.break_end_time)
        if night and gap[1] < gap[0]:
            gap = gap[0], _DAY_MINUTES
    cells = []
    for hour in range(_HOURS):
        middle = hour * 60 + 30
        cells.append(full if start <= middle < end and not gap[0] <= middle < gap[1] else " ")
    if night:
        cells[-1] = arrow
    return "".join(cells)


def given_of(schedule: Schedule) -> dict[str, Any]:
    """A schedule as the operations take it."""
    return {
        "name": schedule.name,
        "weekday": schedule.weekday,
        "check_in_time": clock(schedule.check_in_time),
        "check_out_time": clock(schedule.check_out_time),
        "break_start_time": clock(schedule.break_start_time) or None,
        "break_end_time": clock(schedule.break_end_time) or None,
        "tolerance_minutes": schedule.tolerance_minutes,
        "effective_from": _day(schedule.effective_from),
        "effective_until": _day(schedule.effective_until),
        "is_active": schedule.is_active,
    }


def fields_of(given: Mapping[str, Any]) -> list[Field]:
    """The fields of a schedule's form, with what it has."""
    days = [(number, _(name)) for number, name in enumerate(DAYS)]
    time_note, day_note = "HH:MM", _("YYYY-MM-DD, or nothing")
    return [
        Field("name", _("Name"), value=given["name"], width=30),
        Field("weekday", _("Day"), "choice", given["weekday"], choices=days),
        Field("check_in_time", _("Check-in"), value=given["check_in_time"], note=time_note, width=10),
        Field(
            "check_out_time",
            _("Check-out"),
            value=given["check_out_time"],
            note=_("HH:MM; earlier than the check-in: the next day"),
            width=10,
        ),
        Field(
            "break_start_time",
            _("Break from"),
            value=given["break_start_time"],
            blank=True,
            note=_("HH:MM, or nothing"),
            width=10,
        ),
        Field(
            "break_end_time",
            _("Break until"),
            value=given["break_end_time"],
            blank=True,
            note=_("HH:MM, or nothing"),
            width=10,
        ),
        Field(
            "tolerance_minutes",
            _("Tolerance"),
            "number",
            given["tolerance_minutes"],
            note=_("minutes, 0 to 240"),
            width=10,
        ),
        Field(
            "effective_from",
            _("In effect from"),
            value=given["effective_from"],
            blank=True,
            note=day_note,
            width=12,
        ),
        Field(
            "effective_until",
            _("In effect until"),
            value=given["effective_until"],
            blank=True,
            note=day_note,
            width=12,
        ),
        Field("is_active", _("Active"), "flag", given["is_active"]),
    ]


def new_given(weekday: int, like: Schedule | None) -> dict[str, Any]:
    """What the form of a new schedule begins with: the hours of another, if there is one."""
    if like is not None:
        return given_of(like) | {"weekday": weekday, "is_active": True}
    return {
        "name": _("Standard hours"),
        "weekday": weekday,
        "check_in_time": "08:00",
        "check_out_time": "17:00",
        "break_start_time": "12:00",
        "break_end_time": "13:00",
        "tolerance_minutes": 15,
        "effective_from": None,
        "effective_until": None,
        "is_active": True,
    }


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
