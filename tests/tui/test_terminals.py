"""Mode 2 and the detail of a terminal, on a real server with a real connection of a simulated terminal."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from sqlalchemy import Connection, insert
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.store.factories import add_terminal
from tests.tui.world import Console, World, client, console, running
from tm20tui.store.schema import terminals
from tm20tui.tui.dialogs import Confirm
from tm20tui.tui.modes.terminal_detail import TerminalDetail

SN = "ZX0006827500"


class Terminal:
    """The terminal's side of one connection: answers what it is asked, in the server's own loop."""

    def __init__(self, world: World) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refusals: dict[str, str] = {}
        self.held: set[str] = set()
        self._world = world
        self._scope = trio.CancelScope()
        self._ready = trio.Event()

    async def run(self) -> None:
        url = self._world.gateway.listener.address
        with self._scope:
            async with open_websocket_url(url) as socket:
                devinfo = {
                    "modelname": "tfs30",
                    "usersize": 3000,
                    "useduser": 412,
                    "logsize": 100_000,
                    "usedlog": 18_204,
                    "firmware": "th600w v6.1",
                    "mac": "00-01-A9-01-00-07",
                }
                await socket.send_message(json.dumps({"cmd": "reg", "sn": SN, "devinfo": devinfo}))
                await socket.get_message()
                self._ready.set()
                try:
                    while True:
                        frame = json.loads(await socket.get_message())
                        if "cmd" in frame:
                            self.asked.append(frame)
                            while frame["cmd"] in self.held:
                                await trio.sleep(0.01)
                            await socket.send_message(json.dumps(self._answer(frame)))
                except ConnectionClosed:
                    pass

    def _answer(self, frame: dict[str, Any]) -> dict[str, Any]:
        name = frame["cmd"]
        if reason := self.refusals.get(name):
            return {"ret": name, "sn": SN, "result": False, "msg": reason}
        more: dict[str, Any] = {}
        if name == "gettime":
            local = datetime.now(ZoneInfo("Europe/Paris"))
            more["time"] = local.strftime("%Y-%m-%d %H:%M:%S")
        if name == "checkregstatus":
            more["status"] = 100
        return {"ret": name, "sn": SN, "result": True, **more}

    async def until_ready(self) -> None:
        await self._ready.wait()

    async def stop(self) -> None:
        self._scope.cancel()


@asynccontextmanager
async def online(world: World) -> AsyncIterator[Terminal]:
    """The approved terminal, connected."""
    terminal = Terminal(world)

    async def begin() -> None:
        world.bridge._nursery.start_soon(terminal.run)  # type: ignore[union-attr]
        await terminal.until_ready()

    await asyncio.to_thread(world.do, begin)
    try:
        yield terminal
    finally:
        await asyncio.to_thread(world.do, terminal.stop)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with one terminal that may connect, one to approve, one blocked, one of a hostile name."""
    # Nothing but the operator asks these terminals for anything.
    alone = {"backfill": {"enabled": False}, "clock": {"check_minutes": 0}, "users": {"inventory_minutes": 0}}
    with running(tmp_path_factory.mktemp("terminals"), **alone) as found:
        found.write(_seed, found.gateway.site_id)
        yield found


def _seed(conn: Connection, site_id: int) -> None:
    now = datetime.now(UTC)
    rows = [
        (SN, "Entrée nord", "approved"),
        ("ZX0006827501", "Dupont [/x] \x1b[31m\u202e", "approved"),
        ("ZX0006827502", "x" * 100, "blocked"),
        ("ZX0006829001", "", "pending"),
    ]
    for sn, name, admission in rows:
        values = {
            "sn": sn,
            "sn_key": sn.casefold(),
            "name": name,
            "site_id": site_id,
            "admission": admission,
            "first_seen_at": now,
            "last_seen_at": now - timedelta(hours=2),
            "last_address": "10.4.0.17:5000",
            "mac": "00-01-A9-01-00-07",
            "capacity": json.dumps({"usersize": 3000, "useduser": 95, "logsize": 100_000, "usedlog": 2114}),
        }
        conn.execute(insert(terminals), values)


@pytest.fixture(autouse=True)
def nothing_remembered(world: World) -> Iterator[None]:
    yield
    shutil.rmtree(world.gateway.settings.resolved_state_directory / "consoles", ignore_errors=True)


def look(world: World, body: Any, **options: Any) -> None:
    """Run `body` with a console that shows the terminals; `body(seen, terminal)` with `connected`."""
    connected = options.pop("connected", False)

    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await seen.press("2")
            await seen.see(SN[:11])
            if connected:
                async with online(world) as terminal:
                    await seen.until(lambda: line(seen, SN).state == "online", "online")
                    seen.grid.go_to(line(seen, SN).id)
                    await seen.press("f5")
                    await body(seen, terminal)
            else:
                await body(seen)

    asyncio.run(run())


