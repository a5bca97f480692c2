"""Schedules as access zones of a terminal (`setdevlock`), and whether it really holds them. Pure.

A terminal has 8 day zones of 5 sections and 8 week zones of 7 day zone numbers. It knows
no dates and nothing about midnight: what is planned is the week as it stands on one day.
A user whose week zone is set to one of these may pass only within its sections, so that
a margin for those who come early and leave late is usually wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from tm20tui.errors import InvalidInput
from tm20tui.protocol.access import LockSettings
from tm20tui.protocol.door_commands import SetDevLock
from tm20tui.schedule.shift import DAY_SECONDS, WEEKDAYS, in_effect, read_shift
from tm20tui.store.schedules import Schedule

MAX_SECTIONS = 5
MAX_DAY_ZONES = 8
MAX_WEEK_ZONES = 8
MAX_MARGIN_MINUTES = 240
NEVER = "00:00~00:00"

_DAY_MINUTES = DAY_SECONDS // 60

_Day = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """What a terminal shall hold, from zone 1 on.

    `dayzone` has the sections of each day zone, the one section `NEVER` where it has no
    hours; `weekzone` has the day zone number (from 1) of each weekday, Monday first.
    """

    dayzone: tuple[_Day, ...]
    weekzone: tuple[tuple[int, ...], ...]

    def command(self) -> SetDevLock:
        """The command that writes the plan and leaves every other setting.

        Each day is filled up to 5 sections, because a terminal keeps those it is not sent.
        """
        full = tuple(day + (NEVER,) * (MAX_SECTIONS - len(day)) for day in self.dayzone)
        return SetDevLock(dayzone=full, weekzone=self.weekzone)


def plan_zones(
    weeks: Sequence[Iterable[Schedule]], *, on: date, split_breaks: bool = False, margin_minutes: int = 0
) -> ZonePlan:
    """Plan week zone 1 from the first schedules, 2 from the second, ..., as in effect `on` that day.

    `split_breaks` closes the door during breaks. `margin_minutes` opens it so long before
    the check-in and after the check-out.

    Raises:
        InvalidInput: no hours at all, or more than a terminal can hold; says which limit.
    """
    if not 0 <= margin_minutes <= MAX_MARGIN_MINUTES:
        raise InvalidInput(f"margin_minutes must be from 0 to {MAX_MARGIN_MINUTES}", field="margin_minutes")
    if not 1 <= len(weeks) <= MAX_WEEK_ZONES:
        raise InvalidInput(
            f"a terminal holds 1 to {MAX_WEEK_ZONES} week zones, not {len(weeks)}", field="weeks"
        )
    day_zones: list[_Day] = []
    week_zones = []
    for number, week in enumerate(weeks, 1):
        chosen = [schedule for schedule in week if in_effect(schedule, on)]
        if not chosen:
            raise InvalidInput(
                f"week zone {number} has no active schedule on {on}: it would close every day", field="weeks"
            )
        days = _week(chosen, split_breaks, margin_minutes)
        day_zones += [day for day in dict.fromkeys(days) if day not in day_zones]
        week_zones.append(tuple(day_zones.index(day) + 1 for day in days))
    if len(day_zones) > MAX_DAY_ZONES:
        raise InvalidInput(
            f"the schedules need {len(day_zones)} different day zones, a terminal holds {MAX_DAY_ZONES}: "
            "make some weekdays alike",
            field="weeks",
        )
    return ZonePlan(tuple(day_zones), tuple(week_zones))


def compare_zones(plan: ZonePlan, read: LockSettings) -> tuple[str, ...]:
    """What a terminal holds otherwise than planned, a sentence each; nothing when it holds it all.

    Zones after the planned ones, and sections that mean never, are no difference.
    """
    found = []
    for number, sections in enumerate(plan.dayzone, 1):
        held = _item(read.dayzone, number)
        if held is None:
            found.append(f"day zone {number}: the terminal reports none")
        elif _open(held) != _open(sections):
            found.append(f"day zone {number}: sent {_shown(sections)}, the terminal holds {_shown(held)}")
    for number, days in enumerate(plan.weekzone, 1):
        week = _item(read.weekzone, number)
        if week is None:
            found.append(f"week zone {number}: the terminal reports none")
            continue
        found += [
            f"week zone {number}, {WEEKDAYS[index]}: sent day zone {sent}, the terminal holds {got}"
            for index, (sent, got) in enumerate(zip(days, week, strict=True))
            if sent != got
        ]
    return tuple(found)


def _week(schedules: Iterable[Schedule], split_breaks: bool, margin_minutes: int) -> list[_Day]:
    minutes: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for schedule in schedules:
        for start, end in _stretches(schedule, split_breaks, margin_minutes):
            # A margin can reach into the day before, a night shift into the next.
            for offset in (-1, 0, 1, 2):
                low, high = offset * _DAY_MINUTES, (offset + 1) * _DAY_MINUTES
                if max(start, low) < min(end, high):
                    day = minutes[(schedule.weekday + offset) % 7]
                    day.append((max(start, low) - low, min(end, high) - low))
    return [_sections(day, stretches) for day, stretches in zip(WEEKDAYS, minutes, strict=True)]


def _stretches(schedule: Schedule, split_breaks: bool, margin_minutes: int) -> list[tuple[int, int]]:
    """Open minutes from the weekday's midnight; a started minute is open."""
    shift = read_shift(schedule)
    start, end = shift.starts // 60 - margin_minutes, -(-shift.ends // 60) + margin_minutes
    if not split_breaks or shift.break_starts is None or shift.break_ends is None:
        return [(start, end)]
    return [(start, -(-shift.break_starts // 60)), (shift.break_ends // 60, end)]


def _sections(day: str, stretches: Iterable[tuple[int, int]]) -> _Day:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    if len(merged) > MAX_SECTIONS:
        raise InvalidInput(
            f"{day} needs {len(merged)} sections, a day zone of a terminal holds {MAX_SECTIONS}: "
            "join schedules or do not split at breaks",
            field="weeks",
        )
    # The last minute of a day stands for its end: a terminal knows no 24:00.
    return tuple(f"{_clock(start)}~{_clock(min(end, _DAY_MINUTES - 1))}" for start, end in merged) or (NEVER,)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _item(items: Sequence[T] | None, number: int) -> T | None:
    return items[number - 1] if items is not None and number <= len(items) else None


def _open(sections: Iterable[str]) -> list[str]:
    return sorted(section for section in sections if section != NEVER)


def _shown(sections: Iterable[str]) -> str:
    return ", ".join(_open(sections)) or "never"
