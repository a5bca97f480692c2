"""Firmware that is silent, repeats itself, counts wrong or ignores what it is asked: the outcome is true."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.backfill.rig import Office, Scripted, hours_ago, page, punches, running_office
from tests.ingest.frames import rows
from tm20tui.model import utc_now
from tm20tui.simulate.ledger import Punch


def today(count: int) -> list[Punch]:
    return punches(count, hours_ago(3), timedelta(seconds=30))


def lister(records: Sequence[Punch], *names: str, size: int = 50, **members: Any) -> Any:
    """A terminal that lists `records` for the commands `names`, by days where it is asked to."""
    position = {"at": 0}
    chosen: list[Punch] = []

    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        if name not in names:
            return {"result": False, "reason": 1, "msg": "can not find this command"}
        if frame["stn"]:
            first, last = frame.get("from", "0"), frame.get("to", "9")
            chosen[:] = [one for one in records if first <= one.time[:10] <= last]
            position["at"] = 0
        told = page(chosen, position["at"], size, **members)
        position["at"] += len(told["record"])
        return told if told["record"] else page([], 0)

    return answer


async def pull_of(office: Office, terminal: Scripted) -> tuple[str, int]:
    """The outcome of the first pull, and the terminal's id."""
    async with terminal.connected() as terminal_id:
        return (await office.finished(terminal_id)).outcome, terminal_id


async def test_a_firmware_that_ignores_getnewlog_is_asked_by_days(database_url: str, tmp_path: Path) -> None:
    made = today(120)
    async with running_office(database_url, tmp_path) as office:
        terminal = Scripted(office, lister(made, "getalllog"), devinfo={"usedlog": 120})
        outcome, terminal_id = await pull_of(office, terminal)
        assert outcome == "120 records read, 120 of them were missing here"
        assert await office.stored() == [one.time for one in made]
        (day,) = await office.days(terminal_id, utc_now().date())
        assert (day.reported, day.stored, day.missing) == (120, 120, 0)
        assert office.gateway.alarms.active() == ()


@pytest.mark.parametrize("members", [{"count": 50}, {"count": 50, "from": 0}, {}])
async def test_pages_that_count_themselves_are_read_to_the_end(
    sqlite_url: str, tmp_path: Path, members: dict[str, int]
) -> None:
    made = today(130)
    async with running_office(sqlite_url, tmp_path) as office:
        answer = lister(made, "getalllog", **members)
        outcome, _ = await pull_of(office, Scripted(office, answer, devinfo={"usedlog": 130}))
        assert outcome == "130 records read, 130 of them were missing here"
        assert len(await office.stored()) == 130


async def test_a_page_that_is_repeated_for_ever_is_an_alarm(database_url: str, tmp_path: Path) -> None:
    made = today(400)

    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        if name != "getalllog":
            return {"result": False, "msg": "can not find this command"}
        if frame["stn"]:
            position["at"] = 0
            if frame["from"] != str(utc_now().date()):
                return page([], 0)
        told = page(made, position["at"])
        position["at"] = min(100, position["at"] + 50)
        return told

    position = {"at": 0}
    async with running_office(database_url, tmp_path) as office:
        terminal = Scripted(office, answer, devinfo={"usedlog": 400})
        async with terminal.connected() as terminal_id:
            outcome = (await office.finished(terminal_id)).outcome
            assert outcome == (
                "200 records read, 150 of them were missing here; the terminal repeats page 3: stopped"
            )
            (alarm,) = office.gateway.alarms.active()
            assert (alarm.key, alarm.sentence) == (f"backfill:{terminal_id}", f"SCRIPTED1: {outcome}")
            (day,) = await office.days(terminal_id, utc_now().date())
            assert not day.is_complete
            # It is not asked again at once, whenever it registers.
            heard = len(terminal.heard)
        async with terminal.connected():
            await trio.sleep(0.5)
            assert len(terminal.heard) == heard


