"""The table of a command's states, and what a lost connection makes of one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest

from tests.store.factories import NOON
from tm20tui.store.commands import CommandRecord, CommandStatus
from tm20tui.terminals.command_states import (
    COMMAND_MOVES,
    MOST_ATTEMPTS,
    CommandEvent,
    IllegalMove,
    after_crash,
    after_disconnection,
    move_command,
)

STATUSES = get_args(CommandStatus)
EVENTS = get_args(CommandEvent)


def sent(name: str, attempts: int = 1, **arguments: Any) -> CommandRecord:
    return CommandRecord(
        1, 1, "ZX1", name, arguments, False, 0, "sent", "", {}, attempts, "ann", "", NOON, None, NOON, None
    )


@pytest.mark.parametrize(("status", "event"), list(product(STATUSES, EVENTS)))
def test_a_move_is_in_the_table_or_raises(status: CommandStatus, event: CommandEvent) -> None:
    if (status, event) in COMMAND_MOVES:
        assert move_command(status, event) in STATUSES
    else:
        with pytest.raises(IllegalMove):
            move_command(status, event)


def test_what_is_settled_stays_so() -> None:
    assert {status for status, _ in COMMAND_MOVES} == {"queued", "sent"}
    assert set(COMMAND_MOVES.values()) == set(STATUSES)
    for status in STATUSES:
        assert replace(sent("gettime"), status=status).is_settled == (status not in ("queued", "sent"))


@pytest.mark.parametrize(
    ("record", "status", "crashed"),
    [
        (sent("gettime"), "queued", "queued"),
        (sent("gettime", MOST_ATTEMPTS - 1), "queued", "queued"),
        (sent("gettime", MOST_ATTEMPTS), "unknown", "unknown"),
        (sent("setuserinfo"), "queued", "queued"),
        (sent("opendoor"), "unknown", "unknown"),
        (sent("settime"), "unknown", "unknown"),
        (sent("cleanlog"), "unknown", "unknown"),
        (sent("initsys"), "unknown", "unknown"),
        (sent("getnewlog", stn=True), "unknown", "unknown"),
        (sent("getuserlist", stn=True), "queued", "queued"),
        (sent("getuserlist", stn=False), "unknown", "unknown"),
        (sent("getalllog", stn=False), "unknown", "unknown"),
        (sent("reboot"), "sent", "unknown"),
    ],
    ids=lambda value: value.name if isinstance(value, CommandRecord) else value,
)
def test_only_what_is_harmless_to_repeat_is_repeated(
    record: CommandRecord, status: CommandStatus, crashed: CommandStatus
) -> None:
    assert after_disconnection(record) == status
    assert after_crash(record) == crashed
