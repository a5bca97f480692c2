"""The state machine of a command. A move that is not in the table raises and changes nothing.

queued -> sent -> confirmed | refused | timed out | unknown, or queued again;
queued -> expired | cancelled | refused (known to be unknown to the firmware).
"""

from __future__ import annotations

from typing import Literal

from tm20tui.protocol import COMMANDS
from tm20tui.store.commands import CommandRecord, CommandStatus

CommandEvent = Literal[
    "send",  # recorded first, then put on the wire
    "withdraw",  # did not go on the wire after all
    "confirm",
    "refuse",
    "time out",
    "repeat",  # disconnected, and harmless to ask again
    "lose",  # disconnected, or answered unintelligibly: nobody knows
    "expire",
    "cancel",
]

COMMAND_MOVES: dict[tuple[CommandStatus, CommandEvent], CommandStatus] = {
    ("queued", "send"): "sent",
    ("queued", "refuse"): "refused",
    ("queued", "lose"): "unknown",
    ("queued", "expire"): "expired",
    ("queued", "cancel"): "cancelled",
    ("sent", "withdraw"): "queued",
    ("sent", "repeat"): "queued",
    ("sent", "confirm"): "confirmed",
    ("sent", "refuse"): "refused",
    ("sent", "time out"): "timed out",
    ("sent", "lose"): "unknown",
}

MOST_ATTEMPTS = 3


class IllegalMove(Exception):
    """The event cannot happen in that state: a bug of ours."""


def move_command(status: CommandStatus, event: CommandEvent) -> CommandStatus:
    """The command's next status."""
    try:
        return COMMAND_MOVES[status, event]
    except KeyError:
        raise IllegalMove(f"a command that is {status} cannot have {event!r}") from None


def after_disconnection(record: CommandRecord) -> CommandStatus:
    """What a sent command becomes when the connection ends before the answer.

    The next page of a listing is not asked for again: a new connection has a new cursor.
    A reboot stays sent, since the reconnection is its answer.
    """
    kind = COMMANDS[record.name]
    if not kind.replies:
        return record.status
    repeats = kind.idempotent and record.arguments.get("stn") is not False
    return move_command(record.status, "repeat" if repeats and record.attempts < MOST_ATTEMPTS else "lose")


def after_crash(record: CommandRecord) -> CommandStatus:
    """What a sent command becomes when the server ended before the answer.

    It may not even have been sent, and a terminal comes back to a new server anyhow: a
    reconnection proves no reboot then.
    """
    if not COMMANDS[record.name].replies:
        return move_command(record.status, "lose")
    return after_disconnection(record)