def line(seen: Console, sn: str) -> Any:
    return next(one for one in seen.app.seen.terminals if one.sn == sn)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((60, 16), ("Seen", "95")),
        ((80, 24), ("Drift", "2 114", "Advice")),
        ((120, 36), ("Firmware", "95/3 000", "2 114/100k", "Last commands")),
        ((160, 50), ("MAC", "00-01-A9-01-00-07", "10.4.0.17", "Drops")),
    ],
)
def test_every_size_shows_what_fits(world: World, size: tuple[int, int], words: tuple[str, ...]) -> None:
    async def body(seen: Console) -> None:
        await seen.see(*words)

    look(world, body, size=size)


def test_problems_come_first_and_hostile_names_are_shown_as_they_are(world: World) -> None:
    async def body(seen: Console) -> None:
        states = [row.record[0].state for row in seen.grid.rows]
        assert states == ["offline", "offline", "waiting", "blocked"]
        seen.grid.go_to(line(seen, "ZX0006827501").id)
        await seen.see("Dupont [/x] ·[31m·", "(nouveau)", "Conseil", "vérifier alimentation")

    look(world, body, who=client(language="fr"))


def test_the_filter_knows_states_in_french_and_sites(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("slash", *"etat:approuver")
        await seen.until(lambda: [row.record[0].sn for row in seen.grid.rows] == ["ZX0006829001"])
        await seen.press("escape", "escape", "slash", *"site:default !dupont sn:7500")
        await seen.until(lambda: [row.record[0].sn for row in seen.grid.rows] == [SN])

    look(world, body, who=client(language="fr"))


def test_approve_and_block_are_undone(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(line(seen, "ZX0006829001").id)
        await seen.press("A")
        await seen.until(lambda: line(seen, "ZX0006829001").state == "offline")
        await seen.press("z")
        await seen.until(lambda: line(seen, "ZX0006829001").state == "blocked")
        seen.grid.go_to(line(seen, "ZX0006827501").id)
        await seen.press("W")
        await seen.see("it is disconnected and refused")
        await seen.press("enter")
        await seen.see("nothing was done: block")
        await seen.press("W", "y")
        await seen.until(lambda: line(seen, "ZX0006827501").state == "blocked")
        await seen.press("z")
        await seen.until(lambda: line(seen, "ZX0006827501").state == "offline")

    look(world, body)


def test_a_door_is_never_opened_later(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(line(seen, "ZX0006827501").id)
        await seen.press("o")
        await seen.see("not connected: a door is never opened later")

    look(world, body)


def test_the_clock_is_set_and_read_back(world: World) -> None:
    async def body(seen: Console, terminal: Terminal) -> None:
        await seen.press("t")
        await seen.see("confirmed by the terminal", "drift now")
        assert [frame["cmd"] for frame in terminal.asked][-2:] == ["settime", "gettime"]

    look(world, body, connected=True)


def test_a_clock_that_is_not_read_back_says_what_is_waited_for_and_why(world: World) -> None:
    async def body(seen: Console, terminal: Terminal) -> None:
        terminal.held.add("gettime")
        await seen.press("t")
        await seen.see("confirmed · read back — sent, waiting for the terminal")
        terminal.refusals["gettime"] = "no clock"
        terminal.held.clear()
        await seen.see("confirmed by the terminal · not read back: no clock")

    look(world, body, connected=True)


def test_a_refusal_has_the_terminals_reason(world: World) -> None:
    async def body(seen: Console, terminal: Terminal) -> None:
        terminal.refusals["opendoor"] = "door [/x] jammed"
        await seen.press("o")
        await seen.see("at once, for as long as is set at the terminal", "expires in 15 s")
        assert isinstance(seen.app.screen, Confirm)
        await seen.press("o")
        assert isinstance(seen.app.screen, Confirm), "the key that asks does not accept"
        await seen.press("y")
        await seen.see("refused: door [/x] jammed")

    look(world, body, connected=True)


def test_what_erases_is_off_unless_configured(world: World) -> None:
    async def body(seen: Console, terminal: Terminal) -> None:
        for ident in ("terminals.cleanuser", "terminals.initsys", "terminals.cleanlog"):
            seen.app.screen.action_do(ident)  # type: ignore[attr-defined]
            await seen.see("off: security.allow_dangerous is not set")
            await seen.press("escape")
        assert not [frame for frame in terminal.asked if frame["cmd"].startswith(("clean", "init"))]

    look(world, body, connected=True)


def test_enrolment_tells_how_far_it_is(world: World) -> None:
    async def body(seen: Console, terminal: Terminal) -> None:
        seen.app.screen.action_do("terminals.enrol")  # type: ignore[attr-defined]
        await seen.see("Number of the user")
        await seen.press(*"4471", "enter")
        await seen.see("What to enrol")
        await seen.press("f")
        await seen.see("enrolment of 4471", "done")
        asked = [frame["cmd"] for frame in terminal.asked]
        assert asked[-2:] == ["adduser", "checkregstatus"]

    look(world, body, connected=True)


def test_a_terminal_is_renamed_and_gets_its_name_back(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(line(seen, SN).id)
        await seen.press("a", "n")
        await seen.see("Rename")
        await seen.press(*"Nord", "enter")
        await seen.until(lambda: line(seen, SN).name == "Nord")
        await seen.press("z")
        await seen.until(lambda: line(seen, SN).name == "Entrée nord")

    look(world, body)


def test_a_terminal_is_deleted_once_its_serial_is_typed(world: World) -> None:
    async def body(seen: Console) -> None:
        world.write(add_terminal, "GONE-1", site="Default")
        await seen.until(lambda: any(one.sn == "GONE-1" for one in seen.app.seen.terminals))
        ident = line(seen, "GONE-1").id
        await seen.press("f5")
        await seen.until(lambda: seen.grid.find(ident) is not None)
        seen.grid.go_to(ident)
        await seen.press("enter")
        await seen.see("[Punches]")
        await seen.press("a", "x")
        await seen.see("Type GONE-1 to confirm:", "waits for approval")
        await seen.press(*"gone", "enter")
        assert isinstance(seen.app.screen, Confirm)
        await seen.press(*"-1", "enter")
        await seen.see("✓ delete the terminal: GONE-1")
        await seen.until(lambda: not any(one.sn == "GONE-1" for one in seen.app.seen.terminals))
        await seen.until(lambda: not isinstance(seen.app.screen, TerminalDetail))

    look(world, body)


def test_the_detail_has_tabs_and_the_same_actions(world: World) -> None:
    async def body(seen: Console) -> None:
        seen.grid.go_to(line(seen, SN).id)
        world.operate("terminals.change", terminal_id=line(seen, SN).id, name=line(seen, SN).name)
        world.operate("terminals.time", terminal_id=line(seen, SN).id, wait_seconds=0)
        asked = world.operate("commands.list", terminal_id=line(seen, SN).id, status="queued").commands
        # It would be carried out when a later test connects the terminal.
        world.operate("commands.cancel", command_id=asked[0].id)
        await seen.press("enter")
        await seen.see("[Punches]", "Capacity", "no punch was received from it yet", "/3 000")
        for title in ("[Users]", "[Schedules]", "[Commands]", "[Messages]", "[Audit]"):
            await seen.press("right")
            await seen.see(title)
        await seen.see("terminals.change")
        await seen.press("left", "left")
        await seen.see("settime")
        await seen.press("enter")
        await seen.see('"status"')
        await seen.press("escape")
        await seen.press("o")
        await seen.see("not connected: a door is never opened later")
        await seen.press("escape")
        assert not isinstance(seen.app.screen, TerminalDetail)

    look(world, body)


def test_a_viewer_is_refused_and_the_audit_knows(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("A")
        await seen.see("refused: needs the role operator, yours is viewer")
        await seen.until(
            lambda: world.operate("audit.list", operation="terminals.approve", outcome="refused").entries
        )
        seen.grid.go_to(line(seen, SN).id)
        await seen.press("enter", "left")
        await seen.see("[Audit]", "needs the role operator")

    look(world, body, who=client("viewer"))


def test_two_thousand_terminals_open_at_once_with_the_problems_first(tmp_path: Path) -> None:
    def seed(conn: Connection, site_id: int) -> None:
        now = datetime.now(UTC)
        rows = [
            {
                "sn": f"ZX{number:06d}",
                "sn_key": f"zx{number:06d}",
                "name": f"Porte {number}",
                "site_id": site_id,
                "admission": "blocked" if number % 2 else "pending" if number % 500 == 0 else "approved",
                "first_seen_at": now,
            }
            for number in range(2000)
        ]
        conn.execute(insert(terminals), rows)

    async def body() -> None:
        async with console(world) as seen:
            await seen.until(lambda: len(seen.app.seen.terminals) == 2000)
            await seen.press("2")
            await seen.see("500", "1 500 more: filter", "ZX000002")
            assert len(seen.grid.rows) == 500
            await seen.press("slash", *"porte 1999")
            await seen.until(lambda: [row.record[0].sn for row in seen.grid.rows] == ["ZX001999"])

    with running(tmp_path) as world:
        world.write(seed, world.gateway.site_id)
        asyncio.run(body())
