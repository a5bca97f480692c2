"""Who may only look is refused everything that changes something, whichever way they try it.

Made from the registry and from the console's own tables of keys, menus and palette: an operation
or an action that comes tomorrow is tried here without another line; a screen that is opened from
a mode has its line in `BELOW`. Slow are the two that go through every screen: half of the forty
seconds of processor that all of this takes.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, select
from textual import events
from textual.screen import Screen

from tests.tui import scene
from tests.tui.world import WAIT_SECONDS, Console, World, console, running
from tm20tui.model import utc_now
from tm20tui.operations.call import ROLES, Operator
from tm20tui.operations.registry import shown_arguments
from tm20tui.store.audit import AuditEntry, list_entries
from tm20tui.store.schema import metadata, quarantine
from tm20tui.tui import modes
from tm20tui.tui.actions import Action
from tm20tui.tui.console import Client
from tm20tui.tui.dialogs import Choice, Confirm
from tm20tui.tui.frames import CONSOLE_VERSION
from tm20tui.tui.grid import Grid
from tm20tui.tui.hello import read_client
from tm20tui.tui.help import help_of
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes import MODES
from tm20tui.tui.modes.delivery_detail import DeliveryDetail
from tm20tui.tui.modes.punch_detail import PunchDetail
from tm20tui.tui.modes.quarantine import QuarantineScreen
from tm20tui.tui.modes.schedule_week import WeekScreen
from tm20tui.tui.modes.terminal_acts import TERMINAL_ACTIONS
from tm20tui.tui.modes.terminal_detail import TerminalDetail
from tm20tui.tui.modes.user_detail import UserScreen
from tm20tui.tui.operation_form import OperationForm
from tm20tui.tui.palette import Commands
from tm20tui.tui.tabbed import TabbedMode

SN = "ZX0006827505"
BELOW: Mapping[type[ModeScreen], Callable[[], ModeScreen]] = {
    TerminalDetail: lambda: TerminalDetail(5),
    WeekScreen: lambda: WeekScreen(5),
    QuarantineScreen: QuarantineScreen,
    DeliveryDetail: lambda: DeliveryDetail(1),
    PunchDetail: lambda: PunchDetail(1),
    UserScreen: lambda: UserScreen(1),
}
"""Screens below the modes that have actions, of something that is there in `company`."""
_MOST_STEPS = 4
_NO_CHANGE = frozenset({"audit", "nodes"})
"""Tables that do change: refusals are written down, and a server says that it lives."""


@dataclass(frozen=True)
class Kind:
    """Somebody who may only look: the language, and what is said to them by the role that is needed."""

    who: Client
    said: Mapping[str, str]
    noted: str = ""


def _kind(role: Any, language: str, said: Mapping[str, str], noted: str = "", **told: Any) -> Kind:
    hello = {"version": CONSOLE_VERSION, "language": language, **told}
    return Kind(read_client(hello, 1, Operator("ann", role, "socket"), 4711), said, noted)


KINDS = {
    "viewer": _kind(
        "viewer",
        "fr",
        {
            "operator": "refusé : il faut le rôle opérateur, vous avez lecteur",
            "admin": "refusé : il faut le rôle administrateur, vous avez lecteur",
        },
    ),
    "read-only": _kind(
        "admin",
        "en",
        dict.fromkeys(ROLES, "read-only: refused"),
        " (read-only console)",
        read_only=True,
    ),
}


class Watched(scene.Posed):
    """A server that remembers which operations that change something were asked of it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.called: list[str] = []

    async def call(self, operator: Operator, name: str, arguments: Any, correlation_id: str) -> Any:
        """As the bridge."""
        if self.registry[name].writes:
            self.called.append(name)
        return await super().call(operator, name, arguments, correlation_id)


@dataclass(frozen=True)
class Way:
    """One way to an operation, "" for none that is in the registry; what the audit is to tell of it."""

    what: str
    operation: str
    about: Mapping[str, Any]
    go: Callable[[], Awaitable[None]]


