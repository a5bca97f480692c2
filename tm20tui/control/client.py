"""The other end of the control socket, for command lines: plain blocking calls, few imports."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tm20tui import __version__
from tm20tui.control.socket_file import address_of
from tm20tui.control.wire import LONGEST_ANSWER, VERSION, LineBuffer, decode_answer, encode
from tm20tui.errors import OperationError, Tm20Error

HELLO_SECONDS = 10.0
_CHUNK = 262_144


class NotReachable(Tm20Error):
    """No server answers at `path`."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"no server answers at {path} ({reason})")


class Lost(Tm20Error):
    """The server went away in the middle; what was asked may have been done."""


class Refused(OperationError):
    """What the server answered instead of a result; `kind` is its stable code."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.kind = str(error.get("code", "failed"))
        super().__init__(str(error.get("message", "")), field=error.get("field"))


class Client:
    """One connection; a context manager. With `console`, what its hello tells, it is one to `hand_over`.

    Raises, on construction:
        NotReachable: no server is there.
        Refused: it does not want us.
    """

    def __init__(
        self, path: Path, *, seconds: float = HELLO_SECONDS, console: dict[str, Any] | None = None
    ) -> None:
        self._lines = LineBuffer(LONGEST_ANSWER)
        self._last_id = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        try:
            with address_of(path) as address:
                self._socket.connect(address)
            hello: dict[str, Any] = {
                "hello": VERSION,
                "for": "operations",
                "program": f"tm20tui {__version__}",
            }
            if console is not None:
                hello.update({"for": "console", "console": console})
            self._send(hello)
            self.server = self._receive()
        except (OSError, Lost) as error:
            self._socket.close()
            if isinstance(error, PermissionError):
                words = f"this account may not connect to {path}: permission denied"
                raise Refused({"code": "forbidden", "message": words}) from None
            raise NotReachable(path, _reason(error)) from None
        if "error" in self.server:
            self._socket.close()
            raise Refused(self.server["error"])
        self._socket.settimeout(None)

    def call(
        self,
        operation: str,
        arguments: dict[str, Any],
        on_page: Callable[[Any], None] | None = None,
    ) -> Any:
        """The result of an operation; one that returns pages has `on_page` called with each.

        Raises:
            Refused, Lost
        """
        return self._request({"operation": operation, "arguments": arguments}, on_page)

    def ask(self, what: str) -> Any:
        """`describe` or `status`."""
        return self._request({"ask": what})

    def follow(self, kinds: Collection[str] | None = None) -> Iterator[dict[str, Any]]:
        """What happens from now on, until the server goes away (`Lost`)."""
        message: dict[str, Any] = {"follow": "events"}
        if kinds is not None:
            message["kinds"] = list(kinds)
        self._request(message)
        while True:
            try:
                answer = self._receive()
            except OSError as error:
                raise Lost(f"the server went away ({_reason(error)})") from None
            if "error" in answer:
                raise Refused(answer["error"])
            yield answer["event"]

    def set_patience(self, seconds: float | None) -> None:
        """How long to wait for each answer from now on; None for ever."""
        self._socket.settimeout(seconds)

    def hand_over(self) -> tuple[socket.socket, bytes]:
        """The connection for something else than requests, and what was received of it already."""
        return self._socket, self._lines.rest()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, message: dict[str, Any], on_page: Callable[[Any], None] | None = None) -> Any:
        self._last_id += 1
        try:
            self._send({"id": self._last_id, **message})
            while "page" in (answer := self._receive()):
                if on_page is not None:
                    on_page(answer["page"])
        except BrokenPipeError:
            raise  # of our own output: who reads it has left
        except OSError as error:
            raise Lost(f"the server went away ({_reason(error)})") from None
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # what it said before it closed is told instead
            self._socket.sendall(encode(message))

    def _receive(self) -> dict[str, Any]:
        while (line := self._lines.next_line()) is None:
            data = self._socket.recv(_CHUNK)
            if not data:
                raise Lost("the server closed the connection")
            self._lines.feed(data)
        return decode_answer(line)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, OSError):
        if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
            return "is it running?"
        return (error.strerror or str(error)).lower()
    return str(error)
