"""What is said of a command to a terminal: where it stands, and what truly came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tm20tui.store.commands import CommandRecord
from tm20tui.tui import formats
from tm20tui.tui.language import _, sentence, voice
from tm20tui.tui.safe import safe
from tm20tui.tui.states import CANCELLED, DONE, FAILED, PENDING, RUNNING, UNKNOWN, State

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

_AWAY_SECONDS = 3.0
_POLL_SECONDS = 0.5
_FOLLOWED_SECONDS = 40.0
_REBOOT_FOLLOWED_SECONDS = 370.0
_COUNTED_SECONDS = 5
_TONES = {
    "confirmed": "good",
    "queued": "warn",
    "sent": "warn",
    "refused": "bad",
    "timed out": "bad",
    "unknown": "warn",
    "expired": "bad",
    "cancelled": "dim",
}
_STATES = {
    "confirmed": DONE,
    "queued": PENDING,
    "sent": RUNNING,
    "refused": FAILED,
    "timed out": FAILED,
    "unknown": UNKNOWN,
    "expired": FAILED,
    "cancelled": CANCELLED,
}


def command_state(status: str) -> State:
    """Glyph and tone of a command."""
    return _STATES.get(status, UNKNOWN)


def command_of(result: Any) -> CommandRecord | None:
    """The command in an operation's result, if it is one or holds one."""
    if isinstance(result, CommandRecord):
        return result
    inner = getattr(result, "command", None)
    return inner if isinstance(inner, CommandRecord) else None


def outcome(record: CommandRecord) -> tuple[str, str]:
    """The tone and the sentence of a command as it stands."""
    reason = safe(sentence(record.reason), 160)
    match record.status:
        case "confirmed" if record.name == "reboot" and record.sent_at and record.settled_at:
            took = formats.span((record.settled_at - record.sent_at).total_seconds())
            words = _("came back after {time}").format(time=took)
        case "confirmed":
            words = _("confirmed by the terminal")
        case "refused":
            words = _("refused: {reason}").format(reason=reason)
        case "timed out":
            words = _("{reason}: firmware that ignores this command looks like this").format(reason=reason)
        case "unknown":
            words = _("unknown, it may have been done: {reason}").format(reason=reason)
        case "expired" | "cancelled":
            words = f"{_(record.status)}{_(': ')}{reason}" if reason else _(record.status)
        case "sent":
            words = _("sent, not answered yet")
        case _:
            words = _("queued")
    return _TONES[record.status], words


def ordinal(place: int) -> str:
    """`1st`, `2nd` (`1re`, `2e`)."""
    if voice().language == "fr":
        return "1re" if place == 1 else f"{place}e"
    ending = "th" if 10 <= place % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


async def follow(app: ConsoleApp, about: str, record: CommandRecord) -> CommandRecord:
    """The command once it is settled, or as it stands when that takes too long; told meanwhile.

    One that waits for its terminal to connect is not waited for, unless it comes back at once: a
    line that drops for a moment must not leave the operator without the outcome.
    """
    started, shown = app.elapsed(), ""
    here_at = started
    most = _REBOOT_FOLLOWED_SECONDS if record.name == "reboot" else _FOLLOWED_SECONDS
    while not record.is_settled and app.elapsed() - started < most:
        if record.status != "queued" or _is_online(app, record.terminal_id):
            here_at = app.elapsed()
        elif app.elapsed() - here_at >= _AWAY_SECONDS:
            break
        words = await _standing(app, record)
        if words != shown:
            shown = words
            app.tell("accent", f"{about} — {words}")
        await asyncio.sleep(_POLL_SECONDS)
        record = await app.call("commands.get", command_id=record.id)
    return record


async def asked_now(app: ConsoleApp, terminal_id: int) -> str:
    """How it stands with what a terminal is being asked, "" when that is nothing."""
    for status in ("sent", "queued"):
        page = await app.call("commands.list", terminal_id=terminal_id, status=status, limit=1)
        if page.commands and status == "queued" and not _is_online(app, terminal_id):
            return _("kept until the terminal connects")
        if page.commands:
            return await _standing(app, page.commands[0])
    return ""


async def outcome_now(app: ConsoleApp, about: str, record: CommandRecord) -> tuple[str, str]:
    """`outcome`, with what only a look at the terminal tells: until when it is kept, the clock's drift."""
    tone, words = outcome(record)
    if record.status == "queued" and not _is_online(app, record.terminal_id):
        words = _("kept until the terminal connects")
        if record.expires_at is not None:
            at = formats.moment(record.expires_at, app.zone, app.now())
            words += ", " + _("until {time} at most").format(time=at)
    if record.status == "confirmed" and record.name == "settime":
        words += " · " + await _read_back(app, about, record)
    return tone, words


async def _read_back(app: ConsoleApp, about: str, record: CommandRecord) -> str:
    """What a clock shows that was set just now. Much firmware leaves the question unanswered, for long."""
    given = {"terminal_id": record.terminal_id, "wait_seconds": 0}
    asked = (await app.call("terminals.read_time", **given)).command
    asked = await follow(app, _("{about} — confirmed · read back").format(about=about), asked)
    if asked.status == "confirmed":
        drift = (await app.call("terminals.get", terminal_id=record.terminal_id)).terminal.drift_seconds
        return _("drift now {drift}").format(drift=formats.drift(drift))
    return _("not read back: {reason}").format(reason=safe(sentence(asked.reason), 80) or _(asked.status))


async def _standing(app: ConsoleApp, record: CommandRecord) -> str:
    if record.status == "sent":
        if record.name == "reboot":
            return _("sent, waiting for it to come back")
        waited = 0.0 if record.sent_at is None else (app.now() - record.sent_at).total_seconds()
        seconds = int(waited) // _COUNTED_SECONDS * _COUNTED_SECONDS
        if seconds <= 0:
            return _("sent, waiting for the terminal")
        return _("sent, waiting for the terminal, {time}").format(time=f"{seconds} s")
    page = await app.call("commands.list", terminal_id=record.terminal_id, status="queued", limit=100)
    before = [one for one in page.commands if (one.priority, one.id) < (record.priority, record.id)]
    sent = await app.call("commands.list", terminal_id=record.terminal_id, status="sent", limit=1)
    place = len(before) + len(sent.commands) + 1
    return _("queued ({place})").format(place=ordinal(place))


def _is_online(app: ConsoleApp, terminal_id: int) -> bool:
    line = app.terminal_line(terminal_id)
    return line is not None and line.state == "online"