@dataclass
class Trial:
    """One console of somebody who may only look, and what was tried in it."""

    seen: Console
    kind: Kind
    tried: list[Way] = field(default_factory=list)

    async def all_of(self, screen: ModeScreen) -> None:
        """Every action of a screen, tab by tab, by every way."""
        known: set[str] = set()
        for tab in screen.TABS if isinstance(screen, TabbedMode) else ("",):
            if isinstance(screen, TabbedMode):
                screen.show_tab(tab.key)
            await self._offered(screen, [action for action in screen.offered if action.id not in known])
            known |= {action.id for action in screen.offered}

    async def _offered(self, screen: ModeScreen, actions: Sequence[Action]) -> None:
        for action in actions:
            for what, go in self._ways(action):
                if action.needs_target:
                    # Each time: a list may have changed under the cursor.
                    await self.until(partial(self._aim, screen, action), f"something to do {action.id} to")
                about = {**screen.subject(), **action.about(screen.targets() if action.needs_target else ())}
                await self.one(Way(f"{type(screen).__name__}, {what}", action.operation, about, go))
            self._assert_help_says_why(screen, action)

    def _assert_help_says_why(self, screen: ModeScreen, action: Action) -> None:
        with self.seen.app._context():
            if screen.role_refusal(action):
                said = self.kind.said[self.seen.app.backend.registry[action.operation].role]
                assert (
                    f"{self.seen.app.voice.text(action.label)} — {said}"
                    in help_of(self.seen.app, screen).plain
                )

    def _aim(self, screen: ModeScreen, action: Action) -> bool:
        """Whether the cursor is on something that the action is about, after looking for it."""
        rows = [(grid, row.key) for grid in screen.query(Grid) for row in grid.rows]
        for grid, key in [(None, None), *rows]:
            if grid is not None:
                grid.focus()  # who looks for something to do is there
                grid.go_to(key)
            if action.about(screen.targets()) or (not action.operation and screen.targets()):
                return True
        return False

    def _ways(self, action: Action) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        seen = self.seen

        async def menu(key: str = "") -> None:
            self.press("a")
            await self.until(lambda: isinstance(seen.app.screen, Choice) and seen.grid.rows, "the menu")
            if not key:
                seen.grid.go_to(action.id)
            self.press(key or "enter")

        async def press(key: str) -> None:
            self.press(key)

        for key in filter(None, action.key.split(",")):
            yield f"key {key}", partial(press, key)
        yield f"{action.id} in the menu", menu
        if action.letter:
            yield f"letter {action.letter} of the menu", partial(menu, action.letter)
        yield f"{action.id} in the palette", partial(self.palette, "", seen.app.voice.text(action.label))

    async def palette(self, typed: str, text: str) -> None:
        """Choose a line of what the palette finds."""
        with self.seen.app._context():
            found = [one for one in Commands(self.seen.app.screen)._commands(typed) if one.text == text]
            assert len(found) == 1, f"{len(found)} lines of the palette are {text!r}"
            found[0].run()

    def press(self, key: str) -> None:
        """Press a key without waiting for the machine to be idle, as the pilot would."""
        self.seen.app.post_message(events.Key(key, key if len(key) == 1 else None))

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so that takes a moment only."""
        ends = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < ends:
            if self.seen.app.screen.is_mounted and condition():
                return
            await asyncio.sleep(0.002)
        raise AssertionError(f"never so: {what}\n{self.seen.text()}")

    async def leave(self, screen: Screen[Any], what: str) -> None:
        """Close what is open, step by step, until `screen` is shown again."""
        app = self.seen.app
        for _step in range(_MOST_STEPS):
            if (top := app.screen) is screen:
                return
            self.press("escape")
            await self.until(lambda shown=top: app.screen is not shown, f"the end of {top} after {what}")
        raise AssertionError(f"{app.screen} stays open after {what}")

    async def one(self, way: Way) -> None:
        """Try it: refused, or at least nothing that changes something."""
        app, before = self.seen.app, self.seen.app.screen
        app.messages.all.clear()
        await way.go()
        operation = app.backend.registry[way.operation] if way.operation else None
        if operation is None or app.client.operator.may_act_as(operation.role):
            await self.seen.pilot.pause()
            await self.leave(before, way.what)
            return
        said = self.kind.said[operation.role]
        await self.until(lambda: app.messages.all, f"an answer to {way.what}")
        assert app.messages.all[-1].text == said, way.what
        await self.until(lambda: f"✗ {said}" in self.seen.text().splitlines()[-2], f"“{said}” of {way.what}")
        assert len(app.messages.all) == 1, f"{way.what} was answered twice"
        assert isinstance(app.screen, ModeScreen), f"{way.what} opened something"
        self.tried.append(way)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Something to act on in every mode."""
    with running(tmp_path_factory.mktemp("company")) as world:
        scene.set_up(world)
        world.write(_broken)
        world.operate("terminals.time", terminal_id=5)
        world.operate("bulk.run", operation="terminals.approve", calls=[{"terminal_id": 5}])
        yield world


def _broken(connection: Connection) -> None:
    values = {"terminal_id": 5, "sn": SN, "digest": "0", "raw": '{"cmd":', "reason": "broken JSON"}
    connection.execute(quarantine.insert().values(received_at=utc_now(), **values))


def _stored(world: World) -> dict[str, list[Any]]:
    """Everything in the database that nobody but an operator changes."""

    def read(connection: Connection) -> dict[str, list[Any]]:
        tables = [table for table in metadata.sorted_tables if table.name not in _NO_CHANGE]
        return {table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables}

    return world.write(read)


