"""Mode 5: users by pages, added, changed, enabled, brought to terminals and taken over from services."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.store.factories import NOON
from tests.tui.world import Console, World, client, console
from tm20tui.store.users import note_user
from tm20tui.tui.dialogs import Confirm
from tm20tui.tui.form import Form
from tm20tui.tui.modes.user_detail import UserScreen

HOSTILE = "Dupont [/x] " + "é" * 150


@pytest.fixture(scope="module", autouse=True)
def people(world: World) -> None:
    """Two hundred and fifty users; the first is known to a terminal by another name."""
    site = world.gateway.site_id
    world.operate("users.add", site_id=site, enrollid="1001", name=HOSTILE)
    for number in range(1002, 1251):
        world.operate("users.add", site_id=site, enrollid=str(number), name=f"Person {number}")
    world.write(
        note_user,
        site_id=site,
        terminal_id=terminal_id(world),
        enrollid="1001",
        name="DUPOND",
        admin=0,
        is_enabled=True,
        source="terminal ZX02",
        now=NOON,
    )


@pytest.fixture(autouse=True)
def nothing_remembered(world: World) -> Iterator[None]:
    yield
    shutil.rmtree(world.gateway.settings.resolved_state_directory / "consoles", ignore_errors=True)


def terminal_id(world: World) -> int:
    views = world.operate("terminals.list")
    return int(next(view.terminal.id for view in views if view.terminal.sn == "ZX02"))


def look(world: World, body: Callable[[Console], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await seen.press("5")
            await seen.until(lambda: seen.grid.rows)
            await body(seen)

    asyncio.run(run())


def user(world: World, enrollid: str) -> Any:
    return next(one for one in world.operate("users.list", q=enrollid).users if one.enrollid == enrollid)


def test_users_are_paged_and_filtered_by_the_server(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("1001", "Dupont [/x]", "another name on a terminal", "operator ser")
        assert len(seen.grid.rows) == 200
        await seen.press("end", "pagedown")
        await seen.see("page 2", "1201")
        mode = seen.app.screen
        for text in ("person 1007", "1009"):
            mode.set_filter(text)
            await seen.until(lambda text=text: [row.record.enrollid for row in seen.grid.rows] == [text[-4:]])
        mode.set_filter("terminal:zx02")
        await seen.until(lambda: [row.record.enrollid for row in seen.grid.rows] == ["1001"])
        mode.set_filter("state:disabled")
        await seen.see("no match")
        mode.set_filter("")
        await seen.see("1001")

    async def french(seen: Console) -> None:
        await seen.see("Utilisateurs", "autre nom sur un terminal")

    look(world, body)
    look(world, french, who=client(language="fr"), size=(80, 24))


def test_a_user_shows_each_terminal_and_what_it_knows(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, UserScreen))
        await seen.see("ZX02", "present", "DUPOND", "a terminal knows the user by another name", "none kept")
        await seen.press("enter")
        await seen.see("Name there")

    look(world, body)


def test_disabling_asks_every_terminal_for_its_receipt_and_is_undone(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("A")
        await seen.see("enabled already")
        await seen.press("W", "y")
        await seen.until(lambda: not user(world, "1001").is_enabled)
        await seen.see("disable: 1001")
        await seen.press("enter")
        await seen.see("disabled", "pending")
        await seen.press("escape", "z")
        await seen.until(lambda: user(world, "1001").is_enabled)

    look(world, body)


def test_what_is_done_to_a_user_is_done_where_all_is_seen_of_it_too(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(user(world, "1001").id)
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, UserScreen) and seen.app.screen.targets())
        await seen.see("p bring…", "e change", "a actions")
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, Form))
        await seen.press("escape")
        await seen.press("a")
        await seen.see("disable", "enable — enabled already")
        await seen.press("W")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: not user(world, "1001").is_enabled)
        await seen.press("z")
        await seen.until(lambda: user(world, "1001").is_enabled)

    look(world, body)


def test_a_user_is_added_and_changed_in_forms(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("n")
        await seen.until(lambda: isinstance(seen.app.screen, Form))
        form = seen.app.screen
        form.query_one("#field-enrollid").value = "abc"
        await seen.press("ctrl+s")
        await seen.see("✗ “Id” must be 1 to 30 digits")
        form.query_one("#field-enrollid").value = "7001"
        form.query_one("#field-valid_until").value = "tomorrow"
        await seen.press("ctrl+s")
        await seen.see("must be a day such as")
        form.query_one("#field-valid_until").value = "2027-01-31"
        await seen.press("ctrl+s")
        await seen.see("saved: 7001")
        assert user(world, "7001").valid_until.isoformat() == "2027-01-30T23:00:00+00:00"
        seen.app.screen.set_filter("7001")
        await seen.until(lambda: [row.record.enrollid for row in seen.grid.rows] == ["7001"])
        await seen.press("e")
        await seen.until(lambda: isinstance(seen.app.screen, Form))
        seen.app.screen.query_one("#field-valid_until").value = ""
        seen.app.screen.query_one("#field-name").value = "Ada"
        await seen.press("ctrl+s")
        await seen.until(lambda: user(world, "7001").name == "Ada")
        assert user(world, "7001").valid_until is None

    look(world, body)


def test_marked_users_are_brought_to_terminals_after_counts(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("space", "space", "p")
        await seen.see("the 2 marked users", "all ")
        await seen.press("1")
        await seen.see("Which terminals?", "ZX02")
        assert "ZX01" not in seen.text(), "only approved ones"
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("Users", "2", "only what differs is sent")
        await seen.press("y")
        await seen.see("2 users on their way to 1 terminal")
        loads = world.operate("users.loads", terminal_id=terminal_id(world)).loads
        assert (loads[0].total, loads[0].status, loads[0].operator) == (2, "running", "ann")
        await seen.until(lambda: "pending" in str(seen.grid.rows[1].cells["sync"]))
        await seen.press("u", "p", "3")
        await seen.see("Which terminals?")
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.see("not begun: 1 (ZX02", "users are being sent to that terminal already")
        assert "on their way to 0" not in seen.text()
        world.operate("tasks.cancel", task_id=loads[0].task_id)

    look(world, body)


def test_an_import_needs_a_service(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("I")
        await seen.see("there is no service")

    look(world, body, size=(60, 16))


def test_viewers_look_only(world: World) -> None:
    async def body(seen: Console) -> None:
        for key in ("n", "e", "p", "I", "W"):
            await seen.press(key)
            await seen.see("needs the role operator, yours is viewer")
        assert user(world, "1001").is_enabled
        await seen.until(lambda: refused() >= {"users.add", "users.send", "users.fetch_in_background"})

    def refused() -> set[str]:
        return {one.operation for one in world.operate("audit.list", outcome="refused", q="eve").entries}

    look(world, body, who=client("viewer", name="eve"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("service 7", "API RH"),
        ("service 8", "service 8"),
        ("operator ann [/x]", "operator ann [/x]"),
        ("terminal ZX0006827500", "terminal ZX0006827500"),
        ("", ""),
    ],
)
def test_where_a_user_comes_from_is_said_by_name(source: str, words: str) -> None:
    from tm20tui.snapshot import ServiceLine
    from tm20tui.tui.modes.user_detail import source_text

    service = ServiceLine(7, "API RH", "healthy", "", pending=0, sent=0, failed=0, next_round_at=None)
    assert source_text(source, [service]) == words
