"""What terminals were last found to hold of users, beside what they shall hold, and how often to look."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from tm20tui.store.enrollments import DesiredState, EnrollmentResult, ReportedState
from tm20tui.store.receipts import begin_receipts
from tm20tui.store.schema import enrollments, inventories, terminals, users

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class TerminalInventory:
    """What the last inventory of a terminal found. Times are None when it never was.

    `interval_minutes` None: as the settings say, 0: only when asked. `held` are the users found
    there, `usual` those that there were before a sharp drop; `has_dropped` while they are far
    fewer. `wanted` shall be there, `drifted` of them are not as they shall be. `others` are
    enrollids that are no user of the site, 100 at most. `remark` says why it is not whole.
    """

    terminal_id: int
    terminal_sn: str
    interval_minutes: int | None
    tried_at: datetime | None
    taken_at: datetime | None
    held: int
    usual: int
    wanted: int
    drifted: int
    others: tuple[str, ...]
    has_dropped: bool
    remark: str


@dataclass(frozen=True, slots=True)
class Known:
    """A user of a terminal's site as the last inventory left it; `slots` were listed there once.

    `enrollment_id` None: nobody asked for the user there, and it was not seen there.
    """

    user_id: int
    enrollid: str
    name: str
    enrollment_id: int | None
    desired_state: DesiredState | None
    reported_state: ReportedState
    reported_at: datetime | None
    slots: frozenset[int]
    result: EnrollmentResult
    reason: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What an inventory says of one user now, to be written over what was known."""

    user_id: int
    reported_state: ReportedState
    slots: frozenset[int]
    result: EnrollmentResult
    reason: str
    reported_name: str | None = None


def list_inventories(
    connection: Connection,
    *,
    terminal_id: int | None = None,
    drifted: bool | None = None,
    after_id: int | None = None,
    limit: int | None = None,
) -> list[TerminalInventory]:
    """Of every approved terminal, by id, whether it was ever done or not."""
    here = inventories.c
    query = (
        select(
            terminals.c.id.label("terminal_id"),
            terminals.c.sn.label("terminal_sn"),
            *(column for column in here if column.name != "terminal_id"),
        )
        .outerjoin(inventories, here.terminal_id == terminals.c.id)
        .where(terminals.c.admission == "approved")
        .order_by(terminals.c.id)
        .limit(limit)
    )
    if terminal_id is not None:
        query = query.where(terminals.c.id == terminal_id)
    if drifted is not None:
        query = query.where(here.drifted > 0 if drifted else here.drifted == 0)
    if after_id is not None:
        query = query.where(terminals.c.id > after_id)
    return [_inventory(row._asdict()) for row in connection.execute(query)]


def save_inventory(connection: Connection, terminal_id: int, values: Mapping[str, Any]) -> None:
    """Write some columns of a terminal's inventory."""
    values = {**values, **({"others": json.dumps(values["others"])} if "others" in values else {})}
    here = inventories.c.terminal_id == terminal_id
    if not connection.execute(update(inventories).where(here).values(values)).rowcount:
        connection.execute(insert(inventories).values(terminal_id=terminal_id, **values))


def list_known(connection: Connection, terminal_id: int) -> list[Known]:
    """Every user of the terminal's site beside what is known of it there, by id."""
    site = select(terminals.c.site_id).where(terminals.c.id == terminal_id).scalar_subquery()
    query = (
        select(
            users.c.id,
            users.c.enrollid,
            users.c.name,
            enrollments.c.id,
            enrollments.c.desired_state,
            enrollments.c.reported_state,
            enrollments.c.reported_at,
            enrollments.c.reported_slots,
            enrollments.c.result,
            enrollments.c.reason,
        )
        .outerjoin(
            enrollments, (enrollments.c.user_id == users.c.id) & (enrollments.c.terminal_id == terminal_id)
        )
        .where(users.c.site_id == site)
        .order_by(users.c.id)
    )
    rows: Iterable[Any] = connection.execute(query)
    return [
        Known(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5] or "unknown",
            row[6],
            frozenset(map(int, filter(None, (row[7] or "").split(",")))),
            row[8] or "",
            row[9] or "",
        )
        for row in rows
    ]


def note_observed(
    connection: Connection, terminal_id: int, observed: Sequence[Observed], now: datetime
) -> None:
    """Write down what an inventory saw; users who are on their way there by now are left alone."""
    for chunk in (observed[at : at + _CHUNK] for at in range(0, len(observed), _CHUNK)):
        rows = [
            {
                "user": one.user_id,
                "new_state": one.reported_state,
                "new_slots": ",".join(map(str, sorted(one.slots))),
                "new_result": one.result,
                "new_reason": one.reason,
            }
            for one in chunk
        ]
        query = (
            update(enrollments)
            .where(enrollments.c.terminal_id == terminal_id, enrollments.c.user_id == bindparam("user"))
            .values(
                reported_state=bindparam("new_state"),
                reported_slots=bindparam("new_slots"),
                result=bindparam("new_result"),
                reason=bindparam("new_reason"),
                reported_at=now,
                result_at=now,
            )
        )
        connection.execute(query, rows)
    for one in observed:
        if one.reported_name is not None:
            here = enrollments.c.terminal_id == terminal_id, enrollments.c.user_id == one.user_id
            connection.execute(update(enrollments).where(*here).values(reported_name=one.reported_name))


def add_seen(
    connection: Connection, terminal_id: int, seen: Mapping[int, frozenset[int]], now: datetime
) -> None:
    """Users of the site whom nobody asked for there, and who are: with the slots that were listed."""
    rows = [
        {
            "terminal_id": terminal_id,
            "user_id": user_id,
            "reported_state": "present",
            "reported_slots": ",".join(map(str, sorted(slots))),
            "reported_at": now,
        }
        for user_id, slots in seen.items()
    ]
    for at in range(0, len(rows), _CHUNK):
        connection.execute(insert(enrollments), rows[at : at + _CHUNK])


def want_out_again(
    connection: Connection, terminal_id: int, user_ids: Collection[int], now: datetime
) -> None:
    """Leavers who are on the terminal again: they are to be removed once more, with a receipt."""
    for user_id in user_ids:
        here = enrollments.c.terminal_id == terminal_id, enrollments.c.user_id == user_id
        values = {"result": "pending", "reason": "", "result_at": None, "command_id": None}
        connection.execute(
            update(enrollments).where(*here, enrollments.c.desired_state == "absent").values(values)
        )
    begin_receipts(connection, [(terminal_id, user_id, "absent") for user_id in user_ids], now)


def _inventory(row: Mapping[str, Any]) -> TerminalInventory:
    values = {name: row[name] for name in TerminalInventory.__slots__}
    for name in ("held", "usual", "wanted", "drifted"):
        values[name] = values[name] or 0
    values["others"] = tuple(json.loads(values["others"] or "[]"))
    values["has_dropped"] = bool(values["has_dropped"])
    values["remark"] = values["remark"] or ""
    return TerminalInventory(**values)
