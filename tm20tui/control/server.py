"""The control socket of one gateway: a Unix socket that says who is asking."""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import trio

from tm20tui import __version__
from tm20tui.control.connection import Connection
from tm20tui.control.peers import Peer, credentials_of, identify, role_of
from tm20tui.control.requests import error_of
from tm20tui.control.session import OperationsSession
from tm20tui.control.socket_file import SocketFile
from tm20tui.control.wire import VERSION
from tm20tui.errors import Forbidden, InvalidInput, OperationError, Unavailable
from tm20tui.operations import load_operations
from tm20tui.operations.call import Operator, Role
from tm20tui.operations.registry import Operation, note_refusal
from tm20tui.settings import OperatorsSettings, Settings

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

log = logging.getLogger(__name__)

MOST_CLIENTS = 64
MOST_CLIENTS_OF_A_USER = 24
"""Connections of one account other than the server's own and root: nobody locks out an administrator."""
HELLO_SECONDS = 5.0
_PAUSE_SECONDS = 1.0

PURPOSES = ("operations", "console")
"""What a connection can be for."""


class Known(Protocol):
    """What acts for somebody who is connected."""

    def become(self, role: Role | None) -> None:
        """They have another role from now on, or none: what was begun for them is finished."""


class Console(Known, Protocol):
    """What shows itself over a connection that is handed over to it."""

    async def run(self, connection: socket.socket, early: bytes = b"") -> str:
        """Until it ends; `early` is what was received already."""


class Consoles(Protocol):
    """What admits consoles."""

    def admit(self, told: object, operator: Operator, pid: int, gateway: Gateway) -> Console:
        """A console for who has said hello; raises `OperationError` for who may have none."""


@dataclass(slots=True, eq=False)
class _Client:
    """Somebody who is connected: what the kernel says of them, their role, None when it was taken away.

    `acts` for them is None until they have said what they want.
    """

    credentials: bytes
    role: Role | None
    acts: Known | None = None


