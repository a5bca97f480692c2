"""What became of telling a terminal its schedules: a command's outcome as the state of a schedule.

A terminal that was away answers long after anybody waits for it: `keep_outcomes` is called
time and again, and finds what each pending schedule was sent with by its very content.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from tm20tui.model import utc_now
from tm20tui.protocol import SetSchedule
from tm20tui.schedule.wire import set_schedule
from tm20tui.store import commands, schedules
from tm20tui.store.commands import CommandRecord
from tm20tui.store.schedules import Schedule, ScheduleSync
from tm20tui.store.terminals import get_terminal
from tm20tui.terminals.command_results import does_not_know

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from tm20tui.store.engine import Database

_LOOKED_AT: Final = 500
# AiFace says that it cannot find a command; TH units say nothing.
_SAYS_WHAT_IT_LACKS: Final = "ai"


class Outcome(NamedTuple):
    """The state of a schedule; `reason` is a sentence for people, empty when confirmed."""

    status: ScheduleSync
    reason: str = ""


def judge_sending(record: CommandRecord, firmware: str) -> Outcome:
    """What a `setschedule` says of its schedule, given the firmware that was asked."""
    if record.status == "confirmed":
        return Outcome("confirmed")
    if record.status == "refused":
        is_unknown = record.reason.startswith(does_not_know(SetSchedule.name, firmware))
        return Outcome("not known" if is_unknown else "refused", record.reason)
    if record.status == "timed out" and not firmware.lower().startswith(_SAYS_WHAT_IT_LACKS):
        return Outcome(
            "not known",
            f"{record.reason}: {firmware or 'such firmware'} is silent about commands it does not know, "
            f"and {SetSchedule.name} is in no vendor document",
        )
    if record.status == "queued":
        return Outcome("pending", "waits for the terminal")
    if record.status == "sent":
        return Outcome("pending", "was sent and not answered yet")
    return Outcome("pending", f"{record.status}: {record.reason}" if record.reason else record.status)


async def keep_outcomes(database: Database) -> str:
    """Note what became of what was sent; writes only where something is pending."""
    found = await database.read(schedules.list_schedules)
    if not any(one.sync_status == "pending" for one in found):
        return "nothing is pending"
    return f"{await database.write(note_outcomes, utc_now())} schedules"


def note_outcomes(connection: Connection, now: datetime) -> int:
    """Bring every pending schedule up to what became of its last sending; return how many changed."""
    pending = [one for one in schedules.list_schedules(connection) if one.sync_status == "pending"]
    changed = 0
    for terminal_id, group in groupby(pending, key=lambda schedule: schedule.terminal_id):
        sent = commands.list_commands(
            connection, terminal_id=terminal_id, name=SetSchedule.name, limit=_LOOKED_AT
        ).commands
        firmware = get_terminal(connection, terminal_id, with_deleted=True).firmware if sent else ""
        for schedule in group:
            record = find_sending(schedule, sent)
            if record is None:
                continue
            outcome = judge_sending(record, firmware)
            if outcome != (schedule.sync_status, schedule.sync_reason):
                at = record.settled_at or now
                changed += save_outcome(connection, schedule, outcome, at)
    return changed


def find_sending(schedule: Schedule, sent: Sequence[CommandRecord]) -> CommandRecord | None:
    """The newest of the commands, newest first, that told this schedule as it is since it was changed."""
    row = set_schedule(schedule).as_row()
    return next(
        (one for one in sent if one.created_at >= schedule.updated_at and dict(one.arguments) == row), None
    )


def save_outcome(connection: Connection, schedule: Schedule, outcome: Outcome, at: datetime) -> bool:
    """Write it down unless the schedule was changed or deleted since."""
    return schedules.set_sync_state(
        connection,
        schedule.id,
        status=outcome.status,
        reason=outcome.reason,
        now=at,
        sent_version=schedule.updated_at,
    )
