"""Inventories of simulated terminals that lose users, credentials and names: repaired or reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.users.rig import Rig, running_rig
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.operations.inventories import list_user_states, set_inventory_interval, take_user_inventory
from tm20tui.operations.users_sync import fetch_users, list_user_loads, list_users_of_terminal, send_users
from tm20tui.simulate.memory import make_template
from tm20tui.simulate.terminal import Terminal
from tm20tui.store.inventories import TerminalInventory


async def with_users(rig: Rig, people: int, *, fingers: bool = True) -> tuple[Terminal, int]:
    """A terminal that holds everybody, the first with a fingerprint each, as its listing says."""
    rig.hr.people[0] = replace(rig.hr.people[0], admin=0)
    device, terminal_id = await rig.terminal()
    await fetch_users(rig.call(), rig.config_id)
    await rig.finished((await send_users(rig.call(), terminal_id)).task)
    if fingers:
        for user in list(device.device.users.rows.values())[: people // 2]:
            user.credentials[0] = None
    return device, terminal_id


async def take(rig: Rig, terminal_id: int, **options: Any) -> TerminalInventory:
    task = await rig.finished(await take_user_inventory(rig.call(), terminal_id, **options))
    assert task.status == "done", task.error
    return (await list_user_states(rig.call("viewer"), terminal_id=terminal_id)).terminals[0]


async def no_load_is_running(rig: Rig) -> None:
    with trio.fail_after(30):
        while (await list_user_loads(rig.call("viewer"), status="running")).loads:
            await trio.sleep(0.05)


def alarms(rig: Rig) -> list[str]:
    return [one.sentence for one in rig.gateway.alarms.active() if one.key.startswith("users-gone:")]


async def test_users_who_vanish_raise_an_alarm_and_are_restored(database_url: str, tmp_path: Path) -> None:
    async with running_rig(database_url, tmp_path, people=100) as rig:
        device, terminal_id = await with_users(rig, 100)
        found = await take(rig, terminal_id)
        assert (found.held, found.usual, found.wanted, found.drifted) == (100, 100, 100, 0)
        assert alarms(rig) == []
        for enrollid in range(26, 76):
            del device.device.users.rows[enrollid]
        found = await take(rig, terminal_id)
        assert (found.held, found.usual, found.drifted, found.has_dropped) == (50, 100, 50, True)
        assert "holds 50 users, 100 before" in alarms(rig)[0]
        await no_load_is_running(rig)
        (repair, _) = (await list_user_loads(rig.call("viewer"))).loads
        assert (repair.operator, repair.total, repair.done) == ("server", 50, 50)
        assert {one.name for one in device.device.users.rows.values()} == {p.name for p in rig.hr.people}
        # The next look, which comes by itself, sees that they are back.
        assert await rig.gateway.users.stocktaking.look() == "1 of 1 terminals"
        (found,) = (await list_user_states(rig.call("viewer"))).terminals
        assert (found.held, found.has_dropped) == (100, False)
        # Whose fingerprint was never told to the server is there without it, and stays named.
        assert found.drifted == 25
        page = await list_users_of_terminal(rig.call("viewer"), terminal_id, result="not verified")
        assert {one.reason for one in page.users} == {"inventory: the terminal lost fingerprint 0"}
        assert alarms(rig) == []


async def test_drift_is_only_reported_where_that_is_configured(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=10, users={"drift": "report"}) as rig:
        device, terminal_id = await with_users(rig, 10, fingers=False)
        await take(rig, terminal_id)
        del device.device.users.rows[4]
        device.device.users.rows[5].name = "Somebody Else"
        found = await take(rig, terminal_id)
        assert (found.drifted, found.has_dropped) == (2, False)
        page = await list_users_of_terminal(rig.call("viewer"), terminal_id, result="not verified")
        assert [(one.enrollid, one.reason) for one in page.users] == [
            ("4", "inventory: is not on the terminal"),
            ("5", "inventory: has the name 'Somebody Else'"),
        ]
        assert len((await list_user_loads(rig.call("viewer"))).loads) == 1
        assert 4 not in device.device.users.rows
        (drifted,) = (await list_user_states(rig.call("viewer"), drifted=True)).terminals
        assert drifted.terminal_id == terminal_id
        # Sent again by hand, the next inventory takes back what it said.
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        assert (await take(rig, terminal_id)).drifted == 0


async def test_a_fingerprint_that_a_terminal_loses_is_put_back(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=4) as rig:
        device, terminal_id = await with_users(rig, 0)
        person = device.device.users.rows[2]
        person.credentials[0] = None
        device.device.outbox.append(
            {"cmd": "senduser", "sn": device.sn, "enrollid": 2, "name": person.name, "backupnum": 0}
            | {"admin": 0, "record": make_template(2, 0)}
        )
        await rig.told("credentials", 1, device)
        await take(rig, terminal_id)
        person.credentials.clear()
        assert (await take(rig, terminal_id)).drifted == 1
        await no_load_is_running(rig)
        assert device.device.users.rows[2].read(0) == make_template(2, 0)


async def test_a_drop_that_is_right_is_accepted(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=10, users={"drift": "report"}) as rig:
        device, terminal_id = await with_users(rig, 20)
        await take(rig, terminal_id)
        device.device.users.rows.clear()
        found = await take(rig, terminal_id)
        assert (found.held, found.usual) == (0, 10)
        assert len(alarms(rig)) == 1
        assert (await take(rig, terminal_id, accept=True)).usual == 0
        assert alarms(rig) == []


async def test_intervals_are_the_terminals_own(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, users={"inventory_minutes": 0}) as rig:
        device, terminal_id = await with_users(rig, 10)
        look = rig.gateway.users.stocktaking.look
        assert await look() == "0 of 0 terminals"
        with pytest.raises(InvalidInput, match="minutes must be from 0"):
            await set_inventory_interval(rig.call(), terminal_id, minutes=-1)
        with pytest.raises(NotFound):
            await set_inventory_interval(rig.call(), 99, minutes=5)
        assert (await set_inventory_interval(rig.call(), terminal_id, minutes=60)).interval_minutes == 60
        assert await look() == "1 of 1 terminals"
        assert await look() == "0 of 0 terminals"
        # Nothing is asked of a terminal that is away.
        device.family = replace(device.family, command_seconds=10.0**7)
        task = (await send_users(rig.call(), terminal_id)).task
        with pytest.raises(Conflict, match="being sent"):
            await rig.gateway.users.stocktaking.take(terminal_id)
        rig.gateway.tasks.cancel(task.id)
        assert (await rig.finished(task)).status == "cancelled"
        (load, _) = (await list_user_loads(rig.call("viewer"))).loads
        assert (load.status, load.error) == ("cancelled", "an operator cancelled it")
