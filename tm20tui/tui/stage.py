"""One console in the consoles' loop: its application, its link, and how it ended.

An application that fails costs its own console, with one sentence for its operator and
the traceback in the log; whatever it does, nothing of it reaches the server's loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual._styles_cache import StylesCache
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.filter import ANSIToTruecolor

from tm20tui.attached import Attached, AttachedConsole
from tm20tui.locale import N_
from tm20tui.operations.call import Operator
from tm20tui.tui.console import Client, Host
from tm20tui.tui.driver import driver_for
from tm20tui.tui.frames import CODE_DONE, CODE_ENDED, End
from tm20tui.tui.link import Link

if TYPE_CHECKING:
    from tm20tui.tui.bridge import Bridge

log = logging.getLogger(__name__)

EXIT_SECONDS = 2.0
"""What an application may take to end before it is cancelled."""
CLOSE_SECONDS = 1.0
"""What a client may take to read how it ended."""
CLOSED = N_("the console is closed; the server goes on")
CRASHED = N_("the console ended on an error; the server goes on and its log says more")

MakeApp = Callable[[Client, Host, "Bridge"], App[Any]]
"""An application that takes another role of its operator by `become`."""


def make_console_app(client: Client, host: Host, bridge: Bridge) -> App[Any]:
    """The console of the product."""
    from tm20tui.tui.app import ConsoleApp

    return ConsoleApp(client, host, bridge)


class Stage:
    """One console. `run` it once, in the consoles' loop; the rest may be called from any thread."""

    def __init__(
        self,
        client: Client,
        attached: Attached,
        bridge: Bridge,
        make_app: MakeApp,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.client = client
        self.how = ""
        """How it ended, for the audit."""
        self._attached = attached
        self._bridge = bridge
        self._make_app = make_app
        self._told = End(CODE_DONE, CLOSED)
        self._loop = loop
        self._link: Link | None = None
        self._ended = asyncio.Event()
        self._app: App[Any] | None = None

    async def run(self, connection: socket.socket, early: bytes = b"") -> None:
        """Show the application until it, its client or the server has had enough."""
        link = self._link = Link(self._end)
        await self._loop.create_unix_connection(lambda: link, sock=connection)
        if early:
            link.data_received(early)
        try:
            app = self._app = self._build(link)
            await self._play(app)
        except Exception as error:  # noqa: BLE001 - it costs this console, and is logged
            self._crashed(error)
        self._end("closed by its operator", End(CODE_DONE, CLOSED))
        link.close(self._told)
        if not await link.wait_closed(CLOSE_SECONDS):
            link.abort()
        self._app = self._link = None
        _let_go()

    def end(self, how: str, told: End) -> None:
        """End the console: `how` is for the audit, `told` for its client. The first reason counts."""
        self._loop.call_soon_threadsafe(self._end, how, told)

    def become(self, operator: Operator) -> None:
        """Its operator has another role from now on."""
        self._loop.call_soon_threadsafe(self._become, operator)

    def attached(self) -> tuple[AttachedConsole, ...]:
        """Every console that is open, by number."""
        return self._attached.all()

    def close(self, number: int, reason: str) -> None:
        """End this console, or another one as the operation that administrators have for it."""
        if number == self.client.number:
            self.end("closed by its operator", End(CODE_DONE, reason or CLOSED))
        else:
            self._operate("consoles.detach", number=number)

    def stop_server(self) -> None:
        """Drain the server, as the operation that administrators have for it."""
        self._operate("server.stop")

    def _end(self, how: str, told: End) -> None:
        if self.how:
            return
        self.how, self._told = how, told
        self._ended.set()
        if self._link is not None:  # its operator need not wait for the application to come down
            self._link.close(told)

    def _become(self, operator: Operator) -> None:
        self.client = replace(self.client, operator=operator)
        if self._app is not None:
            with self._app._context():
                self._app.become(operator)  # type: ignore[attr-defined]

    def _build(self, link: Link) -> App[Any]:
        with environment_of(self.client):
            app = self._make_app(self.client, self, self._bridge)
        app.driver_class = driver_for(link)
        # Textual would swap the process's streams for as long as an application runs; two at once never
        # get them back.
        app._capture_stdout = sys.stdout  # type: ignore[assignment]
        app._capture_stderr = sys.stderr  # type: ignore[assignment]
        # Textual would print the traceback with the values of variables to the server's terminal.
        app._fatal_error = lambda: app._close_messages_no_wait()  # type: ignore[method-assign]
        app._print_error_renderables = app._exit_renderables.clear  # type: ignore[method-assign]
        return app

    async def _play(self, app: App[Any]) -> None:
        size = (self.client.columns, self.client.rows)
        playing = asyncio.create_task(
            app.run_async(mouse=self.client.mouse, size=size), name=f"console {self.client.number}"
        )
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait((playing, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not playing.done():
            with app._context():
                app.exit()
            await asyncio.wait((playing,), timeout=EXIT_SECONDS)
        if not playing.done():
            log.warning("a console did not end when it was told to", extra={"console": self.client.number})
            playing.cancel()
            await asyncio.wait((playing,), timeout=EXIT_SECONDS)
        if playing.done() and not playing.cancelled() and playing.exception() is not None:
            self._crashed(playing.exception())
        elif app._exception is not None:
            self._crashed(app._exception)

    def _crashed(self, error: BaseException | None) -> None:
        log.error("a console crashed", exc_info=error, extra={"console": self.client.number})
        self._end(f"crashed: {type(error).__name__}", End(CODE_ENDED, CRASHED))

    def _operate(self, name: str, **arguments: Any) -> None:
        asked = asyncio.run_coroutine_threadsafe(
            self._bridge.call(self.client.operator, name, arguments, secrets.token_hex(8)), self._loop
        )
        asked.add_done_callback(lambda done: _note_failure(name, done.exception()))


@contextmanager
def environment_of(client: Client) -> Iterator[None]:
    """The environment as the client's terminal would have it; for code that waits for nothing.

    The mapping is replaced, not changed: setting variables while other threads read them
    ends C libraries.
    """
    real = os.environ
    told = {name: value for name, value in real.items() if not name.startswith("TEXTUAL")}
    for name in ("NO_COLOR", "COLORTERM", "COLUMNS", "LINES", "TERM_PROGRAM"):
        told.pop(name, None)
    told["TERM"] = client.term or "xterm"
    if client.colorterm:
        told["COLORTERM"] = client.colorterm
    if client.no_color:
        told["NO_COLOR"] = "1"
    os.environ = told  # type: ignore[assignment]  # noqa: B003
    try:
        yield
    finally:
        os.environ = real  # noqa: B003


def _let_go() -> None:
    """Let nothing of Textual remember a console that has ended.

    These methods remember their answers by the object that was asked, for all consoles together:
    up to a thousand parsers, each with the application it saw a key for last, and pictures.
    """
    for method in (
        XTermParser._parse_extended_key,
        StylesCache.get_inner_outer,
        ANSIToTruecolor.truecolor_style,
    ):
        method.cache_clear()


def _note_failure(name: str, error: BaseException | None) -> None:
    if error is not None:
        log.warning("%s, asked by a console, failed: %s", name, error)
