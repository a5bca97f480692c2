"""Mode 3: totals, the queue, the story of a delivery, and what is done to one or to all of a filter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import tzinfo
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from textual import events

from tests.tui.deliveries import fill, statuses
from tests.tui.world import Console, World, console, look_at, running
from tm20tui.model import utc_now
from tm20tui.tui import formats
from tm20tui.tui.dialogs import Ask, Confirm
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.delivery import DeliveryMode
from tm20tui.tui.modes.delivery_detail import DeliveryDetail
from tm20tui.tui.modes.punch_detail import PunchDetail
from tm20tui.tui.typeahead import TypeAhead


@pytest.fixture
def company(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path) as world:
        fill(world)
        yield world


look = partial(look_at, DeliveryMode)
"""Run a body with a console that shows the mode."""


def mode(seen: Console) -> DeliveryMode:
    return seen.mode(DeliveryMode)


def shown(seen: Console) -> list[object]:
    return [row.key for row in mode(seen).grid.rows]


def audited(world: World, operation: str) -> list[tuple[str, str]]:
    entries = world.operate("audit.list", operation=operation).entries
    return [(entry.outcome, entry.reason) for entry in entries]


def test_it_shows_totals_with_their_scope_and_the_queue_with_problems_first(company: World) -> None:
    async def english(seen: Console) -> None:
        await seen.see("Services — sent: the last 24 h, queue: now", "hr", "pay", "– inactive")
        await seen.see("Queue — everything not sent", "North gate", "Awa Sow", "5/3", "answered 422")
        assert shown(seen) == [2, 1, 7, 6, 5, 3]
        totals = mode(seen).totals.find(1)
        assert totals is not None
        words = [totals.cells[name] for name in ("pending", "retrying", "held", "dead", "success")]
        assert words == ["3", "1", ("1", "warn"), ("1", "dead"), "0.0 %"]
        states = [row.cells["state"] for row in mode(seen).grid.rows]
        assert states[:3] == [("✗", "bad"), ("■", "dead"), ("…", "")]

    async def french(seen: Console) -> None:
        await seen.see("Services — envoyés : 24 h glissantes, file : maintenant", "File d'envoi", "Raison")
        await seen.see("a répondu 422", "– inactif", "r relancer", "Suppr abandonner…")

    look(company, english)
    look(company, french, language="fr")
    for size in ((80, 24), (60, 16), (160, 50)):

        async def small(seen: Console) -> None:
            await seen.see("Queue", "Awa", "5/3")
            assert mode(seen).totals.display == (seen.app.size.height >= 20)
            assert mode(seen).panel.display == (seen.app.size.height >= 24)

        look(company, small, size=size)


def test_hostile_text_is_shown_and_nothing_of_it_obeyed(company: World) -> None:
    async def body(seen: Console) -> None:
        await seen.see("Dupont [/x] ·")
        await seen.press("down")
        await seen.see("422 in 0.42 s", '{"error": "unknown employee 8 [/x]"}', "msg_7f3c")
        assert not set(seen.text()) & {"\x1b", "\u202e"}

    look(company, body, size=(160, 50))


def test_the_last_attempt_is_previewed_and_enter_tells_every_attempt(company: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("down")
        await seen.see("POST https://hr.example/logs", "422 in 0.42 s", "Answer", "Next  nothing until")
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, DeliveryDetail))
        await seen.see("[3] Delivery › No. 1", "refused", "Correlation  msg_7f3c", "■ dead", "no attempts")
        await seen.press("w")
        await seen.until(lambda: isinstance(seen.app.screen, PunchDetail))
        await seen.see("As it came from the terminal", "Dupont [/x]")
        await seen.press("escape", "escape")
        assert isinstance(seen.app.screen, DeliveryMode)

    look(company, body)


def test_a_failed_one_is_tried_again_and_what_goes_by_itself_is_not(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(7)
        await seen.press("r")
        await seen.see("it goes by itself")
        mode(seen).grid.go_to(3)
        await seen.press("r")
        await seen.see("held: release it instead")
        assert statuses(company)[7] == "pending"
        mode(seen).grid.go_to(1)
        await seen.press("r")
        await seen.until(lambda: statuses(company)[1] == "pending")
        await seen.see("try again: No. 1")
        assert audited(company, "deliveries.retry") == [("done", "")]

    look(company, body)


def test_marked_ones_are_retried_together_and_what_cannot_be_is_skipped(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.action_first()
        await seen.press("space", "space", "space", "r")
        await seen.until(lambda: statuses(company)[1] == statuses(company)[2] == "pending")
        await seen.until(lambda: mode(seen).grid.marks == {7}, "the skipped one keeps its mark")

    look(company, body)


def test_the_whole_filter_is_counted_by_the_server_and_told_with_its_scope(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).set_filter("employee")
        await seen.until(lambda: shown(seen) == [1])
        await seen.press("R")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("Try 1 delivery again", "1, counted by the server now", "reason with “employee”")
        await seen.see("all services, all terminals, all dates", "their tries are counted on")
        await seen.press("enter")
        await seen.see("nothing was done")
        assert statuses(company)[1] == "failed"
        await seen.press("R")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.see("1 delivery is tried again")
        assert (statuses(company)[1], statuses(company)[2]) == ("pending", "failed")
        await seen.press("R")
        await seen.see("nothing has failed in: reason with “employee”")
        mode(seen).set_filter("state:held")
        await seen.press("R")
        await seen.see("only failed deliveries can be tried again")

    look(company, body)


def test_without_a_filter_everything_is_meant_and_said_so(company: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("R")
        await seen.see("2, counted by the server now", "all services, all terminals, all dates")
        await seen.press("y")
        await seen.see("2 deliveries are tried again")

    look(company, body)


def test_abandoning_wants_a_reason_and_the_number(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(1)
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Ask))
        await seen.press("enter")
        await seen.see("abandoning needs a reason")
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Ask))
        await seen.press(*"left", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("Abandon 1 delivery", "Type 1 to confirm", "left")
        await seen.press("2", "enter")
        assert isinstance(seen.app.screen, Confirm)
        await seen.press("backspace", "1", "enter")
        await seen.see("1 delivery abandoned", "discarded by ann: left")
        await seen.press("delete")
        await seen.see("abandoned already")
        assert audited(company, "deliveries.discard") == [("done", "")]
        mode(seen).grid.go_to(5)
        await seen.press("delete")
        await seen.see("only failed and held ones can be abandoned")

    look(company, body)


def test_several_are_abandoned_by_their_count(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.action_first()
        await seen.press("space", "space", "delete")
        await seen.until(lambda: isinstance(seen.app.screen, Ask))
        await seen.press("x", "enter")
        await seen.see("Abandon 2 deliveries", "Type 2 to confirm")
        await seen.press("2", "enter")
        await seen.see("2 deliveries abandoned")
        assert not mode(seen).grid.marks

    look(company, body)


def test_what_is_held_is_released_from_the_menu(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(3)
        await seen.press("a")
        await seen.see("release: send it with the time it has")
        await seen.press("l")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: statuses(company)[3] == "pending")

    look(company, body)


def test_a_viewer_is_refused_by_every_key_and_it_is_written_down(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(1)
        for key in ("r", "R", "delete"):
            await seen.press(key)
            await seen.see("refused: needs the role operator")
            await seen.press("escape")
        await seen.until(lambda: len(audited(company, "deliveries.retry")) == 2)
        await seen.until(lambda: len(audited(company, "deliveries.discard")) == 1)
        assert {outcome for outcome, _reason in audited(company, "deliveries.retry")} == {"refused"}
        assert statuses(company)[1] == "failed"

    look(company, body, role="viewer")


FILTERS: dict[str, list[int]] = {
    "service:hr": [2, 1, 7, 6, 5, 3],
    "service:pay": [],
    "etat:echec": [2, 1],
    "state:dead": [1],
    "state:held": [3],
    "state:sent": [4],
    "raison:shift": [2],
    "unknown shift": [2],
    "terminal:workshop": [2, 6],
    "sn:ZX02 state:owed": [6],
    "since:1m": [],
    "since:2h": [2, 1, 7, 6, 5, 3],
}
NO_FILTERS = {
    "service:none": "no service with “none”",
    "terminal:zx": "several with “zx”: say more of it",
    "state:lost": "no such state: lost",
    "since:soon": "not a time: soon",
    "colour:red": "no such field here: colour",
    "!late": "!word cannot be asked of the server",
    "shift reason:x": "given twice: reason",
}


def test_filters_are_asked_of_the_server(world_of_filters: World) -> None:
    async def body(seen: Console) -> None:
        for typed, found in FILTERS.items():
            mode(seen).set_filter(typed)
            await seen.until(lambda: shown(seen) == found, typed)  # noqa: B023 - over before the next
            if not found:
                await seen.see("no match — Esc clears the filter")

    look(world_of_filters, body)


def test_a_filter_that_means_nothing_says_so_and_finds_nothing(world_of_filters: World) -> None:
    async def body(seen: Console) -> None:
        for typed, said in NO_FILTERS.items():
            mode(seen).set_filter(typed)
            await seen.see(said)
            await seen.until(lambda: shown(seen) == [], typed)
            await seen.press("R")
            await seen.until(lambda: said in seen.app.messages.all[-1].text)  # noqa: B023 - over before

    look(world_of_filters, body)


@pytest.fixture(scope="module")
def world_of_filters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("filters")) as world:
        fill(world)
        yield world


def test_enter_on_a_service_shows_what_it_is_owed(world_of_filters: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).totals.focus()
        await seen.press("down", "enter")
        await seen.see("service pay", "filter: service:pay")
        await seen.press("escape")
        await seen.until(lambda: len(shown(seen)) == 6)

    look(world_of_filters, body)


def test_nothing_to_show_says_what_that_means(tmp_path: Path) -> None:
    async def nothing(seen: Console) -> None:
        await seen.see("no service yet: 7, then n creates one")

    async def all_sent(seen: Console) -> None:
        await seen.see("nothing waits and nothing has failed", "last sent: hr, < 1 min ago")

    def settle(conn: Connection) -> None:
        conn.execute(text("UPDATE deliveries SET status = 'sent'"))
        conn.execute(
            text("UPDATE services SET last_attendance_sync_at = :now WHERE id = 1"),
            {"now": utc_now().strftime("%Y-%m-%d %H:%M:%S.%f")},
        )

    with running(tmp_path) as world:
        look(world, nothing)
        fill(world)
        world.write(settle)
        look(world, all_sent)


def test_long_queues_are_paged_by_the_server_and_stand_still_below_the_top(tmp_path: Path) -> None:
    async def body(seen: Console) -> None:
        await seen.until(lambda: len(shown(seen)) == 200)
        assert shown(seen)[:3] == [2, 1, 604]
        await seen.see("follows", "page 1")
        await seen.press("end", "pagedown")
        await seen.see("page 2")
        await seen.until(lambda: shown(seen)[0] == 406)
        await seen.press("end", "pagedown")
        await seen.see("page 3")
        await seen.press("home", "pageup")
        await seen.see("page 2")
        await seen.press("home", "pageup")
        await seen.until(lambda: shown(seen)[:2] == [2, 1])
        await seen.press("down", "down", "down")
        await seen.press("x")
        await seen.see("603 rows written to")
        world.write(add_waiting)
        mode(seen).look_soon()
        await seen.see("stands still — F5")
        await asyncio.sleep(0.5)
        assert 605 not in shown(seen)
        await seen.press("f5")
        await seen.until(lambda: 605 in shown(seen))
        await seen.see("follows")

    def add_waiting(conn: Connection) -> None:
        conn.execute(
            text("INSERT INTO deliveries (punch_id, service_id, status) VALUES (1, 2, 'pending')"),
        )

    with running(tmp_path) as world:
        fill(world, waiting=600)
        look(world, body)


def test_opening_paints_each_part_once_and_asks_for_the_hosts_zone_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    zones: list[str] = []
    real, zone_of = ModeScreen._compositor_refresh, formats.zone_of

    def refresh(screen: ModeScreen) -> None:
        regions = set(screen._compositor._dirty_regions)
        real(screen)
        if not screen._compositor._dirty_regions:
            cells = {(x, y) for region in regions for y in region.line_range for x in region.column_range}
            painted.append(len(cells))

    def counting(name: str, fallback: str = "UTC") -> tzinfo:
        zones.append(name)
        return zone_of(name, fallback)

    monkeypatch.setattr(ModeScreen, "_compositor_refresh", refresh)
    monkeypatch.setattr(formats, "zone_of", counting)

    async def play() -> None:
        async with console(world) as seen:
            area = seen.app.size.area
            await seen.see("Live punches")
            painted.clear()
            await seen.press("3")
            await seen.see("No. 2", "no attempt yet", "follows")
            # The frame first, perhaps; then each part as it comes.
            assert sum(painted) < 3 * area
            painted.clear()
            await seen.press("down")
            await seen.see("No. 1", "422 in 0.42 s", "stands still")
            assert sum(painted) < area / 2

    with running(tmp_path) as world:
        fill(world, waiting=60)
        asyncio.run(play())
    assert len(zones) == 1


@pytest.mark.parametrize(
    ("keys", "done"),
    [
        (("3", "j"), lambda seen: mode(seen).grid.cursor_index == 1),
        (("3", "j", "enter"), lambda seen: isinstance(seen.app.screen, DeliveryDetail)),
        (("3", "slash", "4", "2", "2"), lambda seen: mode(seen).filter.text == "422"),
        (("2", "3", "end"), lambda seen: getattr(mode(seen).grid.cursor_row, "key", None) == 3),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_keys_sent_with_the_digit_of_a_mode_reach_the_mode(
    company: World,
    monkeypatch: pytest.MonkeyPatch,
    keys: tuple[str, ...],
    done: Callable[[Console], bool],
) -> None:
    monkeypatch.setattr("tm20tui.tui.typeahead.PATIENCE_SECONDS", 30.0)

    async def play() -> None:
        async with console(company) as seen:
            ahead = TypeAhead(seen.app, seen.app.post_message)
            for key in keys:
                ahead.put(events.Key(key, {"slash": "/"}.get(key, key if len(key) == 1 else None)))
            await seen.until(lambda: len(ahead) == 0 and seen.app.screen.MODE == "delivery" and done(seen))

    asyncio.run(play())
