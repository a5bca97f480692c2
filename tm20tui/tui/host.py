"""The host of every console of one server: admits clients, sees them from attaching to the end.

It is one of the gateway's front ends. The control socket hands it connections that want a
console; the server's own terminal is one more of them, over a pair of sockets.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.attached import AttachedConsole
from tm20tui.errors import Unavailable
from tm20tui.locale import N_
from tm20tui.model import utc_now
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.operations.consoles import note_attached, note_detached
from tm20tui.tui.bridge import Bridge
from tm20tui.tui.console import Client
from tm20tui.tui.frames import CODE_ENDED, CODE_STOPPED, End
from tm20tui.tui.hello import read_client, with_role
from tm20tui.tui.thread import ConsoleThread

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway
    from tm20tui.tui.stage import MakeApp, Stage

log = logging.getLogger(__name__)

MOST_CONSOLES = 32
END_SECONDS = 2.0
"""What a console may take to end when the server does."""
_AUDIT_SECONDS = 5.0
_COLLECT_EVERY = 8
"""Consoles that end leave cycles, and the collector hardly ever runs by itself in this process."""
STOPPED = N_("the server has stopped")
NO_ROLE = N_("you have no role here any more; the server goes on")
_NO_ROLE = "its operator has no role any more"


class ConsoleHost:
    """`run` it as a front end of the gateway that its consoles look at."""

    address = ""
    """It has none of its own."""

    def __init__(self, make_app: MakeApp | None = None) -> None:
        self._make_app = make_app
        self._thread = ConsoleThread()
        self._bridge: Bridge | None = None
        self._ended = 0

    async def open(self, gateway: Gateway) -> None:
        """Nothing is taken before the first console comes."""

    async def run(self, gateway: Gateway) -> None:
        """Take what consoles ask of the server to it, until cancelled."""
        self._bridge = Bridge(gateway)
        await self._bridge.run()

    def stop(self) -> None:
        """End the consoles' thread, when no console is left."""
        self._thread.stop(END_SECONDS)

    def admit(
        self, told: object, operator: Operator, pid: int, gateway: Gateway, *, is_local: bool = False
    ) -> Console:
        """A console for a client that has said hello; it has yet to `run`.

        Raises:
            InvalidInput: its hello is none.
            Unavailable: there are too many.
        """
        if len(gateway.attached.all()) >= MOST_CONSOLES:
            raise Unavailable(f"{MOST_CONSOLES} consoles are open already: close one")
        if self._bridge is None:
            raise Unavailable("the server is starting: try again in a moment")
        number = gateway.attached.take_number()
        client = read_client(told, number, operator, pid, is_local=is_local)
        return Console(client, gateway, self._thread, self._bridge, self._make_app, self._note_end)

    def _note_end(self) -> None:
        self._ended += 1
        if self._ended % _COLLECT_EVERY == 0:
            gc.collect()


class Console:
    """One console, as the server's loop sees it."""

    def __init__(
        self,
        client: Client,
        gateway: Gateway,
        thread: ConsoleThread,
        bridge: Bridge,
        make_app: MakeApp | None,
        on_end: Any,
    ) -> None:
        self.client = client
        self._gateway = gateway
        self._thread = thread
        self._bridge = bridge
        self._make_app = make_app
        self._on_end = on_end
        self._call = Call(gateway, client.operator)
        self._shown: Stage | None = None
        self._has_no_role = False

    def become(self, role: Role | None) -> None:
        """Its operator has another role from now on; without one it is closed."""
        self._has_no_role = role is None
        if role is None:
            if self._shown is not None:
                self._shown.end(_NO_ROLE, End(CODE_ENDED, NO_ROLE))
            return
        self.client = with_role(self.client, role)
        self._call = replace(self._call, operator=self.client.operator)
        self._gateway.attached.change_role(self.client.number, self.client.operator.role)
        if self._shown is not None:
            self._shown.become(self.client.operator)

    async def run(self, connection: socket.socket, early: bytes = b"") -> str:
        """Show it over a connected stream socket, which is closed at the end; how it ended.

        `early` is what came before. When cancelled, its client is told that the server has stopped.
        """
        with connection:
            loop = await trio.to_thread.run_sync(self._thread.start)
            stage = self._shown = self._stage(loop)
            if self._has_no_role:
                stage.end(_NO_ROLE, End(CODE_ENDED, NO_ROLE))
            begun = trio.current_time()
            self._gateway.attached.add(self._seen(), partial(_close, stage))
            try:
                async with trio.open_nursery() as nursery:
                    # The audit may have to wait for the database, which is when an operator wants to look.
                    nursery.start_soon(note_attached, self._call, self._told())
                    await _play(stage, connection, early, loop)
            finally:
                self._gateway.attached.remove(self.client.number)
                self._on_end()
                with trio.move_on_after(_AUDIT_SECONDS) as scope:
                    scope.shield = True
                    seconds = trio.current_time() - begun
                    await note_detached(self._call, self.client.number, stage.how, seconds)
        return stage.how

    def _stage(self, loop: asyncio.AbstractEventLoop) -> Stage:
        from tm20tui.tui.stage import Stage, make_console_app

        make_app = self._make_app or make_console_app
        return Stage(self.client, self._gateway.attached, self._bridge, make_app, loop)

    def _seen(self) -> AttachedConsole:
        client = self.client
        return AttachedConsole(
            number=client.number,
            operator=client.operator.name,
            role=client.operator.role,
            since=utc_now(),
            address=client.operator.address,
            is_local=client.is_local,
            read_only=client.read_only,
        )

    def _told(self) -> dict[str, object]:
        client = self.client
        return {
            "console_id": client.number,
            "read_only": client.read_only,
            "local": client.is_local,
            "size": f"{client.columns}x{client.rows}",
            "term": client.term,
        }


def _close(stage: Stage, reason: str) -> None:
    stage.end(reason, End(CODE_ENDED, reason))


async def _play(
    stage: Stage, connection: socket.socket, early: bytes, loop: asyncio.AbstractEventLoop
) -> None:
    ended = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def tell(_: object) -> None:
        try:
            token.run_sync_soon(ended.set)
        except trio.RunFinishedError:
            pass

    playing = asyncio.run_coroutine_threadsafe(stage.run(connection, early), loop)
    playing.add_done_callback(tell)
    try:
        await ended.wait()
    except trio.Cancelled:
        stage.end(STOPPED, End(CODE_STOPPED, STOPPED))
        with trio.move_on_after(END_SECONDS) as scope:
            scope.shield = True
            await ended.wait()
        raise
    if (error := playing.exception()) is not None:
        log.error("a console could not be shown", exc_info=error)
