"""Back-fill against the simulator's firmware families and the whole server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trio

from tests.backfill.rig import hours_ago, punches, running_office
from tm20tui.model import utc_now
from tm20tui.simulate.firmware import FAMILIES

every_family = pytest.mark.parametrize("family", list(FAMILIES))


@every_family
async def test_forty_punches_made_offline_are_stored_and_the_day_says_complete(
    database_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(database_url, tmp_path) as office:
        device = office.make(family)
        begun = utc_now()
        terminal_id = await office.plug(device)
        before = await office.agreed(terminal_id)
        await office.unplug(device)
        made = punches(40, hours_ago(2))
        device.device.logs.append(made)
        (day,) = await office.days(terminal_id, begun.date())
        assert day.reason.startswith("not reconciled since")
        await office.plug(device)
        known = await office.agreed(terminal_id, before, counted=40)
        assert await office.stored() == [one.time for one in made], known
        (day,) = await office.days(terminal_id, begun.date())
        assert (day.is_complete, day.reason) == (True, "")
        assert (day.reported, day.stored, day.missing) == (40, 40, 0)


@every_family
async def test_what_the_terminal_does_not_send_by_itself_is_pulled(
    database_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(database_url, tmp_path) as office:
        device = office.make(family)
        begun = utc_now()
        terminal_id = await office.plug(device)
        await office.agreed(terminal_id)
        await office.unplug(device)
        made = punches(140, hours_ago(2), timedelta(seconds=30))
        device.device.logs.keep_back(made)
        await office.plug(device)
        known = await office.finished(terminal_id)
        assert known.outcome == "140 records read, 140 of them were missing here"
        assert await office.stored() == [one.time for one in made]
        (day,) = await office.days(terminal_id, begun.date())
        assert (day.is_complete, day.reported, day.stored) == (True, 140, 140)
        await trio.sleep(0.3)
        assert {name for name, _ in await office.asked(terminal_id)} == {"getnewlog"}
