"""Schedules over a store: added, changed, replaced, deleted, copied; and who was on time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from tests.operations.conftest import Desk
from tests.store.factories import add_punch, add_terminal
from tm20tui.errors import InvalidInput, NotFound
from tm20tui.operations import schedules

STANDARD: dict[str, Any] = {
    "name": "Standard",
    "weekday": 0,
    "check_in_time": "08:00",
    "check_out_time": "17:00",
    "break_start_time": "12:00",
    "break_end_time": "13:00",
    "tolerance_minutes": 15,
}
MONDAY = date(2026, 6, 1)


async def test_a_schedule_from_adding_to_deleting(desk: Desk) -> None:
    terminal, other = [await desk.database.write(add_terminal, sn) for sn in ("T1", "T2")]
    call = desk.call("operator")
    added = await schedules.add_schedule(call, terminal, STANDARD)
    assert (added.check_in_time, added.tolerance_minutes, added.sync_status) == (time(8), 15, "pending")
    changed = await schedules.change_schedule(call, added.id, {"weekday": 4}, terminal_id=terminal)
    assert (changed.weekday, changed.break_start_time) == (4, time(12))
    night = {"name": "Night", "weekday": 4, "check_in_time": "22:00", "check_out_time": "06:00"}
    replaced = await schedules.replace_schedule(call, added.id, night)
    assert (replaced.break_start_time, replaced.tolerance_minutes) == (None, 0)
    assert await schedules.list_schedules(desk.call("viewer")) == [replaced]
    assert await schedules.get_schedule(desk.call("viewer"), added.id) == replaced
    for act in (
        schedules.get_schedule(call, added.id, terminal_id=other),
        schedules.change_schedule(call, added.id, {}, terminal_id=other),
        schedules.delete_schedule(call, added.id, terminal_id=other),
        schedules.list_schedules(call, terminal_id=99),
        schedules.add_schedule(call, 99, STANDARD),
    ):
        with pytest.raises(NotFound):
            await act
    assert (await schedules.delete_schedule(call, added.id)).name == "Night"
    assert await schedules.list_schedules(call, terminal_id=terminal) == []
    assert [name for name, outcome in await desk.audited() if outcome == "done"] == [
        "schedules.add",
        "schedules.change",
        "schedules.replace",
        "schedules.delete",
    ]


async def test_schedules_in_each_others_way(desk: Desk) -> None:
    terminal, other = [await desk.database.write(add_terminal, sn) for sn in ("T1", "T2")]
    call = desk.call()
    first = await schedules.add_schedule(call, terminal, STANDARD)
    with pytest.raises(InvalidInput, match="overlaps schedule 1 'Standard'"):
        await schedules.add_schedule(call, terminal, STANDARD | {"name": "Twice"})
    second = await schedules.add_schedule(call, terminal, STANDARD | {"weekday": 1})
    with pytest.raises(InvalidInput, match="overlaps"):
        await schedules.change_schedule(call, second.id, {"weekday": 0})
    # Itself is in nobody's way.
    await schedules.replace_schedule(call, first.id, STANDARD | {"check_out_time": "18:00"})
    (copied,) = await schedules.copy_week(call, terminal, [other])
    assert (copied.added, copied.already_there, copied.removed) == (2, 0, 0)
    await schedules.change_schedule(call, first.id, {"check_in_time": "07:00"})
    with pytest.raises(InvalidInput, match="overlaps"):
        await schedules.copy_week(call, terminal, [other])
    (copied,) = await schedules.copy_week(call, terminal, [other], replace=True)
    assert (copied.added, copied.already_there, copied.removed) == (1, 1, 1)
    with pytest.raises(InvalidInput, match="at least one"):
        await schedules.copy_week(call, terminal, [])


async def test_who_was_on_time(desk: Desk) -> None:
    terminal = await desk.database.write(add_terminal, "T1")
    call = desk.call("viewer")
    await schedules.add_schedule(desk.call(), terminal, STANDARD)
    for number, (clock, problem, who) in enumerate(
        [
            ("08:20", None, "123"),
            ("17:00", None, "123"),
            ("09:00", "in the future", "123"),
            ("08:00", None, "7"),
        ]
    ):
        at = datetime.combine(MONDAY, time.fromisoformat(clock), UTC)
        values = {"time_utc": at, "time_raw": f"{at:%Y-%m-%d %H:%M:%S}", "enrollid": who}
        await desk.database.write(add_punch, terminal, number, **values, time_problem=problem)
    found = await schedules.assess_user(call, terminal, "123", from_day=MONDAY, to_day=date(2026, 6, 8))
    assert [(one.role, one.verdict, one.minutes) for one in found.punches] == [
        ("arrival", "late", 20),
        ("departure", "on time", 0),
    ]
    assert [(day.day, day.missing) for day in found.days] == [
        (MONDAY, ()),
        (date(2026, 6, 8), ("arrival", "departure")),
    ]
    one_day = await schedules.assess_user(call, terminal, "123", from_day=MONDAY)
    assert [day.day for day in one_day.days] == [MONDAY]
    this_week = await schedules.assess_user(call, terminal, "123")
    assert (this_week.punches, len(this_week.days)) == ((), 1)
    for first, last in ((MONDAY, date(2026, 5, 31)), (MONDAY, date(2026, 12, 1)), (date(1, 1, 1), MONDAY)):
        with pytest.raises(InvalidInput):
            await schedules.assess_user(call, terminal, "123", from_day=first, to_day=last)
