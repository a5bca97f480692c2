"""Mode 4: the history of punches, the whole way of one, and the quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from tests.store.factories import add_punch
from tests.tui.deliveries import fill, statuses
from tests.tui.world import Console, World, look_at, running
from tm20tui.model import utc_now
from tm20tui.store.punches import add_to_total
from tm20tui.store.schema import quarantine
from tm20tui.tui.dialogs import Confirm, Notice
from tm20tui.tui.modes.punch_detail import PunchDetail
from tm20tui.tui.modes.punches import PunchesMode
from tm20tui.tui.modes.quarantine import QuarantineScreen


@pytest.fixture
def company(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as world:
        fill(world)
        yield world


look = partial(look_at, PunchesMode)
"""Run a body with a console that shows the mode."""


def mode(seen: Console) -> PunchesMode:
    return seen.mode(PunchesMode)


def shown(seen: Console) -> list[object]:
    return [row.key for row in mode(seen).grid.rows]


def add_hours(world: World, terminal: int, minutes: int) -> None:
    """A schedule of today by which the punches of `fill` are so many minutes late."""
    at = (utc_now() - timedelta(minutes=60 + minutes)).astimezone(ZoneInfo("Europe/Paris"))
    for weekday in range(7):
        hours = {
            "name": f"day {weekday}",
            "weekday": weekday,
            "check_in_time": f"{at:%H:%M}",
            "check_out_time": f"{at + timedelta(hours=6):%H:%M}",
        }
        world.operate("schedules.add", terminal_id=terminal, given=hours)


def test_it_shows_every_punch_with_its_services_in_both_languages(company: World) -> None:
    async def english(seen: Console) -> None:
        await seen.see("Punches — newest first (Europe/Paris)", "fingerprint", "✓ hr", "‖ hr", "✗ hr", "■ hr")
        await seen.see("Dupont [/x]", "→ quarantine: 0", "follows")
        assert shown(seen) == [7, 6, 5, 4, 3, 2, 1]

    async def french(seen: Console) -> None:
        await seen.see("Pointages — le plus récent d'abord", "empreinte", "entrée", "suivi actif", "f figer")

    look(company, english)
    look(company, french, language="fr")
    for size in ((80, 24), (60, 16), (160, 50)):

        async def small(seen: Console) -> None:
            await seen.see("Punches", "Awa", "… hr")

        look(company, small, size=size)


def test_who_was_late_is_shown_where_there_is_a_schedule(company: World) -> None:
    add_hours(company, 2, 30)

    async def body(seen: Console) -> None:
        await seen.see("late 30 min")
        verdicts = {row.key: row.cells["verdict"] for row in mode(seen).grid.rows}
        assert verdicts[1] == ("", "")
        assert verdicts[2] == ("late 30 min", "warn")
        mode(seen).grid.go_to(2)
        await seen.press("enter")
        await seen.see("late 30 min (arrival)")

    look(company, body)


def test_enter_tells_the_whole_way_of_a_punch(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(1)
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, PunchDetail))
        await seen.see("[4] Punches › Punch 1", "Dupont [/x] ·", "ZX01 North gate", "fingerprint")
        await seen.see("■ dead", "POST https://hr.example/logs", "422 in 0.42 s", "msg_7f3c", "not kept")
        await seen.press("escape")
        assert isinstance(seen.app.screen, PunchesMode)

    look(company, body)


def test_a_held_punch_is_released_and_others_are_not(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(3)
        await seen.press("enter")
        await seen.see("‖ held", "not trusted: in the future")
        await seen.press("a", "l")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: statuses(company)[3] == "pending")
        await seen.press("a")
        await seen.see("it is not held")

    look(company, body)


FILTERS: dict[str, list[int]] = {
    "awa": [6, 4, 2],
    "8": [7, 5, 3, 1],
    "utilisateur:7": [6, 4, 2],
    "state:failed": [1, 2],
    "state:sent service:hr": [4],
    "terminal:north state:pending": [3, 5, 7],
    "service:pay": [],
    "since:2h": [7, 6, 5, 4, 3, 2, 1],
    "until:2h": [],
}


def test_filters_are_asked_of_the_server(company: World) -> None:
    async def body(seen: Console) -> None:
        for typed, found in FILTERS.items():
            mode(seen).set_filter(typed)
            await seen.until(lambda: shown(seen) == found, typed)  # noqa: B023 - over before the next
        mode(seen).set_filter("state:dead")
        await seen.see("no such state: dead (known: pending, sent, failed)")
        assert shown(seen) == []

    look(company, body)


def test_it_follows_at_the_top_stands_still_below_and_can_be_frozen(company: World) -> None:
    def add(number: int) -> None:
        at = utc_now()
        company.write(add_punch, 1, number, time_utc=at, received_at=at)
        company.write(add_to_total, "punches", "here", 1)
        company.do(company.gateway._snapshots.refresh)

    async def body(seen: Console) -> None:
        add(50)
        await seen.until(lambda: shown(seen)[0] == 8 and mode(seen).grid.cursor_index == 0)
        await seen.press("down")
        add(51)
        await seen.see("1 new — F5")
        await asyncio.sleep(0.3)
        assert shown(seen)[0] == 8
        await seen.press("f5")
        await seen.until(lambda: shown(seen)[0] == 9)
        await seen.press("f")
        await seen.see("‖ frozen — f goes on")
        add(52)
        await asyncio.sleep(0.3)
        mode(seen).look_soon()
        await asyncio.sleep(0.3)
        assert shown(seen)[0] == 9
        await seen.press("f")
        await seen.until(lambda: shown(seen)[0] == 10)

    look(company, body)


def test_history_is_paged_by_key_beyond_what_a_table_holds(tmp_path: Path) -> None:
    async def body(seen: Console) -> None:
        await seen.until(lambda: len(shown(seen)) == 200)
        seen_ids = list(shown(seen))
        while len(seen_ids) < 604:
            last = shown(seen)[-1]
            await seen.press("end", "pagedown")
            await seen.until(lambda: shown(seen)[-1] != last)  # noqa: B023 - over before the next
            seen_ids += shown(seen)
        assert seen_ids == list(range(604, 0, -1))
        await seen.press("x")
        await seen.see("604 rows written to")
        mode(seen).set_filter("since:2h")
        await seen.until(lambda: shown(seen)[0] == 604)
        await seen.press("end", "pagedown")
        await seen.until(lambda: shown(seen)[0] == 404)

    with running(tmp_path) as world:
        fill(world, waiting=600)
        look(world, body)


def test_an_empty_history_says_where_to_look(tmp_path: Path) -> None:
    async def body(seen: Console) -> None:
        await seen.see("no punch has come yet")
        await seen.press("right")
        await seen.see("the quarantine is empty")

    with running(tmp_path) as world:
        look(world, body)


def broken(conn: Connection) -> None:
    """A frame that can be read by now, and one that cannot."""
    good = (
        '{"cmd":"sendlog","sn":"ZX01","count":1,"logindex":1,"record":[{"enrollid":7,'
        '"time":"2026-11-20 08:00:00","mode":1,"inout":0,"event":0}]}'
    )
    for number, raw in enumerate((good, '{"cmd":"[/x] \x1b nonsense')):
        values = {"terminal_id": 1, "sn": "ZX01", "digest": str(number), "raw": raw, "reason": "broken JSON"}
        conn.execute(quarantine.insert().values(received_at=utc_now(), **values))


def test_quarantine_is_read_again_or_thrown_away_by_its_number(company: World) -> None:
    company.write(broken)

    async def body(seen: Console) -> None:
        await seen.press("right")
        await seen.until(lambda: isinstance(seen.app.screen, QuarantineScreen))
        await seen.see("[4] Punches › Quarantine", "North gate", "[/x] ·")
        grid = seen.app.screen.grid
        await seen.until(lambda: [row.key for row in grid.rows] == [2, 1])
        await seen.press("r")
        await seen.see("0 records stored", "1 text stays")
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, Notice))
        await seen.see("nonsense")
        await seen.press("escape", "down", "r")
        await seen.see("1 record stored")
        await seen.until(lambda: [row.key for row in grid.rows] == [2])
        await seen.press("delete")
        await seen.see("Throw 1 text away", "Type 2 to confirm")
        await seen.press("escape")
        assert len(grid.rows) == 1
        await seen.press("delete")
        await seen.see("Type 2 to confirm")
        await seen.press("2", "enter")
        await seen.see("1 text thrown away", "the quarantine is empty")
        await seen.press("left")
        await seen.until(lambda: isinstance(seen.app.screen, PunchesMode))

    look(company, body)


def test_a_viewer_may_look_and_no_more(company: World) -> None:
    company.write(broken)

    async def body(seen: Console) -> None:
        await seen.press("right")
        await seen.until(lambda: isinstance(seen.app.screen, QuarantineScreen))
        await seen.until(lambda: len(seen.app.screen.grid.rows) == 2)
        for key in ("r", "delete"):
            await seen.press(key)
            await seen.see("refused: needs the role operator")
        await seen.until(
            lambda: len(company.operate("audit.list", operation="quarantine.discard").entries) == 1
        )

    look(company, body, role="viewer")
