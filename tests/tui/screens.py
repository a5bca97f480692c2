"""A small application for the tests of what carries applications, and a client that speaks frames."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from tm20tui.control.server import ControlServer
from tm20tui.control.wire import VERSION, encode
from tm20tui.gateway import Gateway
from tm20tui.operations.call import Operator
from tm20tui.settings import load
from tm20tui.tui import frames
from tm20tui.tui.console import Client, Host
from tm20tui.tui.frames import End, FrameBuffer
from tm20tui.tui.host import ConsoleHost

SECRET = "hunter2"


class TinyApp(App[None]):
    """Shows what happens to it; `seen` are its events in words. Keys: x crashes, p paints without end."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, client: Client, host: Host, backend: Any) -> None:
        super().__init__()
        self.client, self.host, self.backend = client, host, backend
        self.seen: list[str] = []
        self.frame = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="lines", markup=False)

    def on_mount(self) -> None:
        self.show(f"hello {self.client.number} {self.console.color_system}")

    def become(self, operator: Operator) -> None:
        self.show(f"role {operator.role}")

    def show(self, text: str) -> None:
        self.seen.append(text)
        self.query_one("#lines", Static).update("\n".join(f"<{line}>" for line in self.seen[-8:]))

    def on_key(self, event: events.Key) -> None:
        if event.key == "x":
            password = SECRET
            raise RuntimeError(f"nobody expected this{password[:0]}")
        if event.key == "p":
            self.set_interval(0.005, self.paint)
        if event.key == "c":
            self.host.close(self.client.number, "")
        if event.key == "s":
            self.host.stop_server()
        if event.key == "o":
            self.host.close(
                next(one.number for one in self.host.attached() if one.number != self.client.number), ""
            )
        self.show(f"key {event.key}")

    def paint(self) -> None:
        self.frame += 1
        line = chr(33 + self.frame % 90) * self.size.width
        self.query_one("#lines", Static).update(
            "\n".join([line] * (self.size.height - 1) + [f"<{self.frame}>"])
        )

    def on_paste(self, event: events.Paste) -> None:
        self.show(f"paste {event.text}")

    def on_click(self, event: events.Click) -> None:
        self.show(f"click {event.screen_x},{event.screen_y}")

    def on_resize(self, event: events.Resize) -> None:
        if self._running and self.seen:
            self.show(f"size {event.size.width}x{event.size.height}")


class BrokenApp(App[None]):
    """Cannot even be made."""

    def __init__(self, client: Client, host: Host, backend: Any) -> None:
        raise RuntimeError("cannot be made")


@dataclass
class Eye:
    """One attached client: what it was sent, and how it ended."""

    stream: trio.SocketStream
    output: str = ""
    received: int = 0
    end: End | None = None
    _frames: FrameBuffer = field(
        default_factory=lambda: FrameBuffer((frames.OUTPUT, frames.END), frames.LONGEST_FROM_SERVER)
    )

    async def type(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        await self.stream.send_all(frames.frame(frames.INPUT, data))

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read(self) -> bool:
        """Take what comes next; False at the end."""
        try:
            data = await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            data = b""
        self.take(data)
        return bool(data)

    def take(self, data: bytes) -> None:
        self.received += len(data)
        for kind, payload in self._frames.feed(data):
            if kind == frames.OUTPUT:
                self.output += payload.decode()
            else:
                self.end = frames.read_end(payload)

    async def until(self, text: str, seconds: float = 30.0) -> None:
        """Wait until this was painted since the last `forget`."""
        with trio.fail_after(seconds):
            while text not in self.output:
                assert await self.read(), f"ended with {self.end} before {text!r}: {self.output[-500:]!r}"

    async def ended(self, seconds: float = 30.0) -> End | None:
        """Wait for the end of the connection; what was told of it."""
        with trio.fail_after(seconds):
            while await self.read():
                pass
        return self.end

    async def quiet(self, seconds: float) -> int:
        """Bytes that come within so long."""
        before = self.received
        with trio.move_on_after(seconds):
            while await self.read():
                pass
        return self.received - before

    def forget(self) -> None:
        self.output = ""


@asynccontextmanager
async def hello_to(path: Path, **told: Any) -> AsyncIterator[tuple[Eye, dict[str, Any]]]:
    """A client of the server at a control socket, after the answer to its hello."""
    hello = {
        "version": frames.CONSOLE_VERSION,
        "columns": 80,
        "rows": 24,
        "term": "xterm-256color",
        **told,
    }
    async with await trio.open_unix_socket(str(path)) as stream:
        await stream.send_all(encode({"hello": VERSION, "for": "console", "console": hello}))
        received = b""
        with trio.fail_after(30):
            while b"\n" not in received:
                received += await stream.receive_some(65536)
        line, _, rest = received.partition(b"\n")
        eye = Eye(stream)
        eye.take(rest)
        yield eye, json.loads(line)


@dataclass
class Theatre:
    """A running server that consoles can be attached to."""

    gateway: Gateway
    control: ControlServer
    host: ConsoleHost
    folder: Path

    @asynccontextmanager
    async def attached(self, *, ready: str = "<hello", **told: Any) -> AsyncIterator[Eye]:
        """A client that has seen `ready`."""
        async with self.connected(**told) as (eye, hello):
            assert "error" not in hello, hello
            await eye.until(ready)
            yield eye

    @asynccontextmanager
    async def connected(self, **told: Any) -> AsyncIterator[tuple[Eye, dict[str, Any]]]:
        """A client after the answer to its hello."""
        async with hello_to(self.control.path, **told) as found:
            yield found

    async def audit(self) -> list[dict[str, Any]]:
        """What is written down of consoles, oldest first."""
        from tests.ingest.frames import rows

        return [
            row
            for row in await rows(self.gateway.database, "audit")
            if row["operation"].startswith("console")
        ]


@asynccontextmanager
async def theatre(url: str, folder: Path, make_app: Any = TinyApp, **sections: Any) -> AsyncIterator[Theatre]:
    """A gateway with its control socket and consoles that show `make_app`."""
    settings = load(
        None,
        {
            "state_directory": str(folder),
            "database": {"url": url},
            "site": {"timezone": "UTC"},
            "terminals": {"host": "127.0.0.1", "port": 0},
            **sections,
        },
    )
    gateway, host = Gateway(settings), ConsoleHost(make_app)
    control = ControlServer(settings, host)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(gateway.run, [host, control])
            yield Theatre(gateway, control, host, folder)
            gateway.stop()
    finally:
        host.stop()


def pid_line() -> str:
    """Where a client of this process is said to be."""
    return f"pid {os.getpid()}"
