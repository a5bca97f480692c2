"""Logging that never waits and never tells a secret.

A record is cleaned and put on a bounded queue by the thread that logs; a listener
thread writes it. A full queue drops records and counts them; the count is logged
once there is room again. Text goes to people on a terminal, JSON lines elsewhere.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import sys
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Protocol, Self

QUEUE_SIZE = 10_000
LONGEST_MESSAGE = 4000
LONGEST_TRACEBACK = 40_000
REMEMBERED_LINES = 1000
STOP_SECONDS = 2.0
THIRD_PARTIES = (
    "alembic",
    "anycorn",
    "asyncio",
    "httpcore",
    "httpx",
    "sqlalchemy",
    "trio-websocket",
    "trio_websocket",
    "wsproto",
)

_LONGEST_REMEMBERED = 8000

_OWN_ATTRIBUTES = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}
# Anchored and bounded, so that a long foreign word cannot make the search quadratic.
_SECRET_NAME = r"(?<![\w-])[\w-]{0,64}?(?:api[_-]?key|token|secret|password|passwd)(?!s\b)[\w-]{0,64}"
_SECRETS = (
    (
        re.compile(
            r"(?i)(authorization[\"']?\s*[:=,]\s*(?:b?[\"'])?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}"), r"\1 ***"),
    (
        re.compile(rf"(?i)({_SECRET_NAME}[\"']?\s*[:=]\s*b?)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;&)\]}}]+)"),
        r"\1***",
    ),
    (re.compile(r"(?<=://)([^/\s:@\"']*):[^/\s\"']*@"), r"\1:***@"),
)
_OTHER_LINES = "\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff"
_CONTROL = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f{_OTHER_LINES}]")
_CONTROL_IN_TRACEBACK = re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f{_OTHER_LINES}]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log as it was written, without secrets. `number` counts up in this process.

    `text` is the message and its fields on one line; `traceback` has several, or none.
    """

    number: int
    at: datetime
    level: str
    logger: str
    text: str
    traceback: str


class Tail:
    """The last lines that any log of this process wrote. Safe from any thread."""

    def __init__(self, size: int = REMEMBERED_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=size)
        self._number = 0

    def add(self, record: logging.LogRecord) -> None:
        """Remember a record; what is very long is cut."""
        self._number += 1
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        at = datetime.fromtimestamp(record.created, UTC)
        text = (_message(record) + fields)[:_LONGEST_REMEMBERED]
        trace = _trace(record)[-_LONGEST_REMEMBERED:]
        self._lines.append(LogLine(self._number, at, record.levelname.lower(), record.name, text, trace))

    def lines(self) -> tuple[LogLine, ...]:
        """What is remembered, oldest first."""
        return tuple(self._lines)


TAIL = Tail()
"""What the log of this process wrote last: a process has one log."""


class Stream(Protocol):
    """Where lines go: a file, or anything with these two."""

    def write(self, text: str, /) -> object:
        """Take `text`."""

    def isatty(self) -> bool:
        """Whether people read it."""


def redact(text: str) -> str:
    """`text` without what looks like a secret: tokens, Authorization headers, passwords in URLs."""
    for pattern, kept in _SECRETS:
        text = pattern.sub(kept, text)
    return text


def one_line(text: str) -> str:
    """`text` on one line: line ends and control characters are shown escaped, never obeyed."""
    return _CONTROL.sub(_escaped, text)


def configure(
    level: str, format: Literal["auto", "text", "json"] = "auto", stream: Stream | None = None
) -> Logs:
    """Send every logger's records to `stream` (default: standard error) until the handle is stopped."""
    target = stream if stream is not None else sys.stderr
    as_text = format == "text" or (format == "auto" and target.isatty())
    return Logs(level, TextFormatter() if as_text else JsonFormatter(), target)


