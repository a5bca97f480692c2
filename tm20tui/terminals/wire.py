"""What a session needs of a connection, so that it can be tested without a socket."""

from __future__ import annotations

from typing import Protocol

from tm20tui.errors import Tm20Error


class Disconnected(Tm20Error):
    """The connection is gone; what was sent last may not have arrived."""


class Wire(Protocol):
    """One connection of a terminal. Every method but `close` raises `Disconnected` once it is gone."""

    address: str
    """The peer, as `host:port`."""

    async def receive(self) -> str | bytes:
        """The next frame."""

    async def send(self, text: str) -> None:
        """Send a frame; gives up on a peer that does not read."""

    async def ping(self) -> None:
        """Send a ping and return when its pong is there."""

    async def close(self, code: int, reason: str) -> None:
        """Say why and end it, within a bounded time. Never raises."""
