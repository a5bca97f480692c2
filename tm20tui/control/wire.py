"""The control socket's format: one JSON object a line. Shared by both ends; does no I/O.

    client   {"hello": 1, "for": "operations", "program": "tm20tui 0.1.0"}
    server   {"hello": 1, "program": ..., "node": ..., "operator": "ann", "role": "admin"}
    client   {"id": 1, "operation": "terminals.approve", "arguments": {"terminal_id": 7}}
    server   {"id": 1, "result": ..., "correlation_id": ...}
          or {"id": 1, "error": {"code": ..., "message": ..., "field": ...}}
    client   {"id": 2, "ask": "describe"}  or "status"
    client   {"id": 3, "follow": "events", "kinds": [...]}
    server   {"id": 3, "result": "following"}, then {"id": 3, "event": ...} time and again
    server   {"id": 4, "page": [...]} any number of times, then {"id": 4, "result": null}, where an
             operation returns pages one after the other
    client   {"cancel": 3}
    server   {"id": 3, "error": {"code": "cancelled", ...}}

    client   {"hello": 1, "for": "console", "program": ..., "console": {"version": 1, "columns": 80, ...}}
    server   as above, and from then on both speak the frames of a console (`tm20tui.tui.frames`)

An error without an id ends the connection or answers a line that was no request.
"""

from __future__ import annotations

import json
from typing import Any

from tm20tui.errors import InvalidInput

VERSION = 1
LONGEST_REQUEST = 1024 * 1024
LONGEST_ANSWER = 256 * 1024 * 1024
DEEPEST = 32
"""Objects and lists within each other, in a request."""


class LineBuffer:
    """Bytes in, whole lines out; a line that grows over `limit` raises `InvalidInput` once and for all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._bytes += data

    def next_line(self) -> bytes | None:
        """The next line without its end, or None until more was fed."""
        end = self._bytes.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._bytes)
        if (len(self._bytes) if end < 0 else end) > self._limit:
            raise InvalidInput(f"a line is longer than {self._limit} bytes")
        if end < 0:
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        self._searched = 0
        return line

    def rest(self) -> bytes:
        """What was fed and makes no line: something else begins with it."""
        return bytes(self._bytes)


def encode(message: dict[str, Any]) -> bytes:
    """The line of a message, with its end."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of a line; `InvalidInput` when it is none, or holds what no message of ours may."""
    try:
        message = json.loads(line, parse_constant=_no_constant)
        _check(message, DEEPEST)
    except InvalidInput:
        raise
    except (ValueError, RecursionError):
        raise InvalidInput("a line is not JSON in UTF-8") from None
    if not isinstance(message, dict):
        raise InvalidInput("a line is not a JSON object")
    return message


def decode_answer(line: bytes) -> dict[str, Any]:
    """A server's message, which is trusted."""
    message: dict[str, Any] = json.loads(line)
    return message


def _check(value: object, depth: int) -> None:
    """Refuse what databases and JSON writers choke on, before any operation sees it."""
    if isinstance(value, str):
        if "\0" in value or not _is_unicode(value):
            raise InvalidInput("a text holds characters that are none: NUL or half a surrogate pair")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidInput("a number has more than 64 bits")
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise InvalidInput("a number is too large")
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise InvalidInput(f"a request is nested more than {DEEPEST} deep")
        for item in value:
            _check(item, depth - 1)
        if isinstance(value, dict):
            for item in value.values():
                _check(item, depth - 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> Any:
    raise InvalidInput(f"{name} is not JSON")
