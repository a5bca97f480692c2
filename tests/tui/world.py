"""A real server in a thread of its own, and a console of it under Textual's pilot."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import trio
from textual.pilot import Pilot

from tests.databases import sqlite_template
from tm20tui.gateway import Gateway
from tm20tui.operations.call import Operator, Role
from tm20tui.settings import Settings, load
from tm20tui.tui.app import ConsoleApp
from tm20tui.tui.bridge import Bridge
from tm20tui.tui.console import AttachedConsole, Client
from tm20tui.tui.grid import Grid
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.table_mode import TableMode

T = TypeVar("T")
M = TypeVar("M", bound=ModeScreen)
Table = TypeVar("Table", bound=TableMode)
WAIT_SECONDS = 30.0


@dataclass
class FakeHost:
    """Remembers what it was asked."""

    closed: list[tuple[int, str]] = field(default_factory=list)
    stopped: bool = False
    others: tuple[AttachedConsole, ...] = ()

    def attached(self) -> tuple[AttachedConsole, ...]:
        """This console, and whoever a test put beside it."""
        return (AttachedConsole(1, "ann", "admin", datetime(2026, 11, 22, tzinfo=UTC), "here"), *self.others)

    def close(self, number: int, reason: str) -> None:
        """Remember it."""
        self.closed.append((number, reason))

    def stop_server(self) -> None:
        """Remember it."""
        self.stopped = True


@dataclass
class World:
    """A running server, seen from another thread."""

    gateway: Gateway
    bridge: Bridge
    token: trio.lowlevel.TrioToken

    def do(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function in the server's loop and wait for it."""
        return trio.from_thread.run(function, *args, trio_token=self.token)

    def write(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """A write to the database in the server's loop."""

        async def run() -> T:
            return await self.gateway.database.write(function, *args, **kwargs)

        return self.do(run)

    def operate(self, operation: str, /, **arguments: Any) -> Any:
        """An operation, asked by the server itself."""
        from tm20tui.operations.call import SERVER, Call

        async def run() -> Any:
            return await self.bridge.registry[operation].function(Call(self.gateway, SERVER), **arguments)

        return self.do(run)


def settings_for(folder: Path, **sections: Any) -> Settings:
    """A server of its own on SQLite in `folder`."""
    return load(
        None,
        {
            "state_directory": str(folder),
            "database": {"url": f"sqlite:///{folder}/tm20.db"},
            "site": {"timezone": "Europe/Paris"},
            "terminals": {"host": "127.0.0.1", "port": 0},
            **sections,
        },
    )


@contextmanager
def running(folder: Path, **sections: Any) -> Iterator[World]:
    """A server in a thread of its own; ended at the end."""
    shutil.copy(sqlite_template(), folder / "tm20.db")
    gateway = Gateway(settings_for(folder, **sections))
    bridge = Bridge(gateway)
    ready = threading.Event()
    found: list[World] = []
    crashes: list[BaseException] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(gateway.run)
            await nursery.start(bridge.run)
            found.append(World(gateway, bridge, trio.lowlevel.current_trio_token()))
            ready.set()
            await _until_stopped(gateway)
            nursery.cancel_scope.cancel()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            crashes.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    assert ready.wait(WAIT_SECONDS), "the server did not start"
    if crashes:
        raise crashes[0]
    try:
        yield found[0]
    finally:
        found[0].token.run_sync_soon(gateway.stop)
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive(), "the server did not stop"
    if crashes:
        raise crashes[0]


async def _until_stopped(gateway: Gateway) -> None:
    await gateway._stopping.wait()
    await trio.sleep(0.1)


def client(role: Role = "admin", *, name: str = "ann", **facts: Any) -> Client:
    """A client of this role, in English unless told otherwise."""
    facts.setdefault("language", "en")
    return Client(1, Operator(name, role, "console", "console 1"), **facts)


@dataclass
class Console:
    """A console under the pilot."""

    app: ConsoleApp
    pilot: Pilot[int]
    host: FakeHost

    @property
    def grid(self) -> Grid:
        """The first grid of the screen."""
        return self.app.screen.query(Grid).first()

    async def press(self, *keys: str) -> None:
        """Press keys and let the screen settle."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until something is so; fails after some seconds with what is on the screen."""
        ends = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < ends:
            # A screen that has just come has no fields yet.
            if all(screen.is_mounted for screen in self.app.screen_stack[-1:]) and condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"never so: {what or condition}\n{self.text()}")

    async def see(self, *words: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(word in self.text() for word in words), f"on the screen: {words}")

    def mode(self, kind: type[M]) -> M:
        """The mode or detail of this kind that is open."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, kind))

    def text(self) -> str:
        """What is on the screen, as text."""
        screen = self.app.screen
        width, height = screen.size
        strips = screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip()[:width] for strip in strips[:height])


@asynccontextmanager
async def console(
    world: World, who: Client | None = None, *, size: tuple[int, int] = (120, 36), **kwargs: Any
) -> AsyncIterator[Console]:
    """A console of this server."""
    host = FakeHost()
    app = ConsoleApp(who or client(), host, kwargs.pop("backend", world.bridge), **kwargs)
    async with app.run_test(size=size) as pilot:
        yield Console(app, pilot, host)


def look_at(
    kind: type[Table],
    world: World,
    body: Callable[[Console], Awaitable[None]],
    role: Role = "admin",
    **options: Any,
) -> None:
    """Run `body` with a console that shows this mode, once it has something to show."""

    async def run() -> None:
        who = client(role, language=options.pop("language", "en"))
        async with console(world, who, **options) as seen:
            await seen.press(str(kind.NUMBER))
            await seen.until(lambda: seen.mode(kind).grid.rows or seen.mode(kind).grid.empty)
            await body(seen)

    asyncio.run(run())
