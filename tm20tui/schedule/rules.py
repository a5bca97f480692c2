"""What an operator may say about a schedule: checked field by field, then as a whole, then beside the others.

Each refusal names its field and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from datetime import date, time, timedelta
from typing import Any

from tm20tui.errors import InvalidInput
from tm20tui.schedule.shift import DAY_SECONDS, WEEKDAYS, Hours, read_shift
from tm20tui.store.schedules import Schedule, ScheduleDraft

NAMES = tuple(field.name for field in dataclass_fields(ScheduleDraft))
REQUIRED = ("name", "weekday", "check_in_time", "check_out_time")
FIRST_DATE, LAST_DATE = date(1970, 1, 1), date(2199, 12, 31)
MAX_TOLERANCE_MINUTES = 240

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def validate_schedule(
    fields: Mapping[str, Any], *, existing: Schedule | None, others: Sequence[Schedule]
) -> ScheduleDraft:
    """A draft of the schedule: `fields` over what `existing` has (a new one has the defaults).

    `others` are the schedules of the same terminal; `existing` may be among them.

    Raises:
        InvalidInput: with the `field` that is wrong and what is allowed.
    """
    if not isinstance(fields, Mapping):
        raise InvalidInput("a schedule must be an object of fields and values")
    for name in fields:
        if name not in _CHECKS:
            shown = str(name)[:60]
            raise InvalidInput(f"unknown field {shown!r}: known are {', '.join(NAMES)}", field=shown)
    values: dict[str, Any] = {} if existing is None else {name: getattr(existing, name) for name in NAMES}
    for name, value in fields.items():
        values[name] = _CHECKS[name](name, value)
    for name in REQUIRED:
        if name not in values:
            raise InvalidInput(f"{name} is required", field=name)
    draft = ScheduleDraft(**values)
    _check_hours(draft)
    _check_dates(draft)
    check_overlaps(draft, [other for other in others if existing is None or other.id != existing.id])
    return draft


def check_overlaps(draft: ScheduleDraft, others: Sequence[Schedule]) -> None:
    """Refuse hours that some other active schedule of the terminal has on the same day; ends may touch.

    Raises:
        InvalidInput: naming the first of the others in the way.
    """
    if not draft.is_active:
        return
    for other in others:
        if other.is_active and _overlap(draft, other):
            raise InvalidInput(
                f"check_in_time to check_out_time overlaps schedule {other.id} {other.name!r} "
                f"({describe(other)}): change the times, the effective dates, or deactivate one of them",
                field="check_in_time",
            )


def describe(hours: Hours) -> str:
    """The weekday and times of a schedule, for people; (+1) says that it ends the next day."""
    start, end = (_short(moment) for moment in (hours.check_in_time, hours.check_out_time))
    night = " (+1)" if hours.check_out_time <= hours.check_in_time else ""
    return f"{WEEKDAYS[hours.weekday]} {start}–{end}{night}"


def _check_hours(draft: ScheduleDraft) -> None:
    if draft.check_in_time == draft.check_out_time:
        raise InvalidInput(
            "check_out_time must differ from check_in_time: an earlier one is the next day's",
            field="check_out_time",
        )
    pair = {"break_start_time": draft.break_start_time, "break_end_time": draft.break_end_time}
    absent = [name for name, moment in pair.items() if moment is None]
    if len(absent) == 1:
        given = next(name for name in pair if name not in absent)
        raise InvalidInput(
            f"{absent[0]} is required with {given}: give both, or null for both", field=absent[0]
        )
    shift = read_shift(draft)
    if shift.break_starts is None or shift.break_ends is None:
        return
    for name, at in (("break_start_time", shift.break_starts), ("break_end_time", shift.break_ends)):
        if not shift.starts < at < shift.ends:
            raise InvalidInput(f"{name} must lie inside {describe(draft)}", field=name)
    if shift.break_starts >= shift.break_ends:
        raise InvalidInput("break_start_time must be before break_end_time", field="break_start_time")


def _check_dates(draft: ScheduleDraft) -> None:
    first, last = draft.effective_from, draft.effective_until
    if first is None or last is None:
        return
    if last < first:
        raise InvalidInput("effective_until must not be before effective_from", field="effective_until")
    if not _has_weekday(first, last, draft.weekday):
        raise InvalidInput(
            f"effective_until leaves no {WEEKDAYS[draft.weekday]} from {first}: "
            "move it, or choose another weekday",
            field="effective_until",
        )


def _overlap(one: Hours, other: Hours) -> bool:
    mine, theirs = read_shift(one), read_shift(other)
    # A shift is shorter than a day, so only the day before, the same and the next can be met.
    for days in (-1, 0, 1):
        if (one.weekday + days) % 7 != other.weekday:
            continue
        later = days * DAY_SECONDS
        if mine.starts < theirs.ends + later and theirs.starts + later < mine.ends:
            shift = timedelta(days=days)
            first = max(one.effective_from or FIRST_DATE, (other.effective_from or FIRST_DATE) - shift)
            last = min(one.effective_until or LAST_DATE, (other.effective_until or LAST_DATE) - shift)
            if _has_weekday(first, last, one.weekday):
                return True
    return False


def _has_weekday(first: date, last: date, weekday: int) -> bool:
    return (last - first).days >= (weekday - first.weekday()) % 7


def _short(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")


def _name(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, not {_kind(value)}", field=name)
    text = value.strip()
    if not 1 <= len(text) <= 100 or not text.isprintable():
        raise InvalidInput(f"{name} must have 1 to 100 characters, no control characters", field=name)
    return text


def _number(low: int, high: int, meaning: str) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            shown = "" if type(value) is int else f", not {_kind(value)}"
            raise InvalidInput(f"{name} must be a whole number {meaning}{shown}", field=name)
        return value

    return check


def _clock(name: str, value: Any) -> time:
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput(
            f'{name} must be a time of day such as "08:00", from "00:00" to "23:59"', field=name
        )
    return time(int(match[1]), int(match[2]), int(match[3] or 0))


def _clock_or_none(name: str, value: Any) -> time | None:
    return None if value is None else _clock(name, value)


def _date_or_none(name: str, value: Any) -> date | None:
    if value is None:
        return None
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            if FIRST_DATE <= day <= LAST_DATE:
                return day
    raise InvalidInput(
        f'{name} must be a date such as "2026-01-31", from {FIRST_DATE} to {LAST_DATE}, or null', field=name
    )


def _flag(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise InvalidInput(f"{name} must be true or false, not {_kind(value)}", field=name)
    return value


def _kind(value: Any) -> str:
    words = {str: "a text", bool: "true or false", float: "a fraction", int: "a number", list: "a list"}
    return "null" if value is None else words.get(type(value), "an object")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _name,
    "weekday": _number(0, 6, "from 0 (Monday) to 6 (Sunday)"),
    "check_in_time": _clock,
    "check_out_time": _clock,
    "break_start_time": _clock_or_none,
    "break_end_time": _clock_or_none,
    "tolerance_minutes": _number(0, MAX_TOLERANCE_MINUTES, f"of minutes from 0 to {MAX_TOLERANCE_MINUTES}"),
    "effective_from": _date_or_none,
    "effective_until": _date_or_none,
    "is_active": _flag,
}
