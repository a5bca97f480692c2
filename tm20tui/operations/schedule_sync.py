"""Telling a terminal its working hours: `setschedule` for each, and its access zones on request.

Background work. Each schedule gets a true outcome: confirmed, refused, not known to the
firmware, or queued for a terminal that is away, which is noted once it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.model import utc_now
from tm20tui.operations.asking import is_connected
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.protocol import SetSchedule
from tm20tui.schedule.outcomes import Outcome, find_sending, judge_sending, save_outcome
from tm20tui.schedule.shift import in_effect
from tm20tui.schedule.wire import set_schedule
from tm20tui.schedule.zone_keeping import Written
from tm20tui.schedule.zones import ZonePlan, plan_zones
from tm20tui.store import commands, schedules
from tm20tui.store.terminals import get_terminal
from tm20tui.store.zones import ZoneWrite as ZoneWrite
from tm20tui.store.zones import list_zone_writes
from tm20tui.tasks import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal
    from tm20tui.store.commands import CommandRecord
    from tm20tui.store.schedules import Schedule
    from tm20tui.tasks import TaskRecord

_LOOK_SECONDS: Final = 5.0
"""How often to look whether a terminal that does not answer is still there."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What to do for one terminal; `left_out` are schedules with the reason why they are not sent."""

    terminal: Terminal
    chosen: list[Schedule]
    left_out: list[tuple[Schedule, str]]
    plan: ZonePlan | None
    split_breaks: bool
    margin_minutes: int


@operation("schedules.sync", "operator")
async def sync_schedules(
    call: Call,
    terminal_id: int,
    *,
    schedule_id: int | None = None,
    as_zones: bool = False,
    split_breaks: bool = False,
    margin_minutes: int = 0,
) -> TaskRecord:
    """Send a terminal its active schedules, or `schedule_id` alone; the task's result says what came of each.

    `as_zones` also writes them as access zones and reads those back: `split_breaks` closes the door
    during breaks, `margin_minutes` opens it so long before and after.

    Raises:
        NotFound
        InvalidInput: the schedules do not fit into the zones of a terminal.
        Conflict: there is nothing to send.
    """
    if as_zones and schedule_id is not None:
        raise InvalidInput(
            "as_zones needs every schedule of the terminal: leave schedule_id out", field="schedule_id"
        )
    terminal, found = await call.gateway.database.read(_choose, terminal_id, schedule_id)
    today = utc_now().astimezone(ZoneInfo(terminal.timezone)).date()
    left_out = [(one, why) for one in found if (why := _why_not(one, today))]
    chosen = [one for one in found if not _why_not(one, today)]
    if not chosen:
        reason = left_out[0][1] if schedule_id is not None else "none is active and in effect today"
        raise Conflict(
            f"no schedule of {terminal.sn} to send: {reason}",
            field=None if schedule_id is None else "schedule_id",
        )
    plan = None
    if as_zones:
        plan = plan_zones([chosen], on=today, split_breaks=split_breaks, margin_minutes=margin_minutes)
    progress = Progress(total=len(chosen) + (plan is not None))
    work = _Work(terminal, chosen, left_out, plan, split_breaks, margin_minutes)
    return call.gateway.tasks.start(
        f"schedules of {terminal.sn}", partial(_sync, call, work, progress), progress=progress
    )


@operation("schedules.zones", "viewer", writes=False)
async def list_zones(call: Call, *, terminal_id: int | None = None) -> list[ZoneWrite]:
    """What was written to terminals as access zones, and whether the schedules say something else by now.

    Raises:
        NotFound: no such terminal.
    """
    if terminal_id is not None:
        await call.gateway.database.read(get_terminal, terminal_id)
    return await call.gateway.database.read(list_zone_writes, terminal_id)


def _choose(
    connection: Connection, terminal_id: int, schedule_id: int | None
) -> tuple[Terminal, list[Schedule]]:
    terminal = get_terminal(connection, terminal_id)
    if schedule_id is None:
        return terminal, schedules.list_schedules(connection, terminal_id)
    try:
        return terminal, [schedules.get_schedule(connection, schedule_id, terminal_id=terminal_id)]
    except NotFound as error:
        error.field = "schedule_id"
        raise


def _why_not(schedule: Schedule, today: date) -> str:
    if not schedule.is_active:
        return "it is not active"
    return "" if in_effect(schedule, today) else f"it is not in effect on {today}"


async def _sync(call: Call, work: _Work, progress: Progress) -> dict[str, Any]:
    reports = [_report(one, "left out", reason, None) for one, reason in work.left_out]
    lacking = ""
    for schedule in work.chosen:
        record = None if lacking else await _send(call, schedule)
        outcome = Outcome("not known", f"not sent, as the one before: {lacking}")
        at = utc_now()
        if record is not None:
            outcome = judge_sending(record, work.terminal.firmware)
            at = record.settled_at or at
        await call.gateway.database.write(save_outcome, schedule, outcome, at)
        if outcome.status == "not known" and not lacking:
            lacking = outcome.reason
        # What is pending for the schedule is told more finely: queued, timed out, unknown.
        status = record.status if record is not None and outcome.status == "pending" else outcome.status
        reports.append(_report(schedule, status, outcome.reason, record))
        progress.advance()
    zones = None
    if work.plan is not None:
        zones = await _write_zones(call, work, work.plan)
        progress.advance()
    return {
        "terminal_id": work.terminal.id,
        "terminal_sn": work.terminal.sn,
        "schedules": sorted(reports, key=lambda report: int(report["schedule_id"])),
        "zones": zones,
    }


def _report(schedule: Schedule, status: str, reason: str, record: CommandRecord | None) -> dict[str, Any]:
    return {
        "schedule_id": schedule.id,
        "name": schedule.name,
        "status": status,
        "reason": reason,
        "command_id": None if record is None else record.id,
    }


async def _send(call: Call, schedule: Schedule) -> CommandRecord:
    """Ask, unless the same is queued already; wait as long as the terminal is there."""
    desk, terminal_id = call.gateway.commands, schedule.terminal_id
    queued = await call.gateway.database.read(
        commands.list_commands, terminal_id=terminal_id, status="queued", name=SetSchedule.name
    )
    record = find_sending(schedule, queued.commands)
    if record is None:
        record = await desk.ask(
            terminal_id,
            set_schedule(schedule),
            operator=call.operator.name,
            correlation_id=call.correlation_id,
        )
    while not record.is_settled and is_connected(call.gateway, terminal_id):
        record = await desk.wait(record.id, _LOOK_SECONDS)
    return record


async def _write_zones(call: Call, work: _Work, plan: ZonePlan) -> dict[str, Any]:
    if not is_connected(call.gateway, work.terminal.id):
        written = Written("not sent", "the terminal is not connected")
    else:
        written = await call.gateway.zones.write(
            work.terminal.id,
            plan,
            split_breaks=work.split_breaks,
            margin_minutes=work.margin_minutes,
            operator=call.operator.name,
            correlation_id=call.correlation_id,
        )
    return {
        "status": written.status,
        "reason": written.reason,
        "differences": list(written.differences),
    }
