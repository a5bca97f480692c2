"""Alarms on disk: one row a key, all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.store.factories import NOON
from tm20tui.alarms import Alarm
from tm20tui.store.alarms import list_alarms, save_alarms
from tm20tui.store.engine import Database

LATER = NOON + timedelta(hours=1)


async def test_what_is_known_of_an_alarm_comes_back(database: Database) -> None:
    first = Alarm("drift:1", "warning", "60 s off", NOON)
    second = Alarm("disk", "critical", "full", LATER, acknowledged_at=LATER, acknowledged_by="ann")
    await database.write(save_alarms, [])
    await database.write(save_alarms, [second, first])
    assert await database.read(list_alarms) == [first, second]
    cleared = replace(first, cleared_at=LATER)
    await database.write(save_alarms, [cleared])
    assert await database.read(list_alarms) == [second, cleared]
    again = Alarm("drift:1", "critical", "90 s off", LATER + timedelta(hours=1))
    await database.write(save_alarms, [again])
    assert await database.read(list_alarms) == [second, again]


async def test_of_those_that_cleared_the_last_are_listed(sqlite_database: Database) -> None:
    alarms = [
        Alarm(f"silent:{number}", "warning", "silent", NOON, cleared_at=NOON + timedelta(seconds=number))
        for number in range(9)
    ]
    await sqlite_database.write(save_alarms, alarms)
    assert await sqlite_database.read(list_alarms, 3) == alarms[-3:]
