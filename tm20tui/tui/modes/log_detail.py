"""A line of a log as a whole: every field on rows of its own, and long text on several rows."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from datetime import datetime, tzinfo

from textual.content import Content

from tm20tui.events import Event
from tm20tui.logs import LogLine
from tm20tui.operations.audit import AuditEntry
from tm20tui.operations.registry import to_json
from tm20tui.tui import formats, paint
from tm20tui.tui.event_words import told
from tm20tui.tui.grid import Row
from tm20tui.tui.language import _, sentence
from tm20tui.tui.messages import Said
from tm20tui.tui.safe import safe

_LONGEST = 2000


def wrapped(row: Row, room: int) -> Iterable[Row]:
    """The row, and below it what of its text has no room; all of them are known by the first key."""
    cell = row.cells["text"]
    text, tone = (cell, "") if isinstance(cell, str) else cell
    parts = textwrap.wrap(text, max(10, room), drop_whitespace=True) or [""]
    number = row.key[0] if isinstance(row.key, tuple) else row.key
    yield Row((number, 0), {**row.cells, "text": (parts[0], tone)}, row.record)
    for place, part in enumerate(parts[1:], 1):
        yield Row((number, place), {"text": (part, tone)}, row.record)


def audit_facts(entry: AuditEntry, zone: tzinfo) -> Content:
    """Who did what, with which result."""
    rows = [
        (_("Time"), _whole(entry.at, zone)),
        (_("Who"), f"{entry.operator} ({_(entry.role)})"),
        (_("From"), f"{entry.origin} {entry.address}"),
        (_("Operation"), entry.operation),
        (_("Outcome"), _(entry.outcome)),
        (_("Reason"), sentence(entry.reason)),
        (_("Time taken"), f"{formats.decimal(entry.duration_seconds, 3)} s"),
        (_("Trace"), entry.correlation_id),
    ]
    return facts(rows, (_("On what"), _json(entry.targets)), (_("With"), _json(entry.arguments)))


def event_facts(event: Event, zone: tzinfo) -> Content:
    """What happened, and every fact of it."""
    rows = [
        (_("Time"), _whole(event.at, zone)),
        (_("Number"), formats.number(event.number)),
        (_("Kind"), event.kind),
        (_("Event"), told(event)[1]),
    ]
    return facts(rows, (_("Facts"), json.dumps(to_json(event.facts), ensure_ascii=False, indent=2)))


def line_facts(line: LogLine, zone: tzinfo) -> Content:
    """A line of the server's log with its traceback."""
    rows = [
        (_("Time"), _whole(line.at, zone)),
        (_("Level"), _(line.level)),
        (_("Part"), line.logger),
        (_("Line"), line.text),
    ]
    return facts(rows, (_("Traceback"), line.traceback))


def said_facts(said: Said, zone: tzinfo) -> Content:
    """What the console said."""
    return facts(
        [(_("Time"), _whole(said.at, zone)), (_("Message"), said.text), (_("Trace"), said.reference)]
    )


def facts(rows: Iterable[tuple[str, str]], *texts: tuple[str, str]) -> Content:
    """Named values, then longer texts below their names; what is empty is left out."""
    shown = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _value in shown), default=0)
    lines = [paint.line((f"{name:<{width}}  ", "dim"), safe(value, _LONGEST)) for name, value in shown]
    for name, text in texts:
        if text and text != "{}":
            lines += [Content(""), paint.line((name, "strong"))]
            lines += [Content("  " + safe(part, _LONGEST)) for part in text.splitlines()]
    return paint.lines(*lines)


def _whole(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local.tzname()}"


def _json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text
