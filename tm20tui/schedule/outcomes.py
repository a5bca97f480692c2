"""What became of telling a terminal its schedules: a command's outcome as the state of a schedule.

A terminal that was away answers long after anybody waits for it: `keep_outcomes` is called
time and again, and finds what each pending schedule was sent with by its very content.
"""

from __future__ import annotations

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
    """Note what became of what was sent; writes only where there is something new to note."""
    found = await database.read(find_outcomes, utc_now())
    return f"{await database.write(_save, found) if found else 0} schedules"


def find_outcomes(connection: Connection, now: datetime) -> list[tuple[Schedule, Outcome, datetime]]:
    """The pending schedules that something new is known of: what, and since when."""
    new: list[tuple[Schedule, Outcome, datetime]] = []
    for terminal_id in schedules.list_sent_to(connection, SetSchedule.name):
        sent = commands.list_commands(
            connection, terminal_id=terminal_id, name=SetSchedule.name, limit=_LOOKED_AT
        ).commands
        firmware = get_terminal(connection, terminal_id, with_deleted=True).firmware
        for schedule in schedules.list_schedules(connection, terminal_id):
            record = find_sending(schedule, sent) if schedule.sync_status == "pending" else None
            if record is None:
                continue
            outcome = judge_sending(record, firmware)
            if outcome != (schedule.sync_status, schedule.sync_reason):
                new.append((schedule, outcome, record.settled_at or now))
    return new


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


def _save(connection: Connection, found: Sequence[tuple[Schedule, Outcome, datetime]]) -> int:
    return sum(save_outcome(connection, *one) for one in found)
