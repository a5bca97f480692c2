"""The socket of one simulated terminal: dial, carry texts, hang up, dial again, for ever."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, HandshakeError, WebSocketConnection, wrap_client_stream

from tm20tui.simulate.terminal import NEVER, Terminal

HANDSHAKE_SECONDS = 5.0
CLOSE_SECONDS = 0.5
OFFLINE_CYCLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where the fleet dials. `path` is None when each family asks for its own."""

    host: str
    port: int
    path: str | None
    ssl_context: ssl.SSLContext | None

    @classmethod
    def from_url(cls, url: str, ssl_context: ssl.SSLContext | None = None) -> Target:
        """Read ``ws://host:port/path``; ValueError says in one sentence what is wrong."""
        parts = urlsplit(url)
        if parts.scheme not in {"ws", "wss"}:
            raise ValueError(f"{url!r} must begin with ws:// or wss://")
        if not parts.hostname:
            raise ValueError(f"{url!r} names no host")
        try:
            port = parts.port
        except ValueError:
            raise ValueError(f"{url!r} has a port outside 1..65535") from None
        if port == 0:
            raise ValueError(f"{url!r} has a port outside 1..65535")
        secure = parts.scheme == "wss"
        if secure and ssl_context is None:
            ssl_context = ssl.create_default_context()
        if not secure:
            ssl_context = None
        path = parts.path if parts.path not in {"", "/"} else None
        if parts.query:
            path = f"{parts.path or '/'}?{parts.query}"
        return cls(parts.hostname, port or (443 if secure else 80), path, ssl_context)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Connection:
    """Keeps one terminal connected, or away for its share of the time."""

    def __init__(self, terminal: Terminal, target: Target, *, offline_share: float = 0.0) -> None:
        self.terminal = terminal
        self._target = target
        self._offline_share = offline_share
        self._scale = terminal.traits.time_scale
        self._stay = trio.Event()
        self._wake = trio.Event()
        self._asleep_until = NEVER

    def wake(self) -> None:
        """The terminal has something to send before the connection would look by itself."""
        if self.terminal.wake_at < self._asleep_until:
            self._wake.set()

    def stay_online(self) -> None:
        """Come back if away, and stay: the fleet drains."""
        self._stay.set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled. A server that is away is an expected state."""
        terminal, rng = self.terminal, self.terminal.rng
        if rng.random() < self._offline_share:
            await self._away()
        else:
            await trio.sleep(rng.uniform(0, 2.0) * self._scale)
        dialled = False
        while True:
            if dialled:
                terminal.tally.reconnects += 1
            dialled = True
            reached = await self._dial_once()
            if reached and self._offline_share and not terminal.wants_close and not self._stay.is_set():
                await self._away()
                continue
            planned = terminal.reconnect_after_seconds or rng.uniform(1.0, 4.0)
            terminal.reconnect_after_seconds = 0.0
            await trio.sleep(max(0.02, planned * rng.uniform(0.8, 1.2) * self._scale))

    async def _away(self) -> None:
        with trio.move_on_after(self._phase(self._offline_share)):
            await self._stay.wait()

    def _phase(self, share: float) -> float:
        return OFFLINE_CYCLE_SECONDS * self._scale * share * self.terminal.rng.uniform(0.5, 1.5)

    async def _dial_once(self) -> bool:
        """One connection from dialling to its end; True when it was open."""
        terminal, target = self.terminal, self._target
        opened = False
        try:
            stream = await self._open_stream()
            try:
                async with trio.open_nursery() as nursery:
                    with trio.fail_after(HANDSHAKE_SECONDS):
                        websocket = await wrap_client_stream(
                            nursery, stream, target.authority, target.path or terminal.family.path
                        )
                    opened = True
                    terminal.connected(trio.current_time())
                    try:
                        await self._converse(websocket)
                    finally:
                        terminal.disconnected()
                        await self._hang_up(websocket, stream)
                    nursery.cancel_scope.cancel()
            finally:
                await trio.aclose_forcefully(stream)
        except* trio.TooSlowError:
            terminal.tally.trouble = f"{target.authority} does not answer the handshake"
        except* HandshakeError as group:
            terminal.tally.trouble = f"{target.authority} refused the connection: {_reason(group)}"
        except* (OSError, trio.BrokenResourceError) as group:
            terminal.tally.trouble = f"cannot reach {target.authority}: {_reason(group)}"
        except* Exception as group:  # noqa: BLE001 (a load generator outlives every bug of a server or library)
            terminal.tally.trouble = f"connection to {target.authority} failed: {_innermost(group)!r}"
        return opened

    async def _open_stream(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        target = self._target
        with trio.fail_after(HANDSHAKE_SECONDS):
            if target.ssl_context is None:
                return await trio.open_tcp_stream(target.host, target.port)
            stream = await trio.open_ssl_over_tcp_stream(
                target.host, target.port, ssl_context=target.ssl_context, https_compatible=True
            )
            await stream.do_handshake()
            return stream

    async def _converse(self, websocket: WebSocketConnection) -> None:
        with trio.CancelScope() as scope:
            if self._offline_share:
                scope.deadline = trio.current_time() + self._phase(1.0 - self._offline_share)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._speak, websocket, nursery.cancel_scope)
                await self._listen(websocket)
                nursery.cancel_scope.cancel()

    async def _listen(self, websocket: WebSocketConnection) -> None:
        terminal = self.terminal
        try:
            while not terminal.wants_close:
                text = await websocket.get_message()
                for reply in terminal.receive(text, trio.current_time()):
                    await websocket.send_message(reply)
                self.wake()
        except ConnectionClosed:
            return

    async def _speak(self, websocket: WebSocketConnection, conversation: trio.CancelScope) -> None:
        """What the terminal says by itself: `reg`, punches, repeats, delayed answers."""
        terminal = self.terminal
        try:
            while True:
                for text in terminal.due(trio.current_time()):
                    await websocket.send_message(text)
                if terminal.wants_close:
                    break
                self._wake = trio.Event()
                self._asleep_until = terminal.wake_at
                with trio.move_on_at(self._asleep_until):
                    await self._wake.wait()
        except ConnectionClosed:
            pass
        finally:
            self._asleep_until = NEVER
        conversation.cancel()

    async def _hang_up(self, websocket: WebSocketConnection, stream: trio.abc.Stream) -> None:
        """Half of the connections end with a close frame, half as if the cable had been pulled."""
        if self.terminal.wants_close or self.terminal.rng.random() < 0.5:
            await trio.aclose_forcefully(stream)
            return
        # When the fleet ends, the task that would read the server's close frame is gone already.
        ending = trio.current_effective_deadline() == -NEVER
        patience = 0.02 if ending else CLOSE_SECONDS
        with trio.CancelScope(deadline=trio.current_time() + patience, shield=True):
            await websocket.aclose()


def _innermost(error: BaseException) -> BaseException:
    """The cause somebody can act on: ``Connection refused`` rather than that all attempts failed."""
    while True:
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        elif isinstance(error.__cause__, OSError | BaseExceptionGroup):
            error = error.__cause__
        else:
            return error


def _reason(error: BaseException) -> str:
    cause = _innermost(error)
    if isinstance(cause, OSError) and (cause.errno or 0) > 0:
        return os.strerror(cause.errno or 0)
    return getattr(cause, "strerror", None) or str(cause) or repr(cause)
