"""A scripted server for the fleet to dial, and one terminal without a socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.ledger import Ledger
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits

CLOUDTIME = "2026-03-02 08:00:00"


@dataclass
class Rig:
    """One terminal and its books; `now` is moved by hand."""

    terminal: Terminal
    ledger: Ledger
    now: float = 100.0
    sent: list[dict[str, Any]] = field(default_factory=list)

    def later(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass, in steps as the connection would; what the terminal said meanwhile."""
        until, said = self.now + seconds, []
        while True:
            self.now = min(until, max(self.now, self.terminal.wake_at))
            said += [json.loads(text) for text in self.terminal.due(self.now)]
            if self.now >= until or self.terminal.wants_close:
                self.sent += said
                return said

    def tell(self, **message: Any) -> list[dict[str, Any]]:
        said = [json.loads(text) for text in self.terminal.receive(json.dumps(message), self.now)]
        self.sent += said
        return said

    def register(self, **extra: Any) -> list[dict[str, Any]]:
        self.terminal.connected(self.now)
        (reg,) = self.later(self.terminal.family.reg_delay_seconds)
        assert reg["cmd"] == "reg"
        return self.tell(**({"ret": "reg", "result": True, "cloudtime": CLOUDTIME} | extra))

    def ack(self, frame: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        reply = {"ret": "sendlog", "result": True, "count": frame["count"], "logindex": frame["logindex"]}
        return self.tell(**(reply | changes))

    def command(self, name: str, /, **fields: Any) -> dict[str, Any] | None:
        """Send a command and wait for its answer."""
        self.tell(cmd=name, **fields)
        said = self.later(self.terminal.family.command_seconds)
        return next((message for message in said if "ret" in message), None)


@pytest.fixture
def make_rig() -> Callable[..., Rig]:
    def make(family: str = "TH600", *, users: int = 5, index: int = 1, **traits: Any) -> Rig:
        ledger = Ledger()
        settings = Traits(**({"seed": 1, "enrol_seconds": float("inf")} | traits))
        terminal = Terminal(
            index, FAMILIES[family], make_roster(users, 1), traits=settings, ledger=ledger, tally=Tally()
        )
        return Rig(terminal, ledger)

    return make


Answer = Callable[[dict[str, Any]], Any]


def proper(message: dict[str, Any]) -> dict[str, Any] | None:
    """The answer of a server that does everything right."""
    match message.get("cmd"):
        case "reg":
            return {"ret": "reg", "result": True, "cloudtime": CLOUDTIME, "nosenduser": True}
        case "sendlog":
            echo = {"count": message["count"], "logindex": message["logindex"]}
            return {"ret": "sendlog", "result": True, **echo, "cloudtime": CLOUDTIME}
        case None:
            return None
        case name:
            return {"ret": name, "result": True}


@dataclass
class Server:
    """What the scripted server saw. `answer` maps a frame to a reply (or None); `greet` runs after reg."""

    port: int = 0
    answer: Answer = proper
    greet: Callable[[WebSocketConnection], Awaitable[None]] | None = None
    frames: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    def of(self, name: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame.get("cmd") == name or frame.get("ret") == name]

    async def handle(self, request: WebSocketRequest) -> None:
        websocket = await request.accept()
        self.paths.append(request.path)
        try:
            while True:
                frame = json.loads(await websocket.get_message())
                self.frames.append(frame)
                reply = self.answer(frame)
                if reply is not None:
                    await websocket.send_message(json.dumps(reply))
                if frame.get("cmd") == "reg" and self.greet is not None:
                    await self.greet(websocket)
        except ConnectionClosed:
            return


@asynccontextmanager
async def serving(**script: Any) -> AsyncIterator[Server]:
    server = Server(**script)
    async with trio.open_nursery() as nursery:
        listening = await nursery.start(partial(serve_websocket, server.handle, "127.0.0.1", 0, None))
        server.port = listening.port
        yield server
        nursery.cancel_scope.cancel()
