"""Events of the server as sentences for operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tm20tui.events import Event
from tm20tui.tui import formats
from tm20tui.tui.counted import counted
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.safe import safe
from tm20tui.tui.states import (
    ATTENTION,
    CANCELLED,
    DONE,
    FAILED,
    OFFLINE,
    ONLINE,
    PENDING,
    SENT,
    TO_APPROVE,
    UNKNOWN,
    State,
)
from tm20tui.tui.task_names import task_name

_COMMANDS = {
    "confirmed": DONE,
    "refused": FAILED,
    "timed out": FAILED,
    "expired": FAILED,
    "cancelled": CANCELLED,
    "unknown": UNKNOWN,
}
_WORKS = {"done": DONE, "failed": FAILED, "cancelled": CANCELLED}
_OUTCOMES = {"done": DONE, "refused": CANCELLED, "failed": FAILED}
_SETTLED = {"split": N_("split in two, to find what is refused")}
_HEALTHS = {"healthy": ONLINE, "paused": FAILED}

N_("healthy")
N_("backing off")
N_("half-open")

_Told = tuple[State, str]


def told(event: Event) -> _Told:
    """The state and the sentence of an event, safe to show; unknown kinds are shown as they are."""
    maker = _MAKERS.get(event.kind)
    if maker is not None:
        return maker(event.facts)
    facts = " ".join(f"{name}={value}" for name, value in event.facts.items())
    return UNKNOWN, safe(f"{event.kind} {facts}", 400)


def _text(facts: Mapping[str, Any], name: str) -> str:
    return safe(facts.get(name) or "", 200)


def _said(facts: Mapping[str, Any], name: str) -> str:
    return safe(sentence(str(facts.get(name) or "")), 300)


def _with_reason(text: str, reason: str) -> str:
    return f"{text} — {reason}" if reason else text


def _connected(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn} connected from {address}")
    return ONLINE, text.format(sn=_text(facts, "sn"), address=_text(facts, "address"))


def _disconnected(facts: Mapping[str, Any]) -> _Told:
    return OFFLINE, _("{sn} disconnected").format(sn=_text(facts, "sn"))


def _waiting(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn} waits to be approved ({address})")
    return TO_APPROVE, text.format(sn=_text(facts, "sn"), address=_text(facts, "address"))


def _refused(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn} was refused ({address})")
    shown = text.format(sn=_text(facts, "sn"), address=_text(facts, "address"))
    return FAILED, _with_reason(shown, _said(facts, "reason"))


def _quarantine(facts: Mapping[str, Any]) -> _Told:
    count = facts.get("quarantined", 0)
    text = ngettext("{count} unreadable record set aside", "{count} unreadable records set aside", count)
    return ATTENTION, text.format(count=formats.number(count))


def _delivery(facts: Mapping[str, Any]) -> _Told:
    state = FAILED if facts.get("failed") else SENT if facts.get("sent") else PENDING
    found = ((word, facts.get(word) or 0) for word in ("sent", "failed"))
    parts = [counted(word, count) for word, count in found if count]
    outcome = str(facts.get("outcome") or "")
    if state is not SENT and outcome:
        parts.append(_(_SETTLED[outcome]) if outcome in _SETTLED else safe(sentence(outcome), 300))
    return state, _(": ").join([_text(facts, "service"), ", ".join(parts) or _("nothing sent")])


def _health(facts: Mapping[str, Any]) -> _Told:
    shown = f"{_text(facts, 'service')}{_(': ')}{_(str(facts.get('health')))}"
    return _HEALTHS.get(str(facts.get("health")), ATTENTION), _with_reason(shown, _said(facts, "reason"))


def _raised(facts: Mapping[str, Any]) -> _Told:
    return FAILED if facts.get("severity") == "critical" else ATTENTION, _said(facts, "sentence")


def _cleared(facts: Mapping[str, Any]) -> _Told:
    return DONE, _("over: {what}").format(what=_said(facts, "sentence"))


def _acknowledged(facts: Mapping[str, Any]) -> _Told:
    text = _("{operator} has seen: {what}")
    return DONE, text.format(operator=_text(facts, "operator"), what=_said(facts, "sentence"))


def _task(facts: Mapping[str, Any]) -> _Told:
    status = str(facts.get("status"))
    shown = f"{task_name(str(facts.get('name') or ''))}{_(': ')}{_(status)}"
    return _WORKS.get(status, UNKNOWN), _with_reason(shown, _said(facts, "error"))


def _operation(facts: Mapping[str, Any]) -> _Told:
    outcome = str(facts.get("outcome"))
    targets = facts.get("targets")
    named = " ".join(f"{name}={value}" for name, value in (targets or {}).items())
    shown = f"{_text(facts, 'operator')}{_(': ')}{_text(facts, 'operation')} {safe(named, 100)}".rstrip()
    return _OUTCOMES.get(outcome, UNKNOWN), _with_reason(
        f"{shown}{_(': ')}{_(outcome)}", _said(facts, "reason")
    )


def _command(facts: Mapping[str, Any]) -> _Told:
    status = str(facts.get("status"))
    text = _("command {name} #{number}: {status}")
    shown = text.format(name=_text(facts, "name"), number=_text(facts, "command_id"), status=_(status))
    return _COMMANDS.get(status, UNKNOWN), _with_reason(shown, _said(facts, "reason"))


def _day(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn}: {day} is complete ({punches})")
    punches = counted("punches", facts.get("stored", 0))
    return DONE, text.format(sn=_text(facts, "sn"), day=_text(facts, "day"), punches=punches)


def _backfill(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn}: logs pulled, {new} of {records}")
    shown = text.format(
        sn=_text(facts, "sn"),
        new=counted("new", facts.get("stored", 0)),
        records=formats.number(facts.get("records")),
    )
    return DONE if facts.get("is_whole") else ATTENTION, _with_reason(shown, _said(facts, "outcome"))


def _clock(facts: Mapping[str, Any]) -> _Told:
    text = _("{sn}: clock was {drift} off")
    shown = text.format(sn=_text(facts, "sn"), drift=formats.drift(facts.get("drift_seconds")))
    return DONE, _with_reason(shown, _said(facts, "result"))


def _missed(facts: Mapping[str, Any]) -> _Told:
    count = facts.get("count", 0)
    text = ngettext("{count} event was missed", "{count} events were missed", count)
    return ATTENTION, text.format(count=formats.number(count))


_MAKERS: dict[str, Callable[[Mapping[str, Any]], _Told]] = {
    "terminal.connected": _connected,
    "terminal.disconnected": _disconnected,
    "terminal.waiting": _waiting,
    "terminal.refused": _refused,
    "quarantine": _quarantine,
    "delivery.settled": _delivery,
    "service.health": _health,
    "alarm.raised": _raised,
    "alarm.cleared": _cleared,
    "alarm.acknowledged": _acknowledged,
    "task.finished": _task,
    "operation": _operation,
    "command.settled": _command,
    "day.complete": _day,
    "backfill.finished": _backfill,
    "clock.set": _clock,
    "missed": _missed,
}
