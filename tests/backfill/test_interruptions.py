"""Pulls that are cut short: gone on with where they were, nothing lost, nothing stored twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trio

from tests.backfill.rig import Office, hours_ago, punches, running_office
from tests.ingest.frames import rows
from tm20tui.model import utc_now
from tm20tui.protocol import OpenDoor
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Punch
from tm20tui.simulate.terminal import Terminal

every_family = pytest.mark.parametrize("family", list(FAMILIES))


def of_days(per_day: int) -> list[Punch]:
    """Records of the four days before today, and of today."""
    made: list[Punch] = []
    for back in range(4, -1, -1):
        start = hours_ago(1) - timedelta(days=back)
        made += punches(per_day, start, timedelta(seconds=20))
    return made


async def reached(office: Office, terminal_id: int, records: int) -> None:
    with trio.fail_after(30):
        while True:
            pulled = office.gateway.backfill.pulled(terminal_id)
            if pulled is not None and pulled.records >= records:
                return
            await trio.sleep(0.002)


def without_new(office: Office, family: str) -> Terminal:
    """A terminal that has all its records read as new already, so that days are asked for."""
    return office.make(
        family,
        commands=FAMILIES[family].commands - {"getnewlog"},
        answers_unknown=True,
        explains_failures=True,
    )


@every_family
async def test_after_a_disconnection_it_goes_on_at_the_day_it_was_in(
    database_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(database_url, tmp_path, backfill={"settle_seconds": 0.1, "days": 6}) as office:
        device = without_new(office, family)
        made = of_days(160)
        device.device.logs.keep_back(made)
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 400)
        await office.unplug(device)
        cut = await office.known(terminal_id)
        assert cut.phase == "days"
        await office.plug(device)
        known = await office.finished(terminal_id)
        assert not known.is_failed
        assert await office.stored() == sorted(one.time for one in made)
        # Days that were whole before were not asked for again.
        commands = await rows(office.gateway.database, "commands")
        froms = [row["arguments"] for row in commands if '"from"' in row["arguments"]]
        assert len(froms) <= 7 + 1
        assert len(set(froms)) == 7
        totals = {row["name"]: row["value"] for row in await rows(office.gateway.database, "totals")}
        assert totals["punches"] == len(made)


@every_family
async def test_new_records_that_were_lost_on_the_way_are_found_by_days(
    sqlite_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(sqlite_url, tmp_path, backfill={"settle_seconds": 0.1, "days": 2}) as office:
        device = office.make(family)
        made = punches(240, hours_ago(2), timedelta(seconds=20))
        device.device.logs.keep_back(made)
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 100)
        await office.unplug(device)
        # It counts as read what was never answered.
        device.device.logs.read_by_getnewlog = device.device.logs.total
        await office.plug(device)
        await office.finished(terminal_id)
        assert await office.stored() == [one.time for one in made]
        assert {"getnewlog", "getalllog"} <= {name for name, _ in await office.asked(terminal_id)}


@every_family
async def test_a_restart_of_the_server_goes_on_with_it(
    database_url: str, tmp_path: Path, family: str
) -> None:
    sections = {"backfill": {"settle_seconds": 0.1, "days": 6}}
    made = of_days(160)
    async with running_office(database_url, tmp_path, **sections) as office:
        device = without_new(office, family)
        device.device.logs.keep_back(made)
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 400)
        await office.unplug(device)
        cut = await office.known(terminal_id)
        assert cut.phase == "days"
    async with running_office(database_url, tmp_path, **sections) as office:
        assert await office.plug(device) == terminal_id
        known = await office.finished(terminal_id)
        assert not known.is_failed
        assert await office.stored() == sorted(one.time for one in made)
        page = await rows(office.gateway.database, "commands")
        assert len({row["arguments"] for row in page if '"from"' in row["arguments"]}) == 7


@every_family
async def test_live_punches_during_a_pull_are_stored_once(
    database_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(database_url, tmp_path) as office:
        device = office.make(family)
        # Of yesterday too, soon after midnight: what it kept back must be older than what comes now.
        kept = punches(400, utc_now() - timedelta(hours=3), timedelta(seconds=15))
        device.device.logs.keep_back(kept)
        # Its clock is set when it registers: what comes then is later than what it told, for certain.
        device.device.clock.set(f"{utc_now() - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}")
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 50)
        for _ in range(20):
            office.punch(device)
            await trio.sleep(0.02)
        await office.finished(terminal_id)
        with trio.fail_after(30):
            while device.device.logs.pending:
                await trio.sleep(0.01)
        stored = await rows(office.gateway.database, "punches")
        assert len(stored) == len({(row["enrollid"], row["time_raw"]) for row in stored}) == 420
        assert all(row["access_granted"] for row in stored)
        # Both sides still agree afterwards: nothing is pulled again.
        known = await office.agreed(terminal_id)
        await office.unplug(device)
        await office.plug(device)
        after = await office.agreed(terminal_id, known, counted=420)
        assert after.finished_at == known.finished_at, (known, after)


async def test_what_was_told_before_live_punches_and_agreed_with_is_not_compared_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with running_office(sqlite_url, tmp_path) as office:
        device = office.make("TH900")
        device.device.logs.keep_back(punches(400, utc_now() - timedelta(hours=3), timedelta(seconds=15)))
        device.device.clock.set(f"{utc_now() - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}")
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 1)
        office.punch(device)
        known = await office.agreed(terminal_id)
        # As when it repeated its `reg` during the pull.
        office.gateway.backfill._due.add(terminal_id)
        office.gateway.backfill._news.set()
        with trio.fail_after(30):
            while terminal_id not in office.gateway.backfill._waiting:
                await trio.sleep(0.01)
            while terminal_id in office.gateway.backfill._waiting:
                await trio.sleep(0.01)
        assert await office.known(terminal_id) == known


async def test_a_door_is_opened_in_the_middle_of_a_pull(sqlite_url: str, tmp_path: Path) -> None:
    async with running_office(sqlite_url, tmp_path) as office:
        device = office.make("TH600", command_seconds=5.0)
        device.device.logs.keep_back(punches(400, hours_ago(3), timedelta(seconds=15)))
        terminal_id = await office.plug(device)
        await reached(office, terminal_id, 50)
        record, _ = await office.gateway.commands.ask_and_wait(
            terminal_id, OpenDoor(), operator="ann", seconds=30
        )
        assert record.status == "confirmed"
        pulled = office.gateway.backfill.pulled(terminal_id)
        assert pulled is not None
        assert pulled.records < 400
        await office.finished(terminal_id)
        assert len(await office.stored()) == 400
