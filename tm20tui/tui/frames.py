"""The format of an attached console, once both ends have said hello. Shared by both ends; does no I/O.

A frame is one byte that says what it is, four bytes of length, and the rest.

    client   I  what was typed, clicked or pasted, and the terminal's own answers (focus among them)
             R  the terminal has another size: columns, rows
             F  the terminal is in the foreground again, its modes forgotten: set them and paint all
             Q  the client leaves; why, as a word
    server   O  what the terminal is to be sent
             X  the console has ended: {"code": 0, "message": "..."}; nothing follows
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tm20tui.errors import Tm20Error

CONSOLE_VERSION = 1
"""Of this format; both ends must speak the same."""

INPUT, RESIZE, FOREGROUND, QUIT = b"I", b"R", b"F", b"Q"
OUTPUT, END = b"O", b"X"
LONGEST_FROM_CLIENT = 65_536
LONGEST_FROM_SERVER = 16 * 1024 * 1024

LEFT = "left"
HUNG_UP = "its terminal hung up"
TOLD_TO_END = "its client was told to end"
INTERRUPTED = "its client was interrupted"
REASONS = (LEFT, HUNG_UP, TOLD_TO_END, INTERRUPTED)
"""Why a client leaves."""

CODE_DONE = 0
CODE_ENDED = 1
"""The console was closed by somebody or something else."""
CODE_STOPPED = 3
"""The server is no more."""

_HEADER = struct.Struct(">cI")
_SIZE = struct.Struct(">HH")


class BrokenFrame(Tm20Error):
    """What comes is no frame; nothing more can be read."""


@dataclass(frozen=True, slots=True)
class End:
    """How a console ended: the exit code of its client, and a sentence in English."""

    code: int
    message: str


class FrameBuffer:
    """Bytes in, frames out; `kinds` are those that the other end may send."""

    def __init__(self, kinds: tuple[bytes, ...], longest: int) -> None:
        self._kinds = kinds
        self._longest = longest
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are whole now, as kind and payload.

        Raises:
            BrokenFrame
        """
        self._bytes += data
        while len(self._bytes) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._bytes)
            if kind not in self._kinds or length > self._longest:
                raise BrokenFrame(f"no frame begins with {bytes(self._bytes[:5])!r}")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield kind, payload


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return _HEADER.pack(kind, len(payload)) + payload


def resize(columns: int, rows: int) -> bytes:
    """The frame that tells of a size."""
    return frame(RESIZE, _SIZE.pack(min(columns, 0xFFFF), min(rows, 0xFFFF)))


def read_resize(payload: bytes) -> tuple[int, int]:
    """Columns and rows; `BrokenFrame` when there are none."""
    try:
        columns, rows = _SIZE.unpack(payload)
    except struct.error:
        raise BrokenFrame("a size is two numbers") from None
    return columns, rows


def end(how: End) -> bytes:
    """The frame that tells how a console ended."""
    return frame(END, json.dumps({"code": how.code, "message": how.message}).encode())


def read_end(payload: bytes) -> End:
    """How it ended; `BrokenFrame` when it is not told."""
    try:
        told = json.loads(payload)
        return End(int(told["code"]), str(told["message"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BrokenFrame("the end of a console is not told") from None
