"""Background work in words: what came of it, with a line for each target where there are several."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from textual.content import Content

from tm20tui.operations.commands import CommandRecord
from tm20tui.operations.registry import to_json
from tm20tui.periodic import PeriodicRecord
from tm20tui.tasks import TaskRecord
from tm20tui.tui import formats, paint
from tm20tui.tui.counted import counted
from tm20tui.tui.field_words import field_word, in_words
from tm20tui.tui.language import _, sentence
from tm20tui.tui.modes.log_detail import facts
from tm20tui.tui.safe import safe
from tm20tui.tui.states import CANCELLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN, State, glyph

WORKS: Mapping[str, State] = {
    "running": RUNNING,
    "done": DONE,
    "failed": FAILED,
    "cancelled": CANCELLED,
}
COMMANDS: Mapping[str, State] = {
    "queued": PENDING,
    "sent": RUNNING,
    "confirmed": DONE,
    "refused": FAILED,
    "timed out": FAILED,
    "unknown": UNKNOWN,
    "expired": FAILED,
    "cancelled": CANCELLED,
}

# What results hold that is worth telling in a line, and what it is called; in this order.
_COUNTS: Mapping[str, str] = {
    "received": "received",
    "matched": "found",
    "changed": "changed",
    "retried": "retried",
    "owed": "owed",
    "punches": "punches",
    "users": "users",
    "held": "users",
    "drifted": "users differ",
    "sent": "sent",
    "confirmed": "confirmed",
    "refused": "refused",
    "not_verified": "not verified",
    "failed": "failed",
    "left": "left",
    "right": "clocks right",
    "off": "clocks off",
    "set": "clocks set",
    "not helped": "not helped",
    "unknown": "not known",
}
_OF_SITES: Mapping[str, str] = {"added": "new", "changed": "changed", "gone": "gone"}
_OUTCOMES = ("done", "refused", "failed")
_MOST_LINES = 400


def task_result(result: object) -> str:
    """A result on one line: counts of outcomes where it has many, else its plain values."""
    if result is None:
        return ""
    if isinstance(result, Mapping):
        if isinstance(many := result.get("results"), list):
            return _counted([str(one.get("outcome")) for one in many])
        if isinstance(many := result.get("schedules"), list):
            return _counted([str(one.get("status")) for one in many])
        if isinstance(many := result.get("configs"), list):
            return "; ".join(f"{one.get('name')}{_(': ')}{_in_words(one)}" for one in many)
        return _in_words(result)
    return sentence(str(result))


def _in_words(result: Mapping[str, Any]) -> str:
    """The sentence a result holds, else its counts; those that are nothing are left out unless all are."""
    if said := result.get("outcome") or result.get("error"):
        return in_words(sentence(str(said)))
    counts = {word: value for name, word in _COUNTS.items() if isinstance(value := result.get(name), int)}
    for site in result.get("sites", ()):
        for name, word in _OF_SITES.items():
            value = site.get(name, 0)
            counts[word] = counts.get(word, 0) + (len(value) if isinstance(value, list | tuple) else value)
    some = {word: count for word, count in counts.items() if count}
    told = [counted(word, count) for word, count in (some or dict([*counts.items()][:1])).items()]
    reason = str(result.get("remark") or result.get("reason") or "")
    return ", ".join([*told, sentence(reason)] if reason else told)


def work_facts(record: TaskRecord, zone: tzinfo, named: Callable[[str, Any], str]) -> Content:
    """One piece of work with what came of each of its targets; `named` says which an argument means."""
    rows = [
        (_("State"), WORKS[record.status].text()),
        (_("Begun"), _at(record.started_at, zone)),
        (_("Ended"), _at(record.finished_at, zone)),
        (_("Progress"), "" if record.total is None else f"{record.done}/{record.total}"),
        (_("Reason"), sentence(record.error)),
        (_("Trace"), record.id),
    ]
    return _with_result(facts(rows), record.result, named)


def periodic_facts(record: PeriodicRecord, zone: tzinfo) -> Content:
    """One periodic task."""
    rows = [
        (_("State"), _("running") if record.running else _("waits for its time")),
        (_("Every"), "" if record.interval_seconds is None else formats.span(record.interval_seconds)),
        (_("Last run"), _at(record.last_started_at, zone)),
        (_("Ended"), _at(record.last_finished_at, zone)),
        (_("Next run"), _at(record.next_run_at, zone)),
        (_("Reason"), sentence(record.last_error)),
    ]
    return _with_result(facts(rows), record.last_result, lambda name, value: f"{field_word(name)} {value}")


def command_facts(record: CommandRecord, zone: tzinfo) -> Content:
    """One command; what was secret in it is not here."""
    rows = [
        (_("State"), COMMANDS[record.status].text() + f" · {_(record.status)}"),
        (_("Reason"), sentence(record.reason)),
        (_("Who"), record.operator),
        (_("Asked"), _at(record.created_at, zone)),
        (_("Sent"), _at(record.sent_at, zone)),
        (_("Settled"), _at(record.settled_at, zone)),
        (_("Expires"), "" if record.is_settled else _at(record.expires_at, zone)),
        (_("Times sent"), formats.number(record.attempts)),
        (_("Trace"), record.correlation_id),
    ]
    return facts(
        rows,
        (_("With"), _json(record.arguments)),
        (_("Answer"), _json(record.result)),
    )


def _with_result(content: Content, result: object, named: Callable[[str, Any], str]) -> Content:
    if result is None:
        return content
    many = result.get("results") if isinstance(result, Mapping) else None
    if isinstance(many, list):
        rows = [_line(one, named) for one in many[:_MOST_LINES]]
        if len(many) > _MOST_LINES:
            rows.append(Content(_("and {count} more").format(count=len(many) - _MOST_LINES)))
        return paint.lines(content, "", paint.line((_("Targets"), "strong")), *rows)
    return paint.lines(content, "", facts([], (_("Result"), _json(result))))


def _line(one: Mapping[str, Any], named: Callable[[str, Any], str]) -> Content:
    outcome = str(one.get("outcome") or _("not begun"))
    tone = {"done": "good", "refused": "warn", "failed": "bad"}.get(outcome, "dim")
    mark = {"done": "✓", "refused": "▲", "failed": "✗"}.get(outcome, "·")
    given = ", ".join(named(name, value) for name, value in (one.get("arguments") or {}).items())
    reason = str(one.get("reason") or "")
    tail = f" — {safe(in_words(sentence(reason)), 200)}" if reason else ""
    return paint.line("  ", (f"{glyph(mark)} {_(outcome)}", tone), f"  {safe(given, 100)}{tail}")


def _counted(outcomes: list[str]) -> str:
    counts = {word: outcomes.count(word) for word in dict.fromkeys(outcomes)}
    return ", ".join(
        counted(word, count) if word in _OUTCOMES else f"{formats.number(count)} {_(word)}"
        for word, count in counts.items()
    )


def _json(value: object) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, indent=2) if value not in ({}, None) else ""


def _at(at: datetime | None, zone: tzinfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
