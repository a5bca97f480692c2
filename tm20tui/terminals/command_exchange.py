"""One command on the wire: wait for quiet, send, and say what came of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, Protocol
from zoneinfo import ZoneInfo

import trio

from tm20tui.ingest.registration import measure_drift
from tm20tui.model import Terminal
from tm20tui.protocol import Command, SetTime, TerminalTime, format_cloudtime
from tm20tui.store.commands import CommandRecord
from tm20tui.terminals.command_results import Verdict, judge
from tm20tui.terminals.command_slot import CommandSlot
from tm20tui.terminals.wire import Disconnected, Wire

log = logging.getLogger(__name__)

REBOOT_SECONDS: Final = 180.0
"""How long a terminal may take to go down, and how long to come back."""

Interrupted = Literal["not sent", "disconnected"]


class CommandSession(Protocol):
    """What the desk asks of a session."""

    terminal: Terminal | None
    wire: Wire
    slot: CommandSlot

    def end(self, code: int, reason: str) -> None:
        """Close the connection soon, with this code and reason."""


async def exchange(
    session: CommandSession,
    terminal: Terminal,
    record: CommandRecord,
    command: Command,
    now: Callable[[], datetime],
) -> Verdict | Interrupted:
    """Send a command that is recorded as sent, and wait for its answer as long as it may take.

    `not sent` is for certain: nothing of it was put on the wire.
    """
    slot = session.slot
    with trio.move_on_after(_seconds_until(record.expires_at, now())):
        await slot.quiet()
    if not slot.is_quiet or _seconds_until(record.expires_at, now()) <= 0:
        return "not sent"
    # No checkpoint between here and the wire.
    if isinstance(command, SetTime):
        local = now().astimezone(ZoneInfo(terminal.timezone))
        command = replace(command, cloudtime=format_cloudtime(local))
    slot.expect(command, terminal.sn)
    timed_out = False
    try:
        sent_at = now()
        await session.wire.send(command.encode())
        verdict = await _answer(slot, terminal, command)
        timed_out = verdict is not None and verdict.event == "time out"
    except Disconnected:
        session.end(1001, "cannot be reached")
        return "disconnected" if command.replies else Verdict("lose", "disconnected while it was sent")
    finally:
        slot.clear(timed_out=timed_out)
    if verdict is None:
        return "disconnected"
    if isinstance(command, SetTime):
        verdict = replace(verdict, sent=command.as_row())
    return _timed(verdict, command, terminal, sent_at, now())


async def _answer(slot: CommandSlot, terminal: Terminal, command: Command) -> Verdict | None:
    """The verdict of the reply, or of its absence; None when the connection ended first."""
    seconds = command.timeout_seconds if command.replies else REBOOT_SECONDS
    deadline = trio.current_time() + seconds
    while True:
        reply = await slot.reply(deadline - trio.current_time())
        if reply is None:
            break
        verdict = judge(command, reply, terminal.firmware)
        if command.replies or verdict.event == "refuse":
            return verdict
        # Some firmware says that it will reboot: it is done when it is back.
        slot.expect(command, terminal.sn)
    if slot.is_closed:
        return None
    if command.replies:
        return Verdict("time out", f"no answer within {seconds:.0f} s")
    return Verdict("lose", f"did not go down within {seconds:.0f} s")


def _timed(
    verdict: Verdict, command: Command, terminal: Terminal, sent_at: datetime, answered_at: datetime
) -> Verdict:
    """The verdict with what it tells about the terminal's clock."""
    if verdict.event != "confirm":
        return verdict
    if isinstance(command, SetTime):
        return replace(verdict, kept={**verdict.kept, "cloudtime": command.cloudtime}, drift_seconds=0.0)
    if isinstance(verdict.result, TerminalTime):
        middle = sent_at + (answered_at - sent_at) / 2
        drift = measure_drift(verdict.result.time, terminal.timezone, middle)
        return replace(verdict, drift_seconds=drift)
    return verdict


def _seconds_until(at: datetime | None, now: datetime) -> float:
    return math.inf if at is None else max(0.0, (at - now).total_seconds())
