"""Schedules as stored: what was said comes back, a week is copied whole, a stale outcome is not recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
import trio
from sqlalchemy import Connection

from tests.store.factories import NOON, add_terminal
from tm20tui.errors import InvalidInput, NotFound
from tm20tui.protocol import GetTime, SetSchedule
from tm20tui.schedule.rules import check_overlaps, validate_schedule
from tm20tui.store.commands import add_command
from tm20tui.store.engine import Database
from tm20tui.store.schedules import (
    Schedule,
    ScheduleDraft,
    WeekCopy,
    add_schedule,
    copy_week,
    delete_schedule,
    get_schedule,
    list_for_change,
    list_schedules,
    list_schedules_of,
    list_sent_to,
    set_sync_state,
    update_schedule,
)
from tm20tui.store.vault import Vault

DAY = ScheduleDraft(
    name="Horaire Standard",
    weekday=0,
    check_in_time=time(8),
    check_out_time=time(17),
    break_start_time=time(12),
    break_end_time=time(13),
    tolerance_minutes=15,
    effective_from=date(2026, 1, 1),
)
NIGHT = ScheduleDraft("night", 4, time(22, 0, 30), time(6), is_active=False)
LATER = NOON + timedelta(hours=1)


async def test_what_was_said_comes_back(database: Database) -> None:
    def work(conn: Connection) -> None:
        terminal, other = add_terminal(conn, "A"), add_terminal(conn, "B")
        night = add_schedule(conn, terminal, NIGHT, NOON)
        day = add_schedule(conn, terminal, DAY, NOON)
        far = add_schedule(conn, other, DAY, NOON)
        assert (day.draft(), night.draft()) == (DAY, NIGHT)
        assert (day.terminal_id, day.created_at, day.updated_at) == (terminal, NOON, NOON)
        assert (day.sync_status, day.sync_reason, day.synced_at) == ("pending", "", None)
        assert list_schedules(conn, terminal) == [day, night]
        assert list_schedules(conn) == [day, night, far]
        assert get_schedule(conn, day.id, terminal_id=terminal) == day

    await database.write(work)


async def test_what_does_not_exist_is_not_found(database: Database) -> None:
    def work(conn: Connection) -> None:
        terminal, other = add_terminal(conn, "A"), add_terminal(conn, "B")
        day = add_schedule(conn, terminal, DAY, NOON)
        with pytest.raises(NotFound, match=f"no schedule with id {day.id}"):
            get_schedule(conn, day.id, terminal_id=other)
        for call in (get_schedule, delete_schedule):
            with pytest.raises(NotFound, match="no schedule with id 99"):
                call(conn, 99)
        with pytest.raises(NotFound, match="no schedule with id 99"):
            update_schedule(conn, 99, DAY, NOON)
        with pytest.raises(NotFound, match="no terminal with id 99"):
            add_schedule(conn, 99, DAY, NOON)
        with pytest.raises(NotFound, match="no terminal with id 99"):
            list_for_change(conn, 99)
        assert not set_sync_state(conn, 99, status="confirmed", now=NOON)
        assert delete_schedule(conn, day.id) == day
        assert list_schedules(conn, terminal) == []

    await database.write(work)


async def test_a_change_must_be_sent_again_unless_it_is_the_name(database: Database) -> None:
    def work(conn: Connection) -> None:
        ident = add_schedule(conn, add_terminal(conn), DAY, NOON).id
        assert set_sync_state(conn, ident, status="confirmed", now=LATER)
        renamed = update_schedule(conn, ident, replace(DAY, name="Standard"), LATER)
        assert (renamed.name, renamed.sync_status, renamed.synced_at) == ("Standard", "confirmed", LATER)
        changed = update_schedule(conn, ident, replace(DAY, name="x", tolerance_minutes=5), LATER)
        assert (changed.sync_status, changed.synced_at, changed.updated_at) == ("pending", LATER, LATER)
        assert changed.draft() == replace(DAY, name="x", tolerance_minutes=5)

    await database.write(work)


async def test_the_outcome_of_sending_is_recorded_only_for_what_was_sent(database: Database) -> None:
    def work(conn: Connection) -> None:
        sent = add_schedule(conn, add_terminal(conn), DAY, NOON)
        unknown = {"status": "not known", "reason": "does not know setschedule", "sent_version": NOON}
        assert set_sync_state(conn, sent.id, now=LATER, **unknown)  # type: ignore[arg-type]
        found = get_schedule(conn, sent.id)
        assert (found.sync_status, found.sync_reason, found.synced_at) == (
            "not known",
            "does not know setschedule",
            None,
        )
        update_schedule(conn, sent.id, replace(DAY, weekday=3), LATER)
        assert not set_sync_state(conn, sent.id, status="confirmed", now=LATER, sent_version=NOON)
        found = get_schedule(conn, sent.id)
        assert (found.sync_status, found.sync_reason) == ("pending", "")

    await database.write(work)


async def test_terminals_that_were_sent_what_is_pending_are_found(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        sent, old, other, confirmed = (add_terminal(conn, sn) for sn in "ABCD")
        for terminal in (sent, old, other, confirmed):
            add_schedule(conn, terminal, DAY, NOON)
        for terminal, command, at in (
            (sent, SetSchedule(0, "08:00", "17:00"), NOON),
            (old, SetSchedule(0, "08:00", "17:00"), NOON - timedelta(seconds=1)),
            (other, GetTime(), NOON),
            (confirmed, SetSchedule(0, "08:00", "17:00"), NOON),
        ):
            add_command(conn, vault, terminal, command, operator="ann", now=at)
        set_sync_state(conn, list_schedules(conn, confirmed)[0].id, status="confirmed", now=NOON)
        assert list_sent_to(conn, "setschedule") == [sent]
        assert list_schedules_of(conn, [old, sent, 99]) == {
            sent: list_schedules(conn, sent),
            old: list_schedules(conn, old),
        }

    await database.write(work)


async def test_a_week_is_copied_and_copied_again_without_doubling(database: Database) -> None:
    def work(conn: Connection) -> None:
        source, one, two = (add_terminal(conn, sn) for sn in "ABC")
        for weekday in range(5):
            add_schedule(conn, source, replace(DAY, weekday=weekday), NOON)
        own = add_schedule(conn, two, replace(DAY, weekday=6), NOON)
        done = copy_week(conn, source, [two, one, two], replace=False, now=LATER, check_fit=check_overlaps)
        assert done == [WeekCopy(one, 5, 0, 0), WeekCopy(two, 5, 0, 0)]
        copies = list_schedules(conn, two)
        assert copies[-1] == own
        assert [item.draft() for item in copies[:-1]] == [
            item.draft() for item in list_schedules(conn, source)
        ]
        assert {item.sync_status for item in copies} == {"pending"}
        again = copy_week(conn, source, [one, two], replace=True, now=LATER, check_fit=check_overlaps)
        assert again == [WeekCopy(one, 0, 5, 0), WeekCopy(two, 0, 5, 1)]
        assert list_schedules(conn, two) == copies[:-1]

    await database.write(work)


async def test_a_week_that_does_not_fit_is_copied_nowhere(database: Database) -> None:
    def before(conn: Connection) -> tuple[int, int, int]:
        source, free, taken = (add_terminal(conn, sn) for sn in "ABC")
        add_schedule(conn, source, DAY, NOON)
        add_schedule(conn, taken, replace(DAY, name="in the way", check_in_time=time(9)), NOON)
        return source, free, taken

    source, free, taken = await database.write(before)

    def copy(conn: Connection, targets: Sequence[int], replacing: bool) -> list[WeekCopy]:
        return copy_week(conn, source, targets, replace=replacing, now=LATER, check_fit=check_overlaps)

    with pytest.raises(InvalidInput, match="'in the way'"):
        await database.write(copy, [free, taken], False)
    assert await database.read(list_schedules, free) == []
    with pytest.raises(InvalidInput, match="onto its own terminal") as caught:
        await database.write(copy, [free, source], False)
    assert caught.value.field == "to_terminal_ids"
    with pytest.raises(NotFound, match="no terminal with id 99"):
        await database.write(copy, [free, 99], True)
    assert await database.write(copy, [free, taken], True) == [
        WeekCopy(free, 1, 0, 0),
        WeekCopy(taken, 1, 0, 1),
    ]


async def test_two_operators_cannot_both_add_what_overlaps(database: Database) -> None:
    terminal = await database.write(add_terminal)
    outcomes: list[str] = []

    def add(conn: Connection, name: str) -> Schedule:
        others = list_for_change(conn, terminal)
        fields = {"name": name, "weekday": 0, "check_in_time": "08:00", "check_out_time": "17:00"}
        return add_schedule(conn, terminal, validate_schedule(fields, existing=None, others=others), NOON)

    async def operator(name: str) -> None:
        try:
            await database.write(add, name)
        except InvalidInput:
            outcomes.append("refused")
        else:
            outcomes.append("added")

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(operator, f"operator {number}")
    assert sorted(outcomes) == ["added", *["refused"] * 5]
    assert len(await database.read(list_schedules, terminal)) == 1
