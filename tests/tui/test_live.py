"""Mode 1 on a real server: first steps, what is to be done, punches that follow and freeze, bursts."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.frames import log_frame, make_terminal, record
from tests.store.factories import add_user
from tests.tui.world import Console, World, client, console, running
from tm20tui.alarms import Alarm, Alarms
from tm20tui.events import Event
from tm20tui.operations.overview import addresses_of
from tm20tui.snapshot import Snapshot
from tm20tui.tui.grid import Grid
from tm20tui.tui.modes.live import LiveMode
from tm20tui.tui.modes.live_events import event_lines
from tm20tui.tui.modes.live_panels import spark
from tm20tui.tui.modes.live_todo import bursts

NOW = datetime(2026, 11, 22, 14, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def door(world: World) -> Any:
    """A terminal that punches come from, and somebody who is known by name."""

    async def make() -> Any:
        return await make_terminal(world.gateway.database, "ZX77", name="Dépôt [/x]", model="tfs30")

    terminal = world.do(make)
    # What tests raise has no cause that the server would find: it must not clear it.
    world.gateway.alarms.clear = lambda key: None  # type: ignore[method-assign]
    world.write(add_user, "17", "Awa Sow \x1b[31m[/b]", site="Default")
    return terminal


@pytest.fixture(autouse=True)
def nothing_remembered(world: World) -> Iterator[None]:
    yield
    shutil.rmtree(world.gateway.settings.resolved_state_directory / "consoles", ignore_errors=True)

    async def clear() -> None:
        for alarm in world.gateway.alarms.active():
            Alarms.clear(world.gateway.alarms, alarm.key)

    world.do(clear)


_count = iter(range(100_000))


def punch(world: World, terminal: Any, *, enrollid: int = 17, count: int = 1) -> None:
    """Punches of today, through the ingest."""
    records = []
    for _ in range(count):
        at = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=next(_count))
        records.append(record(enrollid, at.strftime("%Y-%m-%d %H:%M:%S"), mode=8))
    frame = log_frame(terminal, *records, received_at=datetime.now(UTC))

    async def submit() -> None:
        await world.gateway.writer.submit(frame)

    world.do(submit)


def raise_alarm(world: World, key: str, words: str, severity: Any = "warning") -> None:
    async def run() -> None:
        world.gateway.alarms.set(key, words, severity=severity)

    world.do(run)


def look(world: World, body: Any, **options: Any) -> None:
    """Run `body` with a console on its first screen."""

    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await body(seen)

    asyncio.run(run())


def titled(seen: Console) -> str:
    return str(seen.app.screen.query_one("#table", Grid).border_title)


def test_the_first_run_says_what_to_dial_and_who_was_refused(tmp_path: Path) -> None:
    async def body(seen: Console) -> None:
        port = world.gateway.listener.address.rstrip("/").rpartition(":")[2]
        await seen.see("First steps", f"server 127.0.0.1 · port {port} · path /", "nobody has dialled in yet")
        await seen.see("tm20tui --demo", "no punch was received yet")

        async def refuse() -> None:
            facts = {"terminal_id": None, "sn": "ZX9\x1b[1m", "address": "10.0.0.9:1", "reason": "blocked"}
            world.gateway.events.publish("terminal.refused", **facts)

        world.do(refuse)
        await seen.press("f5")
        await seen.see("last refusal", "ZX9·[1m from 10.0.0.9:1 — blocked")
        seen.app.speak("fr")
        await seen.see("Premiers pas", "dernier refus", "serveur 127.0.0.1")

    with running(tmp_path) as world:
        look(world, body, size=(110, 30))


def test_the_state_of_the_server_and_the_events(world: World, door: Any) -> None:
    punch(world, door, count=3)

    async def body(seen: Console) -> None:
        await seen.see(
            "State", "0 / 2 online", "0 failed · 0 in quarantine", "writing 95 % ≤", "Events", "24 h"
        )
        panel = str(seen.app.screen.query_one("#state").visual)
        assert "today" in panel
        punches = world.operate("server.overview").punches_today
        await seen.see(f"{punches} today")

    look(world, body, size=(160, 50))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36), (160, 50)])
def test_every_size_shows_what_is_to_be_done_and_the_punches(
    world: World, door: Any, size: tuple[int, int]
) -> None:
    punch(world, door)

    async def body(seen: Console) -> None:
        await seen.see("To do (1)", "new terminal to approve", "following", "Dépôt [/x]", "Awa Sow ·[31m[/b]")

    look(world, body, size=size)


def test_punches_follow_only_while_the_cursor_is_at_the_top(world: World, door: Any) -> None:
    punch(world, door, count=5)

    async def body(seen: Console) -> None:
        await seen.see("following", "Awa Sow")
        first = seen.app.screen.query_one("#table", Grid).rows[0].key
        punch(world, door)
        grid = seen.app.screen.query_one("#table", Grid)
        await seen.until(lambda: grid.rows[0].key != first, "the new punch on top")
        assert grid.cursor_index == 0
        await seen.press("down", "down")
        held = [row.key for row in grid.rows]
        punch(world, door, count=14)
        await seen.see("not following", "14 new")
        assert [row.key for row in grid.rows] == held
        await seen.press("home")
        await seen.see("following")
        await seen.until(lambda: grid.rows[0].key != held[0], "the newest on top")

    look(world, body)


def test_f_freezes_and_counts_what_comes(world: World, door: Any) -> None:
    punch(world, door, count=2)

    async def body(seen: Console) -> None:
        await seen.see("suivi actif")
        grid = seen.app.screen.query_one("#table", Grid)
        await seen.press("f")
        await seen.see("‖ figé")
        held = [row.key for row in grid.rows]
        punch(world, door, count=3)
        await seen.see("figé", "▲ 3 nouveaux", "f reprendre")
        await seen.press("f5")
        await seen.until(lambda: grid.rows[0].key != held[0], "F5 shows them once")
        await seen.see("‖ figé")
        await seen.press("f")
        await seen.see("suivi actif")

    look(world, body, who=client(language="fr"))


def test_what_is_to_be_done_opens_where_it_is_done(world: World, door: Any) -> None:
    raise_alarm(world, f"storage:{door.id}", "the log memory of ZX77 (Dépôt [/x]) is 97 % full")

    async def body(seen: Console) -> None:
        await seen.see("To do (2)", "is 97 % full")
        todo = seen.app.screen.query_one("#todo", Grid)
        todo.focus()
        await seen.press("home", "enter")
        await seen.see("ZX77", "tfs30")
        assert getattr(seen.app.mode_screen, "MODE", "") == "terminals"

    look(world, body)


def test_an_alarm_is_acknowledged_once_and_stays(world: World, door: Any) -> None:
    raise_alarm(world, f"drift:{door.id}", "the clock of ZX77 (Dépôt [/x]) is 200 s fast")

    async def body(seen: Console) -> None:
        await seen.see("200 s fast")
        await seen.press("a")
        await seen.see("acknowledge the alarm")
        await seen.press("k")
        await seen.see("known to ann")
        seen.app.screen.query_one("#todo", Grid).go_to(f"drift:{door.id}")
        screen = seen.app.screen
        assert isinstance(screen, LiveMode)
        assert screen.unavailable(screen.ACTIONS[0]) == "acknowledged already"

    look(world, body)
    found = next(one for one in world.operate("alarms.list") if one.key == f"drift:{door.id}")
    assert found.acknowledged_by == "ann"


def test_a_viewer_may_look_but_not_acknowledge(world: World, door: Any) -> None:
    raise_alarm(world, f"drift:{door.id}", "the clock of ZX77 (Dépôt [/x]) is 200 s fast")

    async def body(seen: Console) -> None:
        await seen.see("200 s fast")
        seen.app.screen.action_do("alarms.acknowledge")  # type: ignore[attr-defined]
        await seen.see("refused: needs the role operator, yours is viewer")
        await seen.until(lambda: refusals() > before, "a line of the audit")

    def refusals() -> int:
        return len(world.operate("audit.list", operation="alarms.acknowledge", outcome="refused").entries)

    before = refusals()
    look(world, body, who=client("viewer"))


def test_a_burst_of_silent_terminals_is_one_line() -> None:
    def alarm(key: str, seconds: float) -> Alarm:
        return Alarm(key, "warning", "silent", NOW + timedelta(seconds=seconds))

    groups = bursts(
        [alarm("silent:1", 0), alarm("silent:2", 200), alarm("drift:1", 1), alarm("silent:3", 900)]
    )
    assert [[one.key for one in group] for group in groups] == [
        ["silent:1", "silent:2"],
        ["drift:1"],
        ["silent:3"],
    ]


def test_twelve_terminals_that_fall_silent_together_are_told_in_one_line(world: World, door: Any) -> None:
    for number in range(12):
        raise_alarm(world, f"silent:{90_000 + number}", f"ZX{number} was silent for more than 2 min")

    async def body(seen: Console) -> None:
        await seen.see("To do (2)", "12 terminals offline since")
        todo = seen.app.screen.query_one("#todo", Grid)
        todo.focus()
        await seen.press("home", "enter")
        await seen.until(lambda: getattr(seen.app.mode_screen, "MODE", "") == "terminals")
        await seen.see("state:offline")

    look(world, body)


def test_a_burst_of_events_is_one_line_that_stays_itself() -> None:
    def event(number: int, seconds: float, kind: Any = "terminal.disconnected") -> Event:
        facts = {"terminal_id": number, "sn": f"ZX{number}", "address": "10.0.0.1:1"}
        return Event(number, NOW + timedelta(seconds=seconds), kind, facts)

    newest_first = [event(number, number * 10.0) for number in (5, 4, 3)]
    newest_first += [event(2, 19.0, "terminal.connected"), event(1, 0.0)]
    lines = event_lines(newest_first, UTC)
    assert [(line.key, line.text, line.terminal_id) for line in lines] == [
        (3, "3 terminals disconnected since 14:31:30", None),
        (2, "ZX2 connected from 10.0.0.1:1", 2),
        (1, "ZX1 disconnected", 1),
    ]
    assert event_lines([event(6, 60.0), *newest_first], UTC)[0].key == 3


def test_the_filter_leaves_punches_that_match(world: World, door: Any) -> None:
    punch(world, door, enrollid=4471)
    punch(world, door, enrollid=17)

    async def body(seen: Console) -> None:
        await seen.see("ID 4471 (unknown)", "Awa Sow")
        await seen.press("slash", *"sow")
        await seen.until(lambda: "4471" not in seen.text(), "only Awa Sow")
        await seen.press("escape", "escape")
        await seen.see("ID 4471 (unknown)")
        await seen.press("slash", *"user:9999")
        await seen.see("no match")

    look(world, body)


def test_a_calm_server_is_asked_for_nothing_but_events(world: World, door: Any) -> None:
    asked: list[str] = []

    class Counting:
        registry, settings = world.bridge.registry, world.bridge.settings
        refuse = world.bridge.refuse

        def snapshot(self) -> Snapshot:
            return world.bridge.snapshot()

        async def call(self, operator: Any, name: str, arguments: Any, correlation: str) -> Any:
            asked.append(name)
            return await world.bridge.call(operator, name, arguments, correlation)

    async def body(seen: Console) -> None:
        await seen.see("following")
        for _ in range(10):  # it has just been opened, and may ask for more at first
            asked.clear()
            await asyncio.sleep(2.5)
            if set(asked) <= {"events.recent", "server.overview"}:
                return
        raise AssertionError(asked)

    look(world, body, backend=Counting())


def test_bars_show_nothing_known_none_and_most() -> None:
    assert spark([None, 0, 1, 50, 100], ascii_only=False) == " ▁▂▅█"
    assert spark([None, 0, 100], ascii_only=True) == " _@"


def test_every_interface_becomes_the_addresses_of_this_host() -> None:
    assert addresses_of("ws://0.0.0.0:7788/", lambda: ["10.0.0.5", "192.168.1.2"]) == (
        "ws://10.0.0.5:7788/",
        "ws://192.168.1.2:7788/",
    )
    assert addresses_of("ws://[::]:7788/", list) == ("ws://[::]:7788/",)
    assert addresses_of("wss://10.1.1.1:7788/", lambda: ["10.0.0.5"]) == ("wss://10.1.1.1:7788/",)


def test_a_database_that_takes_nothing_is_told_in_every_mode_until_it_does(world: World) -> None:
    path = world.gateway.database.url.database
    assert path is not None

    async def body(seen: Console) -> None:
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await seen.see(
                "✗ Database: punches are not acknowledged, terminals keep them", "locked by another"
            )
            await seen.see("✗ nothing can be written")
            await seen.press("2")
            await seen.see("[2 Terminals]", "✗ Database: punches are not acknowledged")
            other.execute("ROLLBACK")
        await seen.until(lambda: "punches are not acknowledged" not in seen.text())
        await seen.press("1")
        await seen.see("OK · ")

    look(world, body)
