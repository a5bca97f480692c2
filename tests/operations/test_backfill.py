"""Records pulled by hand and completeness by day, over a whole server and simulated terminals."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.backfill.rig import Office, Scripted, hours_ago, page, punches, running_office
from tests.test_gateway import running_hr
from tm20tui.errors import Conflict, Forbidden, InvalidInput
from tm20tui.model import utc_now
from tm20tui.operations import backfill
from tm20tui.operations.call import Call, Operator
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.hr import HrService
from tm20tui.tasks import TaskRecord

BY_HAND = {"backfill": {"enabled": False, "settle_seconds": 0.1}}


async def ended(office: Office, task: TaskRecord) -> TaskRecord:
    with trio.fail_after(30):
        while (found := office.gateway.tasks.get(task.id)).status == "running":
            await trio.sleep(0.01)
    return found


@pytest.mark.parametrize("family", list(FAMILIES))
async def test_new_records_and_then_days_are_pulled_by_hand(
    database_url: str, tmp_path: Path, family: str
) -> None:
    made = punches(120, hours_ago(2), timedelta(seconds=30))
    older = punches(30, hours_ago(2) - timedelta(days=3), timedelta(seconds=30))
    async with running_office(database_url, tmp_path, **BY_HAND) as office:
        device = office.make(family)
        device.device.logs.keep_back(older + made)
        device.device.logs.read_by_getnewlog = 30
        terminal_id = await office.plug(device)
        call = office.call()
        new = await ended(office, await backfill.pull_new(call, terminal_id))
        assert (new.status, new.done, new.total) == ("done", 120, 120)
        assert isinstance(new.result, dict)
        assert (new.result["records"], new.result["stored"]) == (120, 120)
        day = utc_now().date() - timedelta(days=3)
        days = await ended(office, await backfill.pull_all(call, terminal_id, from_day=day, to_day=day))
        assert isinstance(days.result, dict)
        assert (days.result["records"], days.result["stored"]) == (30, 30)
        everything = await ended(office, await backfill.pull_all(call, terminal_id))
        assert isinstance(everything.result, dict)
        assert (everything.result["stored"], everything.result["already_there"]) == (0, 150)
        shown = await backfill.show_completeness(call, terminal_id, from_day=day)
        complete = {one.day: one.reported for one in shown.days if one.is_complete}
        assert complete == {day: 30, utc_now().date(): 120}
        assert shown.last_pull == "150 records read, 0 of them were missing here"


async def test_a_pull_that_fails_says_why(sqlite_url: str, tmp_path: Path) -> None:
    made = punches(90, hours_ago(1), timedelta(seconds=9))

    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any]:
        return page(made, 0)

    async with (
        running_office(sqlite_url, tmp_path, **BY_HAND) as office,
        Scripted(office, answer).connected() as terminal_id,
    ):
        task = await ended(office, await backfill.pull_all(office.call(), terminal_id))
        assert (task.status, task.error) == (
            "failed",
            "100 records read, 50 of them were missing here; the terminal repeats page 1: stopped",
        )


async def test_a_pull_can_be_cancelled(sqlite_url: str, tmp_path: Path) -> None:
    asked = trio.Event()

    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        asked.set()
        return None

    async with (
        running_office(sqlite_url, tmp_path, **BY_HAND) as office,
        Scripted(office, answer).connected() as terminal_id,
    ):
        task = await backfill.pull_all(office.call(), terminal_id)
        await asked.wait()
        office.gateway.tasks.cancel(task.id)
        assert (await ended(office, task)).status == "cancelled"
        known = await office.known(terminal_id)
        assert (known.phase, known.outcome) == ("", "cancelled by an operator")


async def test_who_may_pull_and_from_which_terminal(sqlite_url: str, tmp_path: Path) -> None:
    async with running_office(sqlite_url, tmp_path, **BY_HAND) as office:
        device = office.make("TH900")
        terminal_id = await office.plug(device)
        viewer = Call(office.gateway, Operator("bob", "viewer", "console"))
        with pytest.raises(Forbidden):
            await backfill.pull_new(viewer, terminal_id)
        await backfill.show_completeness(viewer, terminal_id)
        with pytest.raises(InvalidInput, match="from_day must not be after to_day"):
            await backfill.pull_all(
                office.call(), terminal_id, from_day=date(2026, 6, 2), to_day=date(2026, 6, 1)
            )
        with pytest.raises(InvalidInput, match="92 days at most"):
            await backfill.show_completeness(
                viewer, terminal_id, from_day=date(2026, 1, 1), to_day=date(2026, 6, 1)
            )
        with pytest.raises(InvalidInput, match="from_day must be given"):
            await backfill.pull_all(office.call(), terminal_id, to_day=date(2026, 6, 1))
        with pytest.raises(InvalidInput, match="from the year 2000"):
            await backfill.show_completeness(viewer, terminal_id, from_day=date(1, 1, 1))
        await office.unplug(device)
        with pytest.raises(Conflict, match="is not connected"):
            await backfill.pull_new(office.call(), terminal_id)


async def test_what_is_owed_keeps_a_day_open_until_it_is_delivered(database_url: str, tmp_path: Path) -> None:
    service = HrService(seed=1)
    async with running_office(database_url, tmp_path) as office, running_hr(office.gateway, service):
        device = office.make("TH600")
        terminal_id = await office.plug(device)
        before = await office.agreed(terminal_id)
        await office.unplug(device)
        device.device.logs.keep_back(punches(12, hours_ago(2)))
        await office.plug(device)
        await office.agreed(terminal_id, before, counted=12)
        with trio.fail_after(30):
            while not (day := (await office.days(terminal_id, utc_now().date()))[0]).is_complete:
                assert day.reason.endswith("owed"), day
                await trio.sleep(0.01)
        assert (day.punches, day.delivered, day.owed) == (12, 12, 0), await office.known(terminal_id)
        assert len(service.records) == 12
