"""Leavers on terminals: who has to be disabled where, and by which command that is receipted.

A receipt is the outcome of the command named by `command_id`; until it comes the row is pending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select, text, update

from tm20tui.store.commands import CommandStatus
from tm20tui.store.enrollments import DesiredState, EnrollmentResult, ReportedState, state_of
from tm20tui.store.schema import commands, enrollments, users

_UNSETTLED = text("enrollments.result IN ('pending', 'not verified')")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A leaver, or somebody who is back, whose terminal has not confirmed it yet.

    `status` and `command_reason` are of the command asked for it, None when there is none.
    """

    enrollment_id: int
    terminal_id: int
    user_id: int
    enrollid: str
    desired_state: DesiredState
    result: EnrollmentResult
    command_id: int | None
    status: CommandStatus | None
    command_reason: str | None


def want_standing(connection: Connection, standings: Mapping[int, bool], now: datetime) -> int:
    """Users left, or are back: wherever they are enrolled they shall be disabled, or not any more.

    `standings` is by user id whether each is enabled. Returns how many receipts are waited for.
    """
    count = 0
    for user_id, is_enabled in standings.items():
        here = [enrollments.c.user_id == user_id, enrollments.c.reported_state != "absent"]
        values: dict[str, Any] = {"desired_state": state_of(is_enabled), "desired_at": now}
        values |= {"result": "pending", "reason": "", "result_at": None, "command_id": None}
        if is_enabled:
            # Only where we disabled, or meant to: that command may still be under way.
            here.append(enrollments.c.desired_state == "disabled")
            values["reported_state"] = "unknown"
        count += connection.execute(update(enrollments).where(*here).values(values)).rowcount
    return count


def list_receipts(connection: Connection) -> list[Receipt]:
    """Standings that terminals have still to confirm."""
    back = and_(
        enrollments.c.desired_state == "present",
        enrollments.c.reported_state == "unknown",
        enrollments.c.reported_at.is_not(None),
        enrollments.c.result == "pending",
    )
    query = (
        select(
            enrollments.c.id,
            enrollments.c.terminal_id,
            enrollments.c.user_id,
            users.c.enrollid,
            enrollments.c.desired_state,
            enrollments.c.result,
            enrollments.c.command_id,
            commands.c.status,
            commands.c.reason,
        )
        .join(users, users.c.id == enrollments.c.user_id)
        .outerjoin(commands, commands.c.id == enrollments.c.command_id)
        .where(_UNSETTLED, or_(enrollments.c.desired_state == "disabled", back))
        .order_by(enrollments.c.terminal_id, enrollments.c.id)
    )
    return [Receipt(*row) for row in connection.execute(query)]


def note_asked(connection: Connection, receipt: Receipt, command_id: int) -> None:
    """The outcome of that command is the receipt."""
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id == receipt.enrollment_id, _UNSETTLED)
        .values(command_id=command_id, result="pending")
    )


def settle_receipt(
    connection: Connection,
    receipt: Receipt,
    result: EnrollmentResult,
    reason: str,
    state: ReportedState | None,
    now: datetime,
) -> None:
    """Write down what came of it, unless something else is wanted since."""
    values: dict[str, Any] = {"result": result, "reason": reason, "result_at": now}
    if state is not None:
        values |= {"reported_state": state, "reported_at": now}
    here = enrollments.c.id == receipt.enrollment_id, enrollments.c.command_id == receipt.command_id
    connection.execute(update(enrollments).where(*here, _UNSETTLED).values(values))
