"""What a reply makes of the command it answers: matching, verdict, and what may be kept of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tm20tui.errors import FrameError
from tm20tui.protocol import Command, LogPage, Refused, Reply, Result, SetUserInfo, is_reply_to, parse_reply
from tm20tui.protocol.text import as_enrollid, as_int
from tm20tui.protocol.values import PHOTO, PHOTO_REASONS
from tm20tui.store.commands import CommandRecord
from tm20tui.terminals.command_states import CommandEvent

_MOST_KEPT = 60_000
_SECRET = frozenset({"card", "cardno", "pwd", "password", "photo", "image"})
# Of these replies `record` is no credential: users, a name, a text, the limits of a user.
_OPEN_RECORDS = frozenset({"getuserlist", "getusername", "getuserprofile", "getuserlock"})


class Answer(NamedTuple):
    """A command with its typed answer, also of a refusal; None when there was none."""

    record: CommandRecord
    result: Result | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a command.

    `kept` may be stored and shown; `result` is the typed answer with everything in it,
    None when there was none. `is_unknown_command`: the firmware has no such command. `sent` are its
    members where they were decided when it was sent, else None. `drift_seconds`:
    terminal clock minus server clock, None when this told nothing about it.
    """

    event: CommandEvent
    reason: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)
    result: Result | None = field(default=None, repr=False)
    is_unknown_command: bool = False
    sent: Mapping[str, Any] | None = None
    drift_seconds: float | None = None


def is_answer(command: Command, sn: str, reply: Reply) -> bool:
    """Whether `reply` is to `command` and not a late one to another, or of another terminal."""
    if not is_reply_to(command.name, reply):
        return False
    if reply.sn is not None and reply.sn.casefold() != sn.casefold():
        return False
    asked, answered = getattr(command, "enrollid", None), as_enrollid(reply.fields.get("enrollid"))
    return asked is None or answered in (None, "0", asked)


def judge(command: Command, reply: Reply, firmware: str) -> Verdict:
    """The verdict of a terminal of that firmware."""
    try:
        result = parse_reply(command.name, reply)
    except FrameError as error:
        return Verdict("lose", error.reason)
    if not isinstance(result, Refused):
        return Verdict("confirm", kept=what_to_keep(command.name, result), result=result)
    reason = _reason(command, result)
    if result.is_unknown_command:
        reason = f"{does_not_know(command.name, firmware)}: {reason}"
    return Verdict("refuse", reason, result=result, is_unknown_command=result.is_unknown_command)


def does_not_know(name: str, firmware: str) -> str:
    """Why a command is refused that the firmware has not."""
    return f"does not know {name} (firmware {firmware or 'not told'})"


def what_to_keep(name: str, result: Result) -> dict[str, Any]:
    """A result as JSON in the words of the wire, without credentials and punches."""
    fields: dict[str, Any] = json.loads(result.encode())
    for envelope in ("ret", "sn", "result"):
        fields.pop(envelope, None)
    if isinstance(result, LogPage):
        fields["record"] = len(result.records) + len(result.bad)
    elif name not in _OPEN_RECORDS:
        fields.pop("record", None)
    kept = _without_secrets(fields)
    if len(json.dumps(kept)) > _MOST_KEPT:
        return {"omitted": "too large to keep"}
    assert isinstance(kept, dict)
    return kept


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_secrets(inner) for name, inner in value.items() if name not in _SECRET}
    if isinstance(value, list):
        return [_without_secrets(inner) for inner in value]
    return value


def _reason(command: Command, refused: Refused) -> str:
    number = as_int(refused.reason)
    photo = PHOTO_REASONS.get(number or 0)
    if photo and isinstance(command, SetUserInfo) and command.backupnum == PHOTO:
        words = f"{photo} (reason {number})"
        return f"{refused.msg}: {words}" if refused.msg else words
    if refused.msg:
        return refused.msg if number in (None, 1) else f"{refused.msg} (reason {number})"
    if refused.reason:
        return refused.reason if number is None else f"reason {number}"
    return "without a reason"
