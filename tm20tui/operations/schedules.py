"""The working hours of terminals: list, add, change, delete, copy; and who was on time by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast
from zoneinfo import ZoneInfo

from tm20tui.errors import InvalidInput
from tm20tui.model import utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_line
from tm20tui.operations.fields import SCHEDULE_FIELDS
from tm20tui.operations.registry import operation
from tm20tui.schedule.lateness import Assessment, assess
from tm20tui.schedule.matching import Punch
from tm20tui.schedule.rules import check_overlaps, validate_schedule
from tm20tui.store import schedules
from tm20tui.store.punches import list_user_punches
from tm20tui.store.schedules import Schedule as Schedule
from tm20tui.store.schedules import WeekCopy
from tm20tui.store.schedules import WeekSummary as WeekSummary
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_DAYS = 100
"""How many days one assessment covers, at most."""
_EARLIEST, _LATEST = date(1971, 1, 1), date(2199, 12, 31)
# A night shift and the half gap to the next reach so far beyond the days that are asked for.
_REACH = timedelta(days=3)
_WEEK = timedelta(days=6)


@operation("schedules.list", "viewer", writes=False)
async def list_schedules(call: Call, *, terminal_id: int | None = None) -> list[Schedule]:
    """The schedules of one terminal, or of all, by terminal, weekday and check-in.

    Raises:
        NotFound
    """

    def read(connection: Connection) -> list[Schedule]:
        if terminal_id is not None:
            get_terminal(connection, terminal_id)
        return schedules.list_schedules(connection, terminal_id)

    return await call.gateway.database.read(read)


@operation("schedules.summary", "viewer", writes=False)
async def summarise_schedules(call: Call) -> list[WeekSummary]:
    """How many schedules terminals have, on how many days, and what became of sending them."""
    return await call.gateway.database.read(schedules.summarise)


@operation("schedules.get", "viewer", writes=False)
async def get_schedule(call: Call, schedule_id: int, *, terminal_id: int | None = None) -> Schedule:
    """The schedule `schedule_id`, with what became of sending it to its terminal.

    Raises:
        NotFound: there is none, or none of that terminal.
    """
    return await call.gateway.database.read(schedules.get_schedule, schedule_id, terminal_id=terminal_id)


@operation("schedules.add", "operator", fields=SCHEDULE_FIELDS)
async def add_schedule(call: Call, terminal_id: int, given: Mapping[str, Any]) -> Schedule:
    """Add a schedule to a terminal; it is not sent before it is synchronised.

    Raises:
        NotFound
        InvalidInput: a field is wrong, unknown or missing, or another schedule is in the way.
    """

    def add(connection: Connection) -> Schedule:
        others = schedules.list_for_change(connection, terminal_id)
        draft = validate_schedule(given, existing=None, others=others)
        return schedules.add_schedule(connection, terminal_id, draft, utc_now())

    return await call.gateway.database.write(add)


@operation("schedules.change", "operator", fields=SCHEDULE_FIELDS)
async def change_schedule(
    call: Call, schedule_id: int, given: Mapping[str, Any], *, terminal_id: int | None = None
) -> Schedule:
    """Change the fields of the schedule `schedule_id` that are given and leave the others.

    Raises:
        NotFound, InvalidInput
    """
    return await call.gateway.database.write(_update, schedule_id, given, terminal_id, False)


@operation("schedules.replace", "operator", fields=SCHEDULE_FIELDS)
async def replace_schedule(
    call: Call, schedule_id: int, given: Mapping[str, Any], *, terminal_id: int | None = None
) -> Schedule:
    """Make the schedule `schedule_id` what is given; fields that are not have their defaults.

    Raises:
        NotFound, InvalidInput
    """
    return await call.gateway.database.write(_update, schedule_id, given, terminal_id, True)


@operation("schedules.delete", "operator")
async def delete_schedule(call: Call, schedule_id: int, *, terminal_id: int | None = None) -> Schedule:
    """Delete the schedule `schedule_id`; what the terminal was sent of it stays there.

    Raises:
        NotFound
    """

    def remove(connection: Connection) -> Schedule:
        schedules.get_schedule(connection, schedule_id, terminal_id=terminal_id)
        return schedules.delete_schedule(connection, schedule_id)

    return await call.gateway.database.write(remove)


@operation("schedules.copy", "operator")
async def copy_week(
    call: Call, from_terminal_id: int, to_terminal_ids: Sequence[int], *, replace: bool = False
) -> list[WeekCopy]:
    """Give the terminals `to_terminal_ids` the schedules of `from_terminal_id`: all of them or none.

    With `replace` what they had is removed first. Nothing is sent before it is synchronised.

    Raises:
        NotFound
        InvalidInput: a terminal has another schedule in the way, or is the one copied from.
    """
    if not to_terminal_ids:
        raise InvalidInput("to_terminal_ids must name at least one terminal", field="to_terminal_ids")
    return await call.gateway.database.write(
        schedules.copy_week,
        from_terminal_id,
        to_terminal_ids,
        replace=replace,
        now=utc_now(),
        check_fit=check_overlaps,
    )


@operation("schedules.assess", "viewer", writes=False)
async def assess_user(
    call: Call,
    terminal_id: int,
    enrollid: str,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> Assessment:
    """Who was on time: the punches of the user `enrollid` against the schedules of a terminal.

    From the working day `from_day` to `to_day`, both included; by default the week up to today.
    Punches of other terminals and those whose time is not trusted do not count.

    Raises:
        NotFound, InvalidInput
    """
    enrollid = check_line(enrollid, "enrollid", 32, needed=True)
    zone = ZoneInfo((await call.gateway.database.read(get_terminal, terminal_id)).timezone)
    last = to_day or from_day or utc_now().astimezone(zone).date()
    days = _days(from_day or max(last, _EARLIEST + _WEEK) - _WEEK, last)
    hours, punches = await call.gateway.database.read(_read, terminal_id, enrollid, days, zone)
    day_starts_at = call.gateway.settings.ingest.day_starts_at
    found = assess(hours, zone, punches, day_starts_at=day_starts_at, days=days)
    return Assessment(
        tuple(one for one in found.punches if days[0] <= one.day <= last),
        tuple(one for one in found.days if days[0] <= one.day <= last),
    )


def _update(
    connection: Connection,
    schedule_id: int,
    given: Mapping[str, Any],
    terminal_id: int | None,
    replaces: bool,
) -> Schedule:
    owner = schedules.get_schedule(connection, schedule_id, terminal_id=terminal_id).terminal_id
    others = schedules.list_for_change(connection, owner)
    # Read again: it may have been changed before the others were held.
    existing = schedules.get_schedule(connection, schedule_id)
    others = [one for one in others if one.id != schedule_id]
    draft = validate_schedule(given, existing=None if replaces else existing, others=others)
    return schedules.update_schedule(connection, schedule_id, draft, utc_now())


def _days(from_day: date, to_day: date) -> list[date]:
    for field, day in (("from_day", from_day), ("to_day", to_day)):
        if not _EARLIEST <= day <= _LATEST:
            raise InvalidInput(f"{field} must be from {_EARLIEST} to {_LATEST}", field=field)
    count = (to_day - from_day).days + 1
    if not 1 <= count <= MOST_DAYS:
        raise InvalidInput(f"to_day must be from_day or up to {MOST_DAYS - 1} days later", field="to_day")
    return [from_day + timedelta(days=number) for number in range(count)]


def _read(
    connection: Connection, terminal_id: int, enrollid: str, days: Sequence[date], zone: ZoneInfo
) -> tuple[list[Schedule], list[Punch]]:
    start = datetime.combine(days[0], time(), zone) - _REACH
    end = datetime.combine(days[-1], time(), zone) + _REACH
    rows = list_user_punches(connection, terminal_id, enrollid, start, end)
    punches = [Punch(row.id, row.at, cast('Literal["in", "out"] | None', row.direction)) for row in rows]
    return schedules.list_schedules(connection, terminal_id), punches
