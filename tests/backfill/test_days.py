"""Days that are over: listed where nothing tells of them, and told of when they are complete."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trio

from tests.backfill.rig import punches, running_office
from tm20tui.model import utc_now
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.store.terminals import update_terminal


@pytest.mark.parametrize("family", list(FAMILIES))
async def test_yesterday_is_listed_and_told_of_once_it_is_complete(
    database_url: str, tmp_path: Path, family: str
) -> None:
    async with running_office(database_url, tmp_path) as office:
        device = office.make(family)
        terminal_id = await office.plug(device)
        await office.agreed(terminal_id)
        midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
        day = midnight.date() - timedelta(days=1)
        made = punches(70, midnight - timedelta(hours=16), timedelta(seconds=1))
        # Kept back while it was connected all the time, with counters that were not told since.
        device.device.logs.keep_back(made)
        known_since = {"first_seen_at": utc_now() - timedelta(days=9)}
        await office.gateway.database.write(update_terminal, terminal_id, known_since)
        backfill = office.gateway.backfill
        now = max(utc_now(), midnight + timedelta(minutes=11))
        backfill._now = lambda: now
        async with office.gateway.events.subscribe({"day.complete"}) as events:
            # A terminal that is busy is looked at the next time.
            with trio.fail_after(30):
                while not (await office.known(terminal_id)).phase:
                    await backfill.look({terminal_id})
            known = await office.finished(terminal_id)
            assert known.outcome == "70 records read, 70 of them were missing here"
            (seen,) = await office.days(terminal_id, day)
            assert (seen.reported, seen.stored, seen.is_complete) == (70, 70, True)
            await backfill.look({terminal_id})
            with trio.fail_after(30):
                told = await anext(events)
            assert (told.facts["terminal_id"], told.facts["day"]) == (terminal_id, day.isoformat())
            assert (told.facts["reported"], told.facts["delivered"]) == (70, 0)
            # Once, and it is not listed again.
            heard = len(await office.asked(terminal_id))
            await backfill.look({terminal_id})
            with trio.move_on_after(0.3) as nothing:
                await anext(events)
            assert nothing.cancelled_caught
            assert len(await office.asked(terminal_id)) == heard