async def test_a_counter_that_lies_is_found_out(database_url: str, tmp_path: Path) -> None:
    made = today(60)
    async with running_office(database_url, tmp_path) as office:
        terminal = Scripted(office, lister(made, "getalllog"), devinfo={"usedlog": 60})
        _, terminal_id = await pull_of(office, terminal)
        before = await office.known(terminal_id)
        terminal.devinfo = {"usedlog": 560}
        async with terminal.connected():
            known = await office.finished(terminal_id, pulls=2)
        assert known.finished_at != before.finished_at
        assert known.outcome.endswith("0 of them were missing here; it counts 500 more than it gives")
        assert known.unaccounted == 500
        # What it counts more is known now: the next time it agrees.
        async with terminal.connected():
            assert (await office.agreed(terminal_id, known)).finished_at == known.finished_at


async def test_a_listing_that_has_less_than_it_says_leaves_the_day_open(
    sqlite_url: str, tmp_path: Path
) -> None:
    made = today(60)
    async with running_office(sqlite_url, tmp_path) as office:
        answer = lister(made, "getalllog", count=90)
        outcome, terminal_id = await pull_of(office, Scripted(office, answer, devinfo={"usedlog": 90}))
        assert outcome.endswith("; the terminal lists 90 records and gave 60")
        (day,) = await office.days(terminal_id, utc_now().date())
        assert (day.reported, day.stored, day.missing, day.reason) == (90, 60, 30, "30 missing")


async def test_a_firmware_that_ignores_days_is_listed_whole(sqlite_url: str, tmp_path: Path) -> None:
    made = punches(30, hours_ago(3) - timedelta(days=9), timedelta(seconds=30)) + today(40)

    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        return plain(name, {"stn": frame["stn"]}) if name == "getalllog" else None

    plain = lister(made, "getalllog")
    async with running_office(sqlite_url, tmp_path, backfill={"settle_seconds": 0.1, "days": 2}) as office:
        terminal = Scripted(office, answer, devinfo={"usedlog": 70, "usednewlog": 50_000})
        outcome, terminal_id = await pull_of(office, terminal)
        assert "70 of them were missing here" in outcome
        assert await office.stored() == [one.time for one in made]
        assert (await office.known(terminal_id)).counted == 70


async def test_a_terminal_that_gives_nothing_at_all_says_so(sqlite_url: str, tmp_path: Path) -> None:
    async with running_office(sqlite_url, tmp_path) as office:
        terminal = Scripted(office, lister([]), devinfo={"usedlog": 9})
        outcome, terminal_id = await pull_of(office, terminal)
        assert outcome.startswith("0 records read, 0 of them were missing here; getalllog: does not know")
        (day,) = await office.days(terminal_id, utc_now().date())
        assert day.reason == "not reconciled yet"


async def test_bad_records_of_a_page_are_set_aside(database_url: str, tmp_path: Path) -> None:
    def answer(name: str, frame: dict[str, Any]) -> dict[str, Any] | None:
        if name != "getalllog":
            return {"result": False, "msg": "can not find this command"}
        told = page(today(2), 0) if frame["stn"] and frame["from"] == str(utc_now().date()) else page([], 0)
        told["record"] += [{"enrollid": "nobody", "time": 7}] if told["record"] else []
        return told | {"count": len(told["record"])}

    async with running_office(database_url, tmp_path) as office:
        outcome, _ = await pull_of(office, Scripted(office, answer, devinfo={"usedlog": 3}))
        assert outcome.startswith("3 records read, 2 of them were missing here, 1 set aside as unreadable")
        assert len(await rows(office.gateway.database, "quarantine")) == 1


async def test_without_counters_the_last_days_are_listed(sqlite_url: str, tmp_path: Path) -> None:
    made = today(5)
    async with running_office(sqlite_url, tmp_path, backfill={"settle_seconds": 0.1, "days": 2}) as office:
        terminal = Scripted(office, lister(made, "getalllog"))
        outcome, _ = await pull_of(office, terminal)
        assert outcome == "5 records read, 5 of them were missing here"
        asked = [frame.get("from") for frame in terminal.heard if frame["stn"]]
        assert asked == [str(utc_now().date() - timedelta(days=back)) for back in (2, 1, 0)]
        # Not again whenever it registers.
        async with terminal.connected():
            await trio.sleep(0.4)
            assert len([frame for frame in terminal.heard if frame["stn"]]) == 3
