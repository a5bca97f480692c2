"""Who leaves is disabled wherever known, with a receipt of each terminal, whenever it returns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.ingest.frames import rows
from tests.test_gateway import running, settings_for
from tests.users.rig import Rig, running_rig
from tm20tui.operations.users import change_user
from tm20tui.operations.users_sync import fetch_users, list_user_receipts, send_users
from tm20tui.simulate import commands as firmware
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
    with trio.fail_after(30):
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
        with trio.fail_after(30):
            while (await rig.rows("enrollments"))[5]["command_id"] is None:
                await trio.sleep(0.02)
    async with running(settings_for(sqlite_url, tmp_path)):
        await trio.sleep(0.3)
    database = Database(sqlite_url)
    found: list[dict[str, Any]] = await rows(database, "commands")
    database.close()
    assert [row["status"] for row in found if row["name"] == "enableuser"] == ["queued"]


async def test_each_terminal_gives_a_receipt_of_a_removal(database_url: str, tmp_path: Path) -> None:
    async with running_rig(database_url, tmp_path, people=6, users={"leavers": "remove"}) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        devices: list[Terminal] = []
        for index, family in enumerate(("TH600", "TH900", "AiFace"), 1):
            device, terminal_id = await rig.terminal(family, index)
            await rig.finished((await send_users(rig.call(), terminal_id)).task)
            devices.append(device)
        left = rig.hr.people.pop()
        # With fingerprints: AiFace deletes those by another number than a whole user.
        devices[2].device.users.rows[left.enrollid].credentials[0] = None
        await fetch_users(rig.call(), rig.config_id)
        await until(rig, 6, *[("absent", "absent", "confirmed")] * 3)
        assert not [device for device in devices if left.enrollid in device.device.users.rows]
        page = await list_user_receipts(rig.call("viewer"), user_id=6)
        assert [(one.action, one.result, one.enrollid) for one in page.receipts] == [
            ("remove", "confirmed", "6")
        ] * 3
        for receipt in page.receipts:
            assert receipt.sent_at is not None
            assert receipt.confirmed_at is not None
            assert receipt.requested_at <= receipt.sent_at <= receipt.confirmed_at
        # Nobody puts a leaver back.
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        assert left.enrollid not in devices[2].device.users.rows


async def test_who_is_disabled_by_hand_is_out_of_the_terminals(sqlite_url: str, tmp_path: Path) -> None:
    async with running_rig(sqlite_url, tmp_path, people=6) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        device, terminal_id = await rig.terminal()
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        found = await change_user(rig.call(), 3, is_enabled=False)
        assert found.user.left_at is not None
        await until(rig, 3, ("disabled", "disabled", "confirmed"))
        assert not device.device.users.rows[3].enabled
        assert (await change_user(rig.call(), 3, is_enabled=True)).user.left_at is None
        await until(rig, 3, ("present", "present", "confirmed"))
        page = await list_user_receipts(rig.call("viewer"), terminal_id=terminal_id)
        assert [(one.action, one.result) for one in page.receipts] == [
            ("enable", "confirmed"),
            ("disable", "confirmed"),
        ]


async def test_a_terminal_that_refuses_raises_an_alarm_and_the_receipt_says_why(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(device: Any, message: dict[str, Any]) -> dict[str, Any]:
        raise firmware.Refused("the administrator is locked")

    async with running_rig(sqlite_url, tmp_path, people=6) as rig:
        rig.hr.people[0] = Person(1, "Ann", 0)
        await fetch_users(rig.call(), rig.config_id)
        _, terminal_id = await rig.terminal("AiFace")
        await rig.finished((await send_users(rig.call(), terminal_id)).task)
        monkeypatch.setitem(firmware._HANDLERS, "enableuser", refuses)
        await change_user(rig.call(), 3, is_enabled=False)
        with trio.fail_after(30):
            while not (
                found := [one for one in rig.gateway.alarms.active() if one.key.startswith("leavers:")]
            ):
                await trio.sleep(0.05)
        assert "refuses to let go 1 user who left" in found[0].sentence
        (receipt,) = (await list_user_receipts(rig.call("viewer"), result="refused")).receipts
        assert "the administrator is locked" in receipt.reason
        assert receipt.confirmed_at is None


def _slow(device: Terminal) -> Any:
    return replace(device.family, command_seconds=10.0**7)
