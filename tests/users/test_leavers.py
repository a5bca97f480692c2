"""Who leaves is disabled wherever known, with a receipt of each terminal, whenever it returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from tests.ingest.frames import rows
from tests.test_gateway import running, settings_for
from tests.users.rig import Rig, running_rig
from tm20tui.operations.users_sync import fetch_users, send_users
from tm20tui.simulate.people import Person
from tm20tui.simulate.terminal import Terminal
from tm20tui.store.engine import Database


async def receipts(rig: Rig, user_id: int) -> list[tuple[str, str, str]]:
    return [
        (row["desired_state"], row["reported_state"], row["result"])
        for row in await rig.rows("enrollments")
        if row["user_id"] == user_id
    ]


async def until(rig: Rig, user_id: int, *expected: tuple[str, str, str]) -> None:
    with trio.fail_after(15):
        while await receipts(rig, user_id) != list(expected):
            await trio.sleep(0.05)


async def test_a_leaver_is_out_of_three_terminals_one_of_them_when_it_returns(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with running_rig(sqlite_url, tmp_path, people=6) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        devices: list[Terminal] = []
        for index, family in enumerate(("TH600", "TH900", "AiFace"), 1):
            device, terminal_id = await rig.terminal(family, index)
            await rig.finished((await send_users(rig.call(), terminal_id)).task)
            devices.append(device)
        left = rig.hr.people.pop()
        stopped = devices[1].family
        devices[1].family = _slow(devices[1])
        await fetch_users(rig.call(), rig.config_id)
        done = ("disabled", "disabled", "confirmed")
        await until(rig, 6, done, ("disabled", "present", "pending"), done)
        devices[1].family = stopped
        rig.cut(devices[1])
        await until(rig, 6, done, done, done)
        assert [device.device.users.rows[left.enrollid].enabled for device in devices] == [False] * 3
        assert all(device.device.users.rows[1].enabled for device in devices)
        # Back again: enabled again.
        rig.hr.people.append(left)
        await fetch_users(rig.call(), rig.config_id)
        await until(rig, 6, *[("present", "present", "confirmed")] * 3)
        assert [device.device.users.rows[left.enrollid].enabled for device in devices] == [True] * 3


async def test_a_leaver_whom_the_terminal_lost_is_no_worry(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=6) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        device, terminal_id = await rig.terminal()
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        del device.device.users.rows[rig.hr.people.pop().enrollid]
        await fetch_users(rig.call(), rig.config_id)
        await until(rig, 6, ("disabled", "absent", "confirmed"))


async def test_receipts_are_waited_for_over_a_restart(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=6) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        device, terminal_id = await rig.terminal()
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        device.family = _slow(device)
        rig.hr.people.pop()
        await fetch_users(rig.call(), rig.config_id)
        with trio.fail_after(10):
            while (await rig.rows("enrollments"))[5]["command_id"] is None:
                await trio.sleep(0.02)
    async with running(settings_for(sqlite_url, tmp_path)):
        await trio.sleep(0.3)
    database = Database(sqlite_url)
    found: list[dict[str, Any]] = await rows(database, "commands")
    database.close()
    assert [row["status"] for row in found if row["name"] == "enableuser"] == ["queued"]


def _slow(device: Terminal) -> Any:
    return replace(device.family, command_seconds=10.0**7)