class Logs:
    """The running logs; a context manager, or call `stop` once at the end."""

    def __init__(self, level: str, formatter: logging.Formatter, stream: Stream) -> None:
        self._queue: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_SIZE)
        self._formatter = formatter
        self._handler = _QueueHandler(self._queue)
        self._writer = threading.Thread(
            target=_write, args=(self._queue, self._handler, formatter, stream), name="logs", daemon=True
        )
        root = logging.getLogger()
        self._before = (root.level, list(root.handlers))
        for handler in list(root.handlers):
            root.removeHandler(handler)
        root.addHandler(self._handler)
        root.setLevel(level.upper())
        for name in THIRD_PARTIES:
            logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
        logging.captureWarnings(True)
        self._writer.start()

    @property
    def dropped(self) -> int:
        """Records lost since the start because the queue was full."""
        return self._handler.dropped

    def stop(self) -> None:
        """Write what is queued, for at most `STOP_SECONDS`: a stalled terminal must not hold the end."""
        root = logging.getLogger()
        if self._handler not in root.handlers:
            return
        root.removeHandler(self._handler)
        level, handlers = self._before
        root.setLevel(level)
        for handler in handlers:
            root.addHandler(handler)
        logging.captureWarnings(False)
        try:
            self._queue.put(None, timeout=STOP_SECONDS)
        except queue.Full:
            return
        self._writer.join(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class TextFormatter(logging.Formatter):
    """One line for people: time, level, message, fields; tracebacks on indented lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        message, trace = _message(record), _trace(record)
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        stamp = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        line = f"{stamp} {record.levelname.lower():9}{message}{fields}"
        if trace:
            line += "\n" + "\n".join("    " + part for part in trace.splitlines())
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line; extras are fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        entry.update((name, value) for name, value in _fields(record).items() if name not in entry)
        if trace := _trace(record):
            entry["traceback"] = trace
        return json.dumps(entry, ensure_ascii=True, allow_nan=False, default=str)


class _QueueHandler(logging.Handler):
    """Formats arguments at once, since they may change, and never waits for the queue."""

    def __init__(self, records: queue.Queue[logging.LogRecord | None]) -> None:
        super().__init__()
        self._records = records
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            prepared = logging.makeLogRecord(record.__dict__)
            prepared.msg, prepared.args = _interpolated(record), None
            if record.exc_info and not record.exc_text:
                prepared.exc_text = logging.Formatter().formatException(record.exc_info)
            prepared.exc_info = None
            self._records.put_nowait(prepared)
        except queue.Full:
            self.dropped += 1
        except Exception:  # noqa: BLE001 - an argument that cannot be shown costs its record, not its caller
            self.dropped += 1


def _write(
    records: queue.Queue[logging.LogRecord | None],
    handler: _QueueHandler,
    formatter: logging.Formatter,
    stream: Stream,
) -> None:
    told = 0
    while (record := records.get()) is not None:
        lines = [record]
        if (dropped := handler.dropped) != told:
            note = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
            note["msg"] = f"{dropped - told} log records were dropped: the log is written too slowly"
            lines.append(logging.makeLogRecord(note))
            told = dropped
        for line in lines:
            TAIL.add(line)
        try:
            _put(stream, "".join(formatter.format(line) + "\n" for line in lines))
        except (OSError, ValueError):  # the terminal went away or was closed: the server goes on
            pass


def _put(stream: Stream, text: str) -> None:
    """Write without the stream's own lock: a stalled terminal must not be waited for when Python ends."""
    try:
        descriptor = stream.fileno()  # type: ignore[attr-defined]
    except (OSError, AttributeError):  # a stream in memory
        stream.write(text)
        return
    data = text.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]


def _interpolated(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def _message(record: logging.LogRecord) -> str:
    return _clean(_interpolated(record))


def _clean(text: str) -> str:
    rest = "…" if len(text) > LONGEST_MESSAGE else ""
    return one_line(redact(text[:LONGEST_MESSAGE])) + rest


def _trace(record: logging.LogRecord) -> str:
    text = record.exc_text or ""
    return _CONTROL_IN_TRACEBACK.sub(_escaped, redact(text[:LONGEST_TRACEBACK]))


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What the caller passed as `extra`; a field named like a secret is masked whatever it holds."""
    extras: dict[str, object] = {}
    for name, value in record.__dict__.items():
        if name in _OWN_ATTRIBUTES or name.startswith("_"):
            continue
        if re.fullmatch(rf"(?i){_SECRET_NAME}|authorization", name):
            extras[name] = "***"
        elif value is None or isinstance(value, (bool, int)):
            extras[name] = value
        else:
            extras[name] = _clean(str(value))
    return extras


def _quoted(value: object) -> str:
    text = str(value)
    return text if text and not re.search(r'[\s"=]', text) else json.dumps(text, ensure_ascii=False)


def _escaped(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape", "backslashreplace").decode("ascii")