def _kinds_of_screens(cls: type[ModeScreen] = ModeScreen) -> Iterator[type[ModeScreen]]:
    for found in pkgutil.iter_modules(modes.__path__):
        importlib.import_module(f"{modes.__name__}.{found.name}")
    for kind in cls.__subclasses__():
        yield kind
        yield from _kinds_of_screens(kind)


def _last_refusal(world: World) -> int:
    found = world.operate("audit.list", limit=1).entries
    return found[0].id if found else 0


def _assert_written_down(world: World, trial: Trial, last: int) -> None:
    """Each refusal once: who, from which console, what, to what, and why."""
    registry = world.bridge.registry
    expected = sorted(
        (way.operation, json.dumps(shown_arguments(registry[way.operation], way.about), sort_keys=True))
        for way in trial.tried
    )
    ends = time.monotonic() + WAIT_SECONDS
    entries: list[AuditEntry] = []
    while len(entries) < len(expected) and time.monotonic() < ends:
        entries = world.write(_refusals, last)
    found = sorted(
        (one.operation, json.dumps(json.loads(one.targets) | json.loads(one.arguments), sort_keys=True))
        for one in entries
    )
    assert found == expected
    for one in entries:
        assert (one.operator, one.role, one.origin) == ("ann", "viewer", "console")
        assert one.address == "console 1 · pid 4711"
        needed = registry[one.operation].role
        assert one.reason == f"{one.operation} needs the role {needed}; ann is viewer{trial.kind.noted}"
        assert one.correlation_id


def _refusals(connection: Connection, last: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    before = None
    while page := list_entries(connection, outcome="refused", before_id=before, limit=500):
        entries += page
        before = page[-1].id
    return [one for one in entries if one.id is not None and one.id > last]


def test_every_screen_with_actions_is_tried() -> None:
    found = {kind for kind in _kinds_of_screens() if kind.ACTIONS and not kind.__subclasses__()}
    unknown = found - set(MODES) - BELOW.keys()
    assert not unknown, f"how are these opened? a line in BELOW tells: {unknown}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_menu_or_palette_of_a_mode_lets_who_may_only_look_change_something(
    company: World, kind: str
) -> None:
    async def body(trial: Trial) -> None:
        for screen in (*MODES, *BELOW):
            await trial.seen.press(str(screen.NUMBER))
            if screen in BELOW:
                trial.seen.app.push_screen(BELOW[screen]())
            await trial.seen.until(lambda screen=screen: isinstance(trial.seen.app.screen, screen))
            shown = trial.seen.app.screen
            assert isinstance(shown, ModeScreen)
            await trial.all_of(shown)
            if screen in BELOW:
                await trial.seen.press("escape")
        assert len(trial.tried) > 200

    _play(company, KINDS[kind], body)


@pytest.mark.parametrize("kind", KINDS)
def test_no_operation_is_called_by_its_name(company: World, kind: str) -> None:
    async def body(trial: Trial) -> None:
        app = trial.seen.app
        for operation in app.backend.registry.values():
            if operation.writes or not app.client.operator.may_act_as(operation.role):
                go = partial(trial.palette, "", operation.name)
                await trial.one(Way(f": {operation.name}", operation.name, {}, go))
        await trial.seen.until(lambda: app.seen.terminals, "terminals")
        for action in filter(trial.seen.app.screen.role_refusal, TERMINAL_ACTIONS):  # type: ignore[attr-defined]
            label = app.voice.text(action.label)
            go = partial(trial.palette, f"{_verb(label)} {SN}", f"{label}{app.voice.text(': ')}{SN} Parking")
            await trial.one(Way(f": {label} {SN}", action.operation, {"terminal_id": 5}, go))

    _play(company, KINDS[kind], body)


def _verb(label: str) -> str:
    return max(re.findall(r"\w+", label), key=len)


def _play(world: World, kind: Kind, body: Callable[[Trial], Awaitable[None]]) -> None:
    """Try things in one console; nothing is asked of the server, and every refusal is in the audit."""
    watched, before, last = Watched(world), _stored(world), _last_refusal(world)
    trials: list[Trial] = []

    async def run() -> None:
        async with console(world, kind.who, backend=watched) as seen:
            trials.append(Trial(seen, kind))
            await body(trials[0])

    asyncio.run(run())
    assert watched.called == []
    _assert_written_down(world, trials[0], last)
    assert _stored(world) == before


def test_who_may_change_something_reaches_every_operation_that_does(company: World) -> None:
    async def run() -> None:
        async with console(company) as seen:
            trial = Trial(seen, KINDS["viewer"])
            for operation in company.bridge.registry.values():
                if not operation.writes:
                    continue
                before = seen.app.screen
                await trial.palette("", operation.name)
                await trial.until(
                    lambda: isinstance(seen.app.screen, OperationForm | Confirm),
                    f"a form of {operation.name}",
                )
                await trial.leave(before, operation.name)

    asyncio.run(run())
