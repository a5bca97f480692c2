"""Mode 6: weeks are shown, edited, taken back, duplicated and sent, with what really became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.tui.world import Console, World, client, console, running
from tm20tui.store.terminals import add_terminal
from tm20tui.tui.dialogs import Confirm
from tm20tui.tui.form import Form
from tm20tui.tui.grid import MOST_ROWS
from tm20tui.tui.modes.schedule_week import WeekScreen
from tm20tui.tui.modes.schedules import SchedulesMode

HOSTILE = "Nuit [/x] " + "é" * 60


def made_terminal(world: World, sn: str) -> int:
    """The terminal of that serial, made when absent."""
    views = {view.terminal.sn: view.terminal.id for view in world.operate("terminals.list")}
    if sn not in views:
        values = {"admission": "approved", "direction_policy": "terminal", "now": datetime.now(UTC)}
        world.write(add_terminal, sn, site_id=world.gateway.site_id, **values)
        return made_terminal(world, sn)
    return int(views[sn])


@pytest.fixture
def terminals(world: World) -> Iterator[list[int]]:
    """Two terminals of their own, the first with hours on Monday and a night on Saturday."""
    made = [made_terminal(world, sn) for sn in ("WK01", "WK02")]
    day = {"check_in_time": "08:00", "check_out_time": "17:00", "tolerance_minutes": 15}
    pause = {"break_start_time": "12:00", "break_end_time": "13:00"}
    world.operate("schedules.add", terminal_id=made[0], given={"name": "Day", "weekday": 0, **day, **pause})
    night = {"name": HOSTILE, "weekday": 5, "check_in_time": "20:00", "check_out_time": "06:00"}
    world.operate("schedules.add", terminal_id=made[0], given=night)
    yield made
    for one in world.operate("schedules.list"):
        world.operate("schedules.delete", schedule_id=one.id)


def week(world: World, terminal_id: int, body: Callable[[Console], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await seen.press("6")
            await seen.until(lambda: any(line.id == terminal_id for line in seen.app.seen.terminals))
            await seen.press("f5")
            await seen.until(lambda: seen.grid.find(terminal_id) is not None)
            seen.grid.go_to(terminal_id)
            await seen.press("enter")
            await seen.until(lambda: isinstance(seen.app.screen, WeekScreen) and seen.grid.rows)
            await body(seen)

    asyncio.run(run())


def hours(world: World, terminal_id: int) -> list[tuple[int, str, str]]:
    found = world.operate("schedules.list", terminal_id=terminal_id)
    return [(one.weekday, f"{one.check_in_time:%H:%M}", f"{one.check_out_time:%H:%M}") for one in found]


async def fill(seen: Console, **values: str) -> None:
    for name, value in values.items():
        seen.app.screen.query_one(f"#field-{name}").value = value
    await seen.press("ctrl+s")


def test_a_week_shows_hours_bar_and_what_the_terminal_has(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.see(
            "Week · applied by the server", "12:00-13:00", "████ ████", "06:00+1", "▶", "Nuit [/x]"
        )
        await seen.see("Sunday", "2 changes not sent", "… not sent")

    async def french(seen: Console) -> None:
        await seen.see("Semaine · appliqué par le serveur", "Lundi", "████ ████", "changements non envoyés")

    week(world, terminals[0], body)
    week(world, terminals[0], french, who=client(language="fr"), size=(80, 24))


def test_small_and_plain_terminals_see_the_week(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.see("Monday", "08:00", "15 min")

    async def plain(seen: Console) -> None:
        await seen.see("#### ####")

    week(world, terminals[0], body, size=(60, 16))
    week(world, terminals[0], plain, who=client(ascii=True), size=(80, 24))


def test_hours_are_changed_in_a_form_that_says_what_is_wrong_and_taken_back(
    world: World, terminals: list[int]
) -> None:
    async def body(seen: Console) -> None:
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, Form))
        await fill(seen, check_out_time="25:00")
        await seen.see("« Sortie » doit être une heure")
        await fill(seen, check_out_time="16:30")
        await seen.see("enregistré : Lundi 08:00-16:30")
        assert (0, "08:00", "16:30") in hours(world, terminals[0])
        await seen.see("z revient à Lundi 08:00-17:00")
        await seen.press("z")
        await seen.see("comme avant : Lundi 08:00-17:00")
        assert (0, "08:00", "17:00") in hours(world, terminals[0])

    week(world, terminals[0], body, who=client(language="fr"))


def test_new_hours_begin_like_others_and_leaving_a_changed_form_is_asked_twice(
    world: World, terminals: list[int]
) -> None:
    async def body(seen: Console) -> None:
        await seen.press("down", "n")
        await seen.until(lambda: isinstance(seen.app.screen, Form))
        await fill(seen, tolerance_minutes="many")
        await seen.see("must be a whole number")
        await seen.press("escape")
        await seen.see("changed and not saved")
        await fill(seen, tolerance_minutes="5")
        await seen.see("saved: Tuesday 08:00-17:00")
        assert (1, "08:00", "17:00") in hours(world, terminals[0])
        await seen.press("z")
        await seen.see("taken back: Tuesday")
        assert (1, "08:00", "17:00") not in hours(world, terminals[0])

    week(world, terminals[0], body)


def test_deleting_is_asked_and_brought_back(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("enter")
        await seen.see("nothing was done")
        assert len(hours(world, terminals[0])) == 2
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: len(hours(world, terminals[0])) == 1)
        await seen.see("z bring back Monday 08:00-17:00")
        await seen.press("z")
        await seen.until(lambda: len(hours(world, terminals[0])) == 2)
        await seen.press("home", "down", "delete")
        await seen.see("there is nothing on that day")

    week(world, terminals[0], body)


def test_a_week_is_duplicated_to_marked_terminals(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.press("d")
        await seen.see("is copied to:")
        picker = seen.app.screen.query_one("#options")
        picker.go_to(terminals[1])
        await seen.press("space", "enter")
        await seen.see("replace what they have")
        await seen.press("2")
        await seen.see("Schedules", "nothing is sent to terminals before P")
        await seen.press("y")
        await seen.see("week copied: 2 added")
        assert hours(world, terminals[1]) == hours(world, terminals[0])

    week(world, terminals[0], body)


def test_sending_to_a_terminal_that_is_away_says_that_it_waits(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.press("P")
        await seen.see("as working hours")
        await seen.press("1")
        await seen.see("Not sent yet", "1 is not connected")
        await seen.press("y")
        await seen.see("What became of it", "waits for the terminal")
        await seen.press("escape")
        await seen.see("not confirmed", "waits for the terminal")

    week(world, terminals[0], body)


def test_lateness_is_told_for_a_user(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        await seen.press("l", *"4471", "enter")
        await seen.see("Who was late: 4471", "Days")

    week(world, terminals[0], body)


def test_viewers_change_nothing(world: World, terminals: list[int]) -> None:
    async def body(seen: Console) -> None:
        for key in ("n", "e", "delete", "d", "P"):
            await seen.press(key)
            await seen.see("needs the role operator, yours is viewer")
            assert isinstance(seen.app.screen, WeekScreen)
        assert len(hours(world, terminals[0])) == 2

        def refused() -> list[str]:
            found = world.operate("audit.list", outcome="refused", operation="schedules.sync").entries
            return [one.operator for one in found]

        await seen.until(lambda: refused() == ["eve"])

    week(world, terminals[0], body, who=client("viewer", name="eve"))


def test_terminals_beyond_what_a_table_holds_are_not_called_new(tmp_path: Path) -> None:
    def fill(conn: Connection, site_id: int) -> None:
        for number in range(MOST_ROWS + 10):
            values = {"admission": "approved", "direction_policy": "terminal", "now": datetime.now(UTC)}
            add_terminal(conn, f"MANY{number:04}", site_id=site_id, **values)

    async def body(world: World) -> None:
        async with console(world) as seen:
            await seen.press("6")
            await seen.see("500/510")
            mode = seen.mode(SchedulesMode)
            for _ in range(2):
                await mode.look()
            assert "new" not in str(mode.grid.border_title)
            made_terminal(world, "LAST0001")
            world.do(world.gateway._snapshots.refresh)
            await seen.see("500/511", "1 new — F5")

    with running(tmp_path) as world:
        world.write(fill, world.gateway.site_id)
        world.do(world.gateway._snapshots.refresh)
        asyncio.run(body(world))
