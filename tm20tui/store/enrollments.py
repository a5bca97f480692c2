"""Users on terminals: what each shall be there, what the terminal last reported, and what came of it.

A row is wanted (`desired_state`), reported, or both. `pending` is what somebody still has to
see to. Receipts of leavers are in `receipts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, insert, select, true, update

from tm20tui.store.schema import credentials, enrollments, terminals, users

DesiredState = Literal["present", "disabled", "absent"]
ReportedState = Literal["unknown", "present", "disabled", "absent"]
EnrollmentResult = Literal["", "pending", "confirmed", "refused", "not verified"]

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A user as it shall be on a terminal, and what is known of it there.

    `slots` are the credentials that we keep of the user. `reported_lock` as in `lock_text`
    of the plan, empty when not known.
    """

    user_id: int
    enrollid: str
    name: str
    admin: int
    weekzone: int
    user_group: int
    valid_from: datetime | None
    valid_until: datetime | None
    desired_state: DesiredState
    reported_state: ReportedState
    reported_name: str
    reported_lock: str
    slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of one user on one terminal that should be `desired_state`. None leaves as it was."""

    user_id: int
    desired_state: DesiredState
    result: EnrollmentResult
    reason: str = ""
    reported_state: ReportedState | None = None
    reported_name: str | None = None
    reported_lock: str | None = None


@dataclass(frozen=True, slots=True)
class TerminalUser:
    """Desired against reported, for people. Times are None when it never happened."""

    user_id: int
    enrollid: str
    name: str
    desired_state: DesiredState | None
    desired_at: datetime | None
    reported_state: ReportedState
    reported_name: str
    reported_at: datetime | None
    result: EnrollmentResult
    reason: str
    result_at: datetime | None


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it is kept; `model` and `fpalgo` are of the terminal that told it."""

    user_id: int
    backupnum: int
    fpalgo: str
    model: str
    sealed: bytes


def want_users(
    connection: Connection, terminal_id: int, user_ids: Sequence[int] | None, now: datetime, *, load_id: int
) -> list[int]:
    """Write down that users of the terminal's site shall be there as they are enabled; None means all.

    They are the members of the load `load_id`. Those who are disabled and not known to be there
    are left out, and those who shall be deleted there. Returns the ids in order.
    """
    site = select(terminals.c.site_id).where(terminals.c.id == terminal_id).scalar_subquery()
    query = select(users.c.id, users.c.is_enabled).where(users.c.site_id == site).order_by(users.c.id)
    found = {row.id: row.is_enabled for row in connection.execute(query)}
    if user_ids is not None:
        found = {ident: found[ident] for ident in sorted(set(user_ids)) if ident in found}
    known = {
        row.user_id: row
        for row in connection.execute(
            select(enrollments.c.user_id, enrollments.c.reported_state, enrollments.c.desired_state).where(
                enrollments.c.terminal_id == terminal_id
            )
        )
    }
    asked: dict[str, Any] = {
        "result": "pending",
        "reason": "",
        "result_at": None,
        "command_id": None,
        "desired_at": now,
    }
    asked["load_id"] = load_id
    rows = [
        {"terminal_id": terminal_id, "user_id": ident, "desired_state": state_of(is_enabled)} | asked
        for ident, is_enabled in found.items()
        if is_enabled or (ident in known and known[ident].desired_state != "absent")
    ]
    new = [row | {"reported_state": "unknown"} for row in rows if row["user_id"] not in known]
    for chunk in _chunks(new):
        connection.execute(insert(enrollments), chunk)
    changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*asked, "desired_state")}
    again = [
        {f"new_{name}": row[name] for name in changes} | {"user": row["user_id"]}
        for row in rows
        if row["user_id"] in known
    ]
    if again:
        here = enrollments.c.terminal_id == terminal_id, enrollments.c.user_id == bindparam("user")
        connection.execute(update(enrollments).where(*here).values(changes), again)
    return [row["user_id"] for row in rows]


