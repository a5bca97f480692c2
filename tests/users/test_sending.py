"""Users to simulated terminals: what is there afterwards is read from the terminals themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.store.factories import add_terminal, add_user
from tests.users.rig import Rig, running_rig
from tm20tui.errors import Conflict, Forbidden, InvalidInput, NotFound
from tm20tui.operations.users_sync import fetch_users, list_users_of_terminal, send_users
from tm20tui.simulate import commands as firmware
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.memory import StoredUser, make_template
from tm20tui.simulate.terminal import Terminal

every_family = pytest.mark.parametrize("family", ["TH600", "TH900", "AiFace"])


async def send(rig: Rig, terminal_id: int, **options: Any) -> dict[str, Any]:
    task = await rig.finished((await send_users(rig.call(), terminal_id, **options)).task)
    assert task.status == "done", task.error
    assert isinstance(task.result, dict)
    return task.result


async def asked(rig: Rig) -> Counter[str]:
    return Counter(row["name"] for row in await rig.rows("commands"))


def held(device: Terminal) -> dict[int, str]:
    return {user.enrollid: user.name for user in device.device.users.rows.values()}


@every_family
async def test_names_limits_and_leavers(sqlite_url: str, tmp_path: Path, family: str) -> None:
    async with running_rig(sqlite_url, tmp_path, people=60) as rig:
        device, terminal_id = await rig.terminal(family)
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        await fetch_users(rig.call(), rig.config_id)
        result = await send(rig, terminal_id)
        assert (result["users"], result["confirmed"], result["failed"]) == (60, 60, [])
        assert held(device) == {person.enrollid: person.name for person in rig.hr.people}
        assert {user.lock["weekzone"] for user in device.device.users.rows.values()} == {1}
        first = await asked(rig)
        assert (first["setusername"], first["setuserlock"], first["setuserinfo"]) == (2, 2, 0)
        again = await send(rig, terminal_id)
        assert again["confirmed"] == 60
        assert (await asked(rig))["setusername"] == 2
        gone = rig.hr.people.pop()
        (site,) = (await fetch_users(rig.call(), rig.config_id)).sites
        assert (site.gone, site.receipts) == ((str(gone.enrollid),), 1)
        with trio.fail_after(30):
            while (await list_users_of_terminal(rig.call(), terminal_id)).users[-1].result != "confirmed":
                await trio.sleep(0.05)
        (page) = await list_users_of_terminal(rig.call("viewer"), terminal_id, limit=1, after_id=59)
        assert (page.users[0].reported_state, page.counts) == ("disabled", {"confirmed": 60})
        assert not device.device.users.rows[gone.enrollid].enabled


async def test_three_hundred_users_and_three_disconnections(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=300) as rig:
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        device, terminal_id = await rig.terminal("TH900", scale=0.01)
        await fetch_users(rig.call(), rig.config_id)
        task = (await send_users(rig.call(), terminal_id)).task
        seen: list[int] = []
        for share in (40, 120, 200):
            with trio.fail_after(60):
                while (now := rig.gateway.tasks.get(task.id)).done < share:
                    await trio.sleep(0.01)
            seen.append(now.done)
            assert now.total == 300
            await rig.reconnect(device)
        done = await rig.finished(task, 120)
        assert (done.status, done.done) == ("done", 300)
        assert isinstance(done.result, dict)
        assert done.result["confirmed"] == 300
        assert seen == sorted(seen)
        assert held(device) == {person.enrollid: person.name for person in rig.hr.people}
        # Resumed: no packet was asked for again, save what was in flight at a cut.
        counts = await asked(rig)
        assert counts["setusername"] == 8
        assert device.tally.commands <= sum(counts.values()) + 3


async def test_a_terminal_that_is_away_is_waited_for(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=3) as rig:
        terminal_id = await rig.gateway.database.write(add_terminal, "TH9SIM000001", site="Default")
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        await fetch_users(rig.call(), rig.config_id)
        task = (await send_users(rig.call(), terminal_id)).task
        page = await list_users_of_terminal(rig.call(), terminal_id, result="pending")
        assert [(user.desired_state, user.reported_state) for user in page.users] == [
            ("present", "unknown")
        ] * 3
        with pytest.raises(Conflict, match="already"):
            await send_users(rig.call(), terminal_id)
        device, _ = await rig.terminal("TH900")
        assert (await rig.finished(task)).status == "done"
        assert len(held(device)) == 3


async def test_what_a_terminal_holds_differently_is_not_verified(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shortens(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        for row in message["record"]:
            user = device.users.rows.setdefault(row["enrollid"], StoredUser(row["enrollid"]))
            user.name = row["name"][:4]
        return {}

    monkeypatch.setitem(firmware._HANDLERS, "setusername", shortens)
    async with running_rig(sqlite_url, tmp_path) as rig:
        _, terminal_id = await rig.terminal()
        user_id = await rig.gateway.database.write(add_user, "7", "Annabelle", site="Default")
        result = await send(rig, terminal_id, user_ids=[user_id])
        assert (result["not_verified"], result["failed"][0]["enrollid"]) == (1, "7")
        assert "shows the name 'Anna'" in result["failed"][0]["reason"]


async def test_one_bad_user_does_not_cost_the_others(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = firmware._HANDLERS["setusername"]

    def picky(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        if any(row["enrollid"] == 4 for row in message["record"]):
            raise firmware.Refused("the memory is full")
        return whole(device, message)

    monkeypatch.setitem(firmware._HANDLERS, "setusername", picky)
    async with running_rig(sqlite_url, tmp_path) as rig:
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        device, terminal_id = await rig.terminal("AiFace")
        await fetch_users(rig.call(), rig.config_id)
        result = await send(rig, terminal_id)
        assert (result["confirmed"], result["refused"]) == (9, 1)
        assert "the memory is full" in result["failed"][0]["reason"]
        assert sorted(held(device)) == [1, 2, 3, 5, 6, 7, 8, 9, 10]


async def test_a_firmware_without_listing_and_without_setusername(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        return {"count": 0, "from": 0, "to": 0, "record": []}

    def nameless(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        user = device.users.rows.setdefault(message["enrollid"], StoredUser(message["enrollid"]))
        user.name = message["name"]
        return {}

    monkeypatch.setitem(firmware._HANDLERS, "getuserlist", nobody)
    monkeypatch.setitem(firmware._HANDLERS, "setuserinfo", nameless)
    async with running_rig(sqlite_url, tmp_path, people=5) as rig:
        rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
        device, terminal_id = await rig.terminal("AiFace", roster=3)
        family = device.device.family
        device.device.family = replace(family, commands=family.commands - {"setusername", "setuserlock"})
        await fetch_users(rig.call(), rig.config_id)
        result = await send(rig, terminal_id, remove_others=True)
        assert (result["confirmed"], result["failed"]) == (5, [])
        assert "lists nobody though it has users" in result["remark"]
        assert "nobody was removed" in result["removed"]["remark"]
        assert sorted(held(device)) == [1, 2, 3, 4, 5]


@every_family
async def test_others_are_removed_only_when_asked_and_administrators_never(
    sqlite_url: str, tmp_path: Path, family: str
) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        device, terminal_id = await rig.terminal(family, roster=50)
        user_id = await rig.gateway.database.write(add_user, "2", "Ann", site="Default")
        with pytest.raises(InvalidInput, match="all users"):
            await send_users(rig.call(), terminal_id, user_ids=[user_id], remove_others=True)
        await send(rig, terminal_id)
        assert len(held(device)) == 50
        result = await send(rig, terminal_id, remove_others=True)
        assert len(result["removed"]["deleted"]) == 48
        assert result["removed"]["kept"] == [
            {"enrollid": "1", "reason": "is an administrator of the terminal"}
        ]
        assert sorted(held(device)) == [1, 2]


async def test_a_fingerprint_goes_to_a_terminal_that_fits_and_to_no_other(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "older", replace(FAMILIES["TH600"], fpalgo="thbio1.0"))
    async with running_rig(sqlite_url, tmp_path) as rig:
        enrolled, _ = await rig.terminal("TH900", 1)
        fits, fits_id = await rig.terminal("TH600", 2)
        person = StoredUser(77, "Zoé", credentials={0: None})
        enrolled.device.users.rows[77] = person
        enrolled.device.outbox.append(
            {"cmd": "senduser", "sn": enrolled.sn, "enrollid": 77, "name": "Zoé", "backupnum": 0}
            | {"admin": 0, "record": make_template(77, 0)}
        )
        await rig.told("credentials", 1, enrolled)
        (user,) = await rig.rows("users")
        result = await send(rig, fits_id, user_ids=[user["id"]], credentials=True)
        assert (result["confirmed"], result["failed"]) == (1, [])
        assert fits.device.users.rows[77].read(0) == make_template(77, 0)
        older, older_id = await rig.terminal("older", 3)
        result = await send(rig, older_id, user_ids=[user["id"]], credentials=True)
        assert result["refused"] == 1
        assert "made for thbio3.0, the terminal has thbio1.0" in result["failed"][0]["reason"]
        assert older.device.users.rows[77].credentials == {}
        # While the server runs too: its journal beside the database is a file as well.
        clear = make_template(77, 0)[:40].encode()
        assert not [path for path in tmp_path.glob("tm20.db*") if clear in path.read_bytes()]
    assert clear not in Path(sqlite_url.removeprefix("sqlite:///")).read_bytes()


async def test_who_may_not_and_what_is_not(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path) as rig:
        terminal_id = await rig.gateway.database.write(add_terminal, "A", site="Default")
        waiting = await rig.gateway.database.write(add_terminal, "B", admission="pending")
        elsewhere = await rig.gateway.database.write(add_user, "7", "Ann", site="Lyon")
        with pytest.raises(Forbidden):
            await send_users(rig.call("viewer"), terminal_id)
        with pytest.raises(NotFound):
            await send_users(rig.call(), 99)
        with pytest.raises(NotFound) as unknown:
            await send_users(rig.call(), terminal_id, user_ids=[99])
        assert unknown.value.field == "user_ids"
        with pytest.raises(InvalidInput, match="belongs to Lyon"):
            await send_users(rig.call(), terminal_id, user_ids=[elsewhere])
        with pytest.raises(Conflict, match="pending"):
            await send_users(rig.call(), waiting)
        assert await rig.rows("enrollments") == []