class ControlServer:
    """The operators' way in from this machine: `open`, then `run` until it is cancelled."""

    address = ""
    """It has no URL: what shows addresses shows those of the network. `path` is where it is."""

    def __init__(self, settings: Settings, consoles: Consoles | None = None) -> None:
        self._consoles = consoles
        self.path = settings.control_path
        self._file = SocketFile(self.path, settings.control.group)
        self._operators = settings.operators
        self._node = settings.node
        self._listening: socket.socket | None = None
        self._clients: Counter[int] = Counter()
        self._known: list[_Client] = []
        self._registry: Mapping[str, Operation] = {}

    async def open(self, gateway: Gateway) -> None:
        """Take the path.

        Raises:
            AlreadyRunning: a server answers there.
            ConfigError: no socket can be made there.
        """
        self._registry = load_operations()
        self._listening = await trio.to_thread.run_sync(self._file.open)
        log.info("operators reach this server at %s", self.path)

    async def run(self, gateway: Gateway) -> None:
        """Serve until cancelled; whatever goes wrong in here never reaches terminals or deliveries."""
        if self._listening is None:
            await self.open(gateway)
        assert self._listening is not None
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._listening))
        try:
            while True:
                try:
                    async with trio.open_nursery() as nursery:
                        await self._accept(listener, gateway, nursery)
                except Exception:
                    log.exception("the control socket crashed: starting it again")
                await trio.sleep(_PAUSE_SECONDS)
        finally:
            self.close()

    async def change_operators(self, operators: OperatorsSettings) -> None:
        """Other roles from now on, also for who is connected: who has none any more is cut off."""
        self._operators = operators
        for client in list(self._known):
            peer = await trio.to_thread.run_sync(identify, client.credentials)
            role = role_of(peer, operators.users, operators.groups)
            if role == client.role:
                continue
            log.warning("%s has the role %s from now on, not %s", peer.name, role or "none", client.role)
            client.role = role
            if client.acts is not None:
                client.acts.become(role)

    def close(self) -> None:
        """Give the path back."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._file.remove()

    async def _accept(self, listener: trio.SocketListener, gateway: Gateway, nursery: trio.Nursery) -> None:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:  # no descriptors left, usually
                log.warning("the control socket cannot accept: %s", error)
                await trio.sleep(_PAUSE_SECONDS)
                continue
            nursery.start_soon(self._serve_client, stream, gateway)

    async def _serve_client(self, stream: trio.SocketStream, gateway: Gateway) -> None:
        connection = Connection(stream)
        try:
            credentials = credentials_of(stream)
            peer = await trio.to_thread.run_sync(identify, credentials)
            try:
                client = _Client(credentials, self._admit(peer))
            except OperationError as error:
                if isinstance(error, Forbidden):
                    await note_refusal(
                        gateway,
                        "control.connect",
                        str(error),
                        operator=peer.name,
                        role="none",
                        origin="socket",
                        address=f"pid {peer.pid}",
                    )
                await connection.send({"id": None, "error": error_of(error)})
                return
            self._clients[peer.uid] += 1
            self._known.append(client)
            try:
                await self._greet(connection, gateway, client, peer)
            finally:
                self._known.remove(client)
                self._clients[peer.uid] -= 1
                self._clients += Counter()  # forgets who has none
        except Exception:
            log.exception("a connection of the control socket crashed")
        finally:
            await trio.aclose_forcefully(stream)

    def _admit(self, peer: Peer) -> Role:
        role = role_of(peer, self._operators.users, self._operators.groups)
        if role is None:
            log.warning("the control socket refused %s", peer.name, extra={"pid": peer.pid})
            raise _stranger(peer)
        is_owner = peer.uid in (0, os.geteuid())
        if self._clients.total() >= MOST_CLIENTS or (
            not is_owner and self._clients[peer.uid] >= MOST_CLIENTS_OF_A_USER
        ):
            raise Unavailable("too many connections to the control socket: close some")
        return role

    async def _greet(self, connection: Connection, gateway: Gateway, client: _Client, peer: Peer) -> None:
        try:
            hello = await self._hello(connection)
            if hello is None:
                return
            if client.role is None:
                raise _stranger(peer)
            operator = Operator(peer.name, client.role, "socket", f"pid {peer.pid}")
            acts: Console | OperationsSession
            if hello["for"] == "console":
                acts = self._admit_console(hello, gateway, operator, peer.pid)
            else:
                acts = OperationsSession(connection, gateway, operator, self._registry)
            client.acts = acts
        except OperationError as error:
            await connection.send({"hello": VERSION, "id": None, "error": error_of(error)})
            return
        await connection.send(
            {
                "hello": VERSION,
                "program": f"tm20tui {__version__}",
                "node": self._node,
                "operator": operator.name,
                "role": operator.role,
            }
        )
        if isinstance(acts, OperationsSession):
            await acts.run()
        elif not connection.is_lost:
            await acts.run(*connection.hand_over())

    def _admit_console(
        self, hello: dict[str, Any], gateway: Gateway, operator: Operator, pid: int
    ) -> Console:
        if self._consoles is None:
            raise InvalidInput("this server offers no console", field="for")
        return self._consoles.admit(hello.get("console"), operator, pid, gateway)

    async def _hello(self, connection: Connection) -> dict[str, Any] | None:
        """What a client says it is and wants; None when it has left without a word."""
        message: dict[str, Any] | None = None
        with trio.move_on_after(HELLO_SECONDS) as patience:
            message = await connection.receive()
        if patience.cancelled_caught:
            raise InvalidInput(f"no hello within {HELLO_SECONDS:g} seconds", field="hello")
        if message is None:
            return None
        if message.get("hello") != VERSION:
            raise InvalidInput(
                f"this server speaks version {VERSION} of the control protocol: use the same version of "
                "tm20tui for both",
                field="hello",
            )
        purpose = message.get("for")
        if not isinstance(purpose, str) or purpose not in PURPOSES:
            raise InvalidInput(f"nothing is served for that: only {', '.join(PURPOSES)}", field="for")
        return message


def _stranger(peer: Peer) -> Forbidden:
    return Forbidden(
        f"{peer.name} has no role here: an administrator gives one in [operators.users] or "
        "[operators.groups] of the configuration"
    )