def list_wanted(connection: Connection, terminal_id: int, user_ids: Collection[int]) -> list[Wanted]:
    """The users that shall be on a terminal, enabled or not, by id, with the slots we keep of them."""
    wanted = frozenset(user_ids)
    # A few are looked up, many are picked out of all.
    few = users.c.id.in_(wanted) if len(wanted) <= _CHUNK else true()
    held: dict[int, list[int]] = {}
    slots = (
        select(credentials.c.user_id, credentials.c.backupnum)
        .join(enrollments, enrollments.c.user_id == credentials.c.user_id)
        .join(users, users.c.id == enrollments.c.user_id)
        .where(enrollments.c.terminal_id == terminal_id, few)
        .order_by(credentials.c.backupnum)
    )
    for user_id, backupnum in connection.execute(slots):
        held.setdefault(user_id, []).append(backupnum)
    columns = (
        users.c.id.label("user_id"),
        users.c.enrollid,
        users.c.name,
        users.c.admin,
        users.c.weekzone,
        users.c.user_group,
        users.c.valid_from,
        users.c.valid_until,
        enrollments.c.desired_state,
        enrollments.c.reported_state,
        enrollments.c.reported_name,
        enrollments.c.reported_lock,
    )
    query = (
        select(*columns)
        .join(enrollments, enrollments.c.user_id == users.c.id)
        .where(enrollments.c.terminal_id == terminal_id, few)
        .where(enrollments.c.desired_state.in_(("present", "disabled")))
        .order_by(users.c.id)
    )
    return [
        Wanted(**row._mapping, slots=tuple(held.get(row.user_id, ())))
        for row in connection.execute(query)
        if row.user_id in wanted
    ]


def list_enrollids(connection: Connection, site_id: int) -> set[str]:
    """The enrollids of everybody who belongs to a site."""
    return set(connection.scalars(select(users.c.enrollid).where(users.c.site_id == site_id)))


def settle_users(connection: Connection, terminal_id: int, settled: Iterable[Settled], now: datetime) -> None:
    """Write down what came of users on a terminal; who shall be something else by now stays pending."""
    for one in settled:
        here = enrollments.c.terminal_id == terminal_id, enrollments.c.user_id == one.user_id
        values: dict[str, Any] = {"result": one.result, "reason": one.reason, "result_at": now}
        as_wanted = enrollments.c.desired_state == one.desired_state
        connection.execute(update(enrollments).where(*here, as_wanted).values(values))
        values = {}
        if one.reported_state is not None:
            values = {"reported_state": one.reported_state, "reported_at": now}
        if one.reported_name is not None:
            values["reported_name"] = one.reported_name
        if one.reported_lock is not None:
            values["reported_lock"] = one.reported_lock
        if values:
            connection.execute(update(enrollments).where(*here).values(values))


def list_sealed(connection: Connection, user_ids: Collection[int]) -> list[SealedCredential]:
    """The sealed credentials of some users."""
    query = (
        select(
            credentials.c.user_id,
            credentials.c.backupnum,
            credentials.c.fpalgo,
            terminals.c.model,
            credentials.c.sealed,
        )
        .join(terminals, terminals.c.id == credentials.c.terminal_id)
        .where(credentials.c.user_id.in_(user_ids))
        .order_by(credentials.c.user_id, credentials.c.backupnum)
    )
    return [SealedCredential(*row) for row in connection.execute(query)]


def list_terminal_users(
    connection: Connection,
    terminal_id: int,
    *,
    result: str | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> list[TerminalUser]:
    """Users wanted at or reported by a terminal, by user id past `after_id`."""
    query = (
        select(
            users.c.id,
            users.c.enrollid,
            users.c.name,
            enrollments.c.desired_state,
            enrollments.c.desired_at,
            enrollments.c.reported_state,
            enrollments.c.reported_name,
            enrollments.c.reported_at,
            enrollments.c.result,
            enrollments.c.reason,
            enrollments.c.result_at,
        )
        .join(enrollments, enrollments.c.user_id == users.c.id)
        .where(enrollments.c.terminal_id == terminal_id)
        .order_by(users.c.id)
        .limit(limit)
    )
    if result is not None:
        query = query.where(enrollments.c.result == result)
    if after_id is not None:
        query = query.where(users.c.id > after_id)
    return [TerminalUser(*row) for row in connection.execute(query)]


def count_results(connection: Connection, terminal_id: int) -> dict[str, int]:
    """How many users of a terminal have which result; those nobody asked for are not counted."""
    query = (
        select(enrollments.c.result, func.count())
        .where(enrollments.c.terminal_id == terminal_id, enrollments.c.result != "")
        .group_by(enrollments.c.result)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def state_of(is_enabled: bool) -> DesiredState:
    """What a user shall be where it is known."""
    return "present" if is_enabled else "disabled"


def _chunks(rows: Sequence[dict[str, Any]]) -> Iterable[Sequence[dict[str, Any]]]:
    return (rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK))
