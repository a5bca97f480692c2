"""Leavers on terminals: who has to be disabled or removed where, and what each terminal said to it.

What is wanted is in the enrollment. A row of `receipts` is begun whenever it changes and tells
when it was asked for, sent and confirmed; it stays for good, the enrollment goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, text, update

from tm20tui.store.commands import CommandStatus
from tm20tui.store.enrollments import DesiredState, EnrollmentResult, ReportedState
from tm20tui.store.schema import commands, credentials, enrollments, receipts, terminals, users
from tm20tui.store.terminals import DELETED

ReceiptAction = Literal["disable", "remove", "enable"]
ReceiptResult = Literal["pending", "confirmed", "refused", "not verified", "withdrawn"]

_ACTIONS: Final[dict[str, ReceiptAction]] = {"disabled": "disable", "absent": "remove", "present": "enable"}
_UNSETTLED = text("enrollments.result IN ('pending', 'not verified')")
_NOT_DELETED = enrollments.c.terminal_id.not_in(DELETED)
_OPEN = text("receipts.result IN ('pending', 'not verified')")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A leaver, or somebody who is back, whose terminal has not confirmed it yet.

    `status` and `command_reason` are of the command asked for it, None when there is none.
    `result_at` is when it last came to nothing, None if it never did.
    """

    enrollment_id: int
    terminal_id: int
    user_id: int
    enrollid: str
    desired_state: DesiredState
    result: EnrollmentResult
    result_at: datetime | None
    command_id: int | None
    status: CommandStatus | None
    command_reason: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one terminal was asked about one leaver, or somebody who is back, and what it said.

    `requested_at` is when it became necessary, `sent_at` when it last went to the terminal,
    `confirmed_at` when the terminal said that it is done; None until then. `result`
    `withdrawn`: something else was wanted before it was done.
    """

    id: int
    user_id: int
    enrollid: str
    name: str
    terminal_id: int
    terminal_sn: str
    action: ReceiptAction
    result: ReceiptResult
    reason: str
    requested_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None
    command_id: int | None


def want_standing(
    connection: Connection, standings: Mapping[int, bool], now: datetime, *, remove: bool
) -> int:
    """Users left, or are back: wherever they are enrolled they shall be out, or not any more.

    `standings` is by user id whether each is enabled; with `remove` who left is deleted, else
    disabled. A deleted terminal is asked only once it is back (see `open_receipts`). Returns how
    many receipts are waited for.
    """
    count = 0
    deleted = set(connection.scalars(DELETED))
    for user_id, is_enabled in standings.items():
        here = [enrollments.c.user_id == user_id, enrollments.c.reported_state != "absent"]
        desired: DesiredState = "present" if is_enabled else "absent" if remove else "disabled"
        values: dict[str, Any] = {"desired_state": desired, "desired_at": now}
        values |= {"result": "pending", "reason": "", "result_at": None, "command_id": None}
        if is_enabled:
            # Only where we disabled, or meant to: that command may still be under way.
            here.append(enrollments.c.desired_state.in_(("disabled", "absent")))
            values["reported_state"] = "unknown"
            # Who was deleted there is brought back with the next users, not by a command.
            gone = enrollments.c.user_id == user_id, enrollments.c.desired_state == "absent"
            connection.execute(
                update(enrollments)
                .where(*gone, enrollments.c.reported_state == "absent")
                .values(values | {"reported_state": "absent"})
            )
        rows = connection.execute(
            update(enrollments).where(*here).values(values).returning(enrollments.c.terminal_id)
        ).all()
        waited = [(row.terminal_id, user_id, desired) for row in rows if row.terminal_id not in deleted]
        begin_receipts(connection, waited, now)
        count += len(waited)
    return count


def begin_receipts(
    connection: Connection, wanted: Collection[tuple[int, int, DesiredState]], now: datetime
) -> None:
    """Open a receipt for each terminal, user and state; what was open for them is withdrawn."""
    for terminal_id, user_id, desired in wanted:
        here = receipts.c.terminal_id == terminal_id, receipts.c.user_id == user_id
        connection.execute(update(receipts).where(*here, _OPEN).values(result="withdrawn", settled_at=now))
        values = {"terminal_id": terminal_id, "user_id": user_id, "requested_at": now}
        connection.execute(insert(receipts).values(**values, action=_ACTIONS[desired]))


def withdraw_receipts(connection: Connection, terminal_id: int, reason: str, now: datetime) -> None:
    """Nothing is waited for from a terminal any more."""
    values = {"result": "withdrawn", "reason": reason, "settled_at": now}
    connection.execute(update(receipts).where(receipts.c.terminal_id == terminal_id, _OPEN).values(values))


def open_receipts(connection: Connection, terminal_id: int, now: datetime) -> None:
    """Wait for what a terminal that is back has still to confirm of leavers."""
    out = enrollments.c.desired_state.in_(("disabled", "absent"))
    query = select(enrollments.c.user_id, enrollments.c.desired_state).where(
        enrollments.c.terminal_id == terminal_id, _UNSETTLED, out
    )
    waited: list[tuple[int, int, DesiredState]] = [
        (terminal_id, row.user_id, row.desired_state) for row in connection.execute(query)
    ]
    begin_receipts(connection, waited, now)


def list_waiting(connection: Connection) -> list[Waiting]:
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
            enrollments.c.result_at,
            enrollments.c.command_id,
            commands.c.status,
            commands.c.reason,
        )
        .join(users, users.c.id == enrollments.c.user_id)
        .outerjoin(commands, commands.c.id == enrollments.c.command_id)
        .where(_UNSETTLED, _NOT_DELETED, or_(enrollments.c.desired_state.in_(("disabled", "absent")), back))
        .order_by(enrollments.c.terminal_id, enrollments.c.id)
    )
    rows: Iterable[Any] = connection.execute(query)
    return [Waiting(*row) for row in rows]


def note_asked(connection: Connection, waiting: Waiting, command_id: int) -> None:
    """The outcome of that command is the receipt."""
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id == waiting.enrollment_id, _UNSETTLED)
        .values(command_id=command_id, result="pending")
    )
    _change_open(connection, waiting.terminal_id, waiting.user_id, command_id=command_id, result="pending")


def settle_waiting(
    connection: Connection,
    waiting: Waiting,
    result: EnrollmentResult,
    reason: str,
    state: ReportedState | None,
    now: datetime,
) -> None:
    """Write down what came of it, unless something else is wanted since."""
    values: dict[str, Any] = {"result": result, "reason": reason, "result_at": now}
    if state is not None:
        values |= {"reported_state": state, "reported_at": now}
    here = enrollments.c.id == waiting.enrollment_id, enrollments.c.command_id == waiting.command_id
    if connection.execute(update(enrollments).where(*here, _UNSETTLED).values(values)).rowcount:
        settle_open(connection, waiting.terminal_id, waiting.user_id, result, reason, now)


def settle_open(
    connection: Connection,
    terminal_id: int,
    user_id: int,
    result: EnrollmentResult,
    reason: str,
    now: datetime,
) -> None:
    """Write on the open receipt, if there is one, what its terminal said."""
    sent = select(commands.c.sent_at).where(commands.c.id == receipts.c.command_id).scalar_subquery()
    values: dict[str, Any] = {"result": result, "reason": reason, "settled_at": now}
    if result == "confirmed":
        values["confirmed_at"] = now
    _change_open(connection, terminal_id, user_id, **values, sent_at=func.coalesce(sent, receipts.c.sent_at))


def list_receipts(
    connection: Connection,
    *,
    user_id: int | None = None,
    terminal_id: int | None = None,
    result: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Receipt]:
    """Receipts, newest first, older than `before_id`."""
    query = (
        select(
            receipts.c.id,
            receipts.c.user_id,
            users.c.enrollid,
            users.c.name,
            receipts.c.terminal_id,
            terminals.c.sn,
            receipts.c.action,
            receipts.c.result,
            receipts.c.reason,
            receipts.c.requested_at,
            case((receipts.c.sent_at.is_(None), commands.c.sent_at), else_=receipts.c.sent_at),
            receipts.c.confirmed_at,
            receipts.c.command_id,
        )
        .join(users, users.c.id == receipts.c.user_id)
        .join(terminals, terminals.c.id == receipts.c.terminal_id)
        .outerjoin(commands, commands.c.id == receipts.c.command_id)
        .order_by(receipts.c.id.desc())
        .limit(limit)
    )
    for column, value in (
        (receipts.c.user_id, user_id),
        (receipts.c.terminal_id, terminal_id),
        (receipts.c.result, result),
    ):
        if value is not None:
            query = query.where(column == value)
    if before_id is not None:
        query = query.where(receipts.c.id < before_id)
    rows: Iterable[Any] = connection.execute(query)
    return [Receipt(*row) for row in rows]


def count_refused(connection: Connection) -> dict[int, int]:
    """By terminal id, how many leavers it refused to let go."""
    query = (
        select(enrollments.c.terminal_id, func.count())
        .where(
            enrollments.c.desired_state.in_(("disabled", "absent")),
            enrollments.c.result == "refused",
            _NOT_DELETED,
        )
        .group_by(enrollments.c.terminal_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def purge_leavers(connection: Connection, before: datetime, limit: int) -> int:
    """Delete a page of the credentials of users who left before that; return how many."""
    left = users.c.left_at.is_not(None), users.c.left_at < before
    page = select(credentials.c.id).join(users, users.c.id == credentials.c.user_id).where(*left).limit(limit)
    return connection.execute(delete(credentials).where(credentials.c.id.in_(page))).rowcount


def _change_open(connection: Connection, terminal_id: int, user_id: int, **values: Any) -> None:
    here: Iterable[Any] = (receipts.c.terminal_id == terminal_id, receipts.c.user_id == user_id, _OPEN)
    connection.execute(update(receipts).where(*here).values(values))
