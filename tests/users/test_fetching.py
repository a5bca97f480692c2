"""Users from a service into a whole server: HR says nothing, half, one id twice, somebody else's id."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.store.factories import add_terminal, add_user
from tests.users.rig import Rig, running_rig
from tm20tui.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from tm20tui.operations.services import change_service
from tm20tui.operations.users_sync import fetch_users, fetch_users_in_background
from tm20tui.periodic import PeriodicRecord
from tm20tui.simulate.hr import Fault
from tm20tui.simulate.people import Person


async def names(rig: Rig) -> dict[str, tuple[str, bool]]:
    return {row["enrollid"]: (row["name"], bool(row["is_enabled"])) for row in await rig.rows("users")}


async def test_users_come_and_change_in_one_transaction(database_url: str, tmp_path: Path) -> None:
    async with running_rig(database_url, tmp_path) as rig:
        report = await fetch_users(rig.call(), rig.config_id)
        (site,) = report.sites
        assert (report.received, site.added, site.changed, site.unchanged) == (10, 10, 0, 0)
        rig.hr.people[0] = Person(1, "Another Name", 0)
        (site,) = (await fetch_users(rig.call(), rig.config_id)).sites
        assert (site.added, site.changed, site.unchanged) == (0, 1, 9)
        assert (await names(rig))["1"] == ("Another Name", True)
        (service,) = await rig.rows("services")
        assert service["last_users_sync_at"] is not None


async def test_nothing_and_half_are_refused_with_an_alarm_until_confirmed(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        await fetch_users(rig.call(), rig.config_id)
        before, people = await names(rig), list(rig.hr.people)
        for left, words in ((0, "no user"), (5, "5 of 10 users are gone")):
            rig.hr.people = people[:left]
            with pytest.raises(Conflict, match=words):
                await fetch_users(rig.call(), rig.config_id)
            assert await names(rig) == before
            (alarm,) = rig.alarms()
            assert words in alarm
        (site,) = (await fetch_users(rig.call(), rig.config_id, confirm=True)).sites
        assert site.gone == ("6", "7", "8", "9", "10")
        assert rig.alarms() == []
        assert [found[1] for found in (await names(rig)).values()] == [True] * 5 + [False] * 5
        rig.hr.people = people
        (site,) = (await fetch_users(rig.call(), rig.config_id)).sites
        assert (site.changed, site.gone) == (5, ())


async def test_an_id_twice_and_an_id_held_by_someone_else(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        await rig.gateway.database.write(add_user, "3", "Marie", site="Default")
        rig.hr.people.append(Person(5, "Somebody Else", 0))
        report = await fetch_users(rig.call(), rig.config_id)
        (site,) = report.sites
        assert report.received == 11
        assert [clash.enrollid for clash in site.conflicts] == ["5", "3"]
        assert "Somebody Else" in site.conflicts[0].theirs
        found = await names(rig)
        assert found["3"] == ("Marie", True)
        assert "5" not in found
        assert site.added == 8


async def test_the_same_id_in_two_sites_is_two_people(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=2) as rig:
        there = await rig.gateway.database.write(add_terminal, "B", site="Lyon")
        await rig.gateway.database.write(add_user, "1", "Marie", site="Default")
        (site,) = (await fetch_users(rig.call(), rig.config_id, terminal_id=there)).sites
        assert (site.added, site.conflicts) == (2, ())
        assert sorted(row["enrollid"] for row in await rig.rows("users")) == ["1", "1", "2"]


async def test_what_cannot_be_fetched(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        rig.hr.fault = Fault.GARBAGE
        with pytest.raises(Unavailable, match="a web page instead of users"):
            await fetch_users(rig.call(), rig.config_id)
        with pytest.raises(NotFound) as unknown:
            await fetch_users(rig.call(), 99)
        assert unknown.value.field == "config_id"
        with pytest.raises(NotFound):
            await fetch_users(rig.call(), rig.config_id, terminal_id=99)
        with pytest.raises(Forbidden):
            await fetch_users(rig.call("viewer"), rig.config_id)
        there = await rig.gateway.database.write(add_terminal, "A", site="Default")
        await change_service(rig.call("admin"), rig.config_id, {"terminal_ids": []})
        with pytest.raises(Conflict, match="not mapped"):
            await fetch_users(rig.call(), rig.config_id, terminal_id=there)
        await change_service(rig.call("admin"), rig.config_id, {"users_endpoint": ""})
        with pytest.raises(InvalidInput, match="users_endpoint"):
            await fetch_users(rig.call(), rig.config_id)
        await change_service(rig.call("admin"), rig.config_id, {"is_active": False})
        with pytest.raises(Conflict, match="not active"):
            await fetch_users(rig.call(), rig.config_id)
        assert await rig.rows("users") == []


async def test_in_the_background_and_from_time_to_time(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        task = await rig.finished(await fetch_users_in_background(rig.call(), rig.config_id))
        assert isinstance(task.result, dict)
        assert task.result["sites"][0]["added"] == 10
        timetable = rig.gateway.users.timetable
        timetable.fetch_now(rig.config_id)
        assert (await fetched(rig)).last_result == "0 added, 0 changed, 0 gone"
        rig.hr.people.clear()
        assert rig.gateway.tasks.run_now("users from HR").name == "users from HR"
        with trio.fail_after(30):
            while not (await fetched(rig)).last_error:
                await trio.sleep(0.01)
        (record,) = [one for one in rig.gateway.tasks.periodic() if one.name == "users from HR"]
        assert "no user" in record.last_error
        assert record.interval_seconds == 3600


async def fetched(rig: Rig) -> PeriodicRecord:
    with trio.fail_after(30):
        while True:
            for record in rig.gateway.tasks.periodic():
                if record.name == "users from HR" and record.last_finished_at and not record.running:
                    return record
            await trio.sleep(0.01)
