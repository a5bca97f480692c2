"""Users on their way to a terminal: which, how far, and what came of it, so that a restart goes on.

The members of a load are the enrollments that name it, brought in the order of their users;
`after_user_id` is the last of them that was settled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, exc, insert, select, text, update

from tm20tui.errors import Conflict, NotFound
from tm20tui.store.schema import commands, enrollments, user_loads

LoadStatus = Literal["running", "done", "failed", "cancelled"]

LOAD_PRIORITY = 10
"""Of the commands of a load: after whatever an operator asks meanwhile."""
_RUNNING = text("user_loads.status = 'running'")


@dataclass(frozen=True, slots=True)
class UserLoad:
    """One bringing of users to a terminal.

    `done` of `total` users are settled; `tally` is what came of them so far, or of all once it
    is over. `task_id` is the background task that does it, the same after a restart. `error`
    is a sentence, empty unless it failed. `resumed` counts the restarts that it outlived.
    """

    id: int
    terminal_id: int
    task_id: str
    with_credentials: bool
    remove_others: bool
    operator: str
    correlation_id: str
    status: LoadStatus
    total: int
    done: int
    after_user_id: int
    tally: Mapping[str, Any]
    error: str
    resumed: int
    started_at: datetime
    finished_at: datetime | None


def add_load(
    connection: Connection,
    terminal_id: int,
    *,
    task_id: str,
    with_credentials: bool,
    remove_others: bool,
    operator: str,
    correlation_id: str,
    now: datetime,
) -> UserLoad:
    """Begin a load that has no members yet (see `want_users`).

    Raises:
        Conflict: users are being sent to that terminal already.
    """
    values = {
        "terminal_id": terminal_id,
        "task_id": task_id,
        "with_credentials": with_credentials,
        "remove_others": remove_others,
        "operator": operator[:100],
        "correlation_id": correlation_id[:64],
        "started_at": now,
    }
    try:
        with connection.begin_nested():
            row = connection.execute(insert(user_loads).values(values).returning(user_loads)).one()
    except exc.IntegrityError:
        raise Conflict("users are being sent to that terminal already", field="terminal_id") from None
    return _load(row)


def set_total(connection: Connection, load_id: int, total: int) -> UserLoad:
    """So many members it has."""
    connection.execute(update(user_loads).where(user_loads.c.id == load_id).values(total=total))
    return get_load(connection, load_id)


def get_load(connection: Connection, load_id: int) -> UserLoad:
    """One load; `NotFound` when there is none."""
    row = connection.execute(select(user_loads).where(user_loads.c.id == load_id)).first()
    if row is None:
        raise NotFound("load", load_id, field="load_id")
    return _load(row)


def list_loads(
    connection: Connection,
    *,
    terminal_id: int | None = None,
    status: str | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[UserLoad]:
    """Loads, newest first, older than `before_id`."""
    query = select(user_loads).order_by(user_loads.c.id.desc()).limit(limit)
    if terminal_id is not None:
        query = query.where(user_loads.c.terminal_id == terminal_id)
    if status is not None:
        query = query.where(user_loads.c.status == status)
    if before_id is not None:
        query = query.where(user_loads.c.id < before_id)
    return [_load(row) for row in connection.execute(query)]


def take_up_loads(connection: Connection) -> list[UserLoad]:
    """Those that an earlier server left running, by id; each is counted as resumed once more."""
    connection.execute(update(user_loads).where(_RUNNING).values(resumed=user_loads.c.resumed + 1))
    return [_load(row) for row in connection.execute(select(user_loads).where(_RUNNING))]


def list_members(connection: Connection, load: UserLoad) -> list[int]:
    """The user ids that are still to be brought, in order."""
    here = enrollments.c.terminal_id == load.terminal_id, enrollments.c.load_id == load.id
    query = select(enrollments.c.user_id).where(*here, enrollments.c.user_id > load.after_user_id)
    return list(connection.scalars(query.order_by(enrollments.c.user_id)))


def list_leftovers(connection: Connection, load: UserLoad) -> list[int]:
    """Commands of a load that are queued still, which nobody waits for after a restart."""
    query = select(commands.c.id).where(
        commands.c.terminal_id == load.terminal_id,
        text("commands.status IN ('queued', 'sent')"),
        commands.c.status == "queued",
        commands.c.priority == LOAD_PRIORITY,
        commands.c.correlation_id == load.correlation_id,
    )
    return list(connection.scalars(query))


def note_progress(
    connection: Connection, load_id: int, *, done: int, after_user_id: int, tally: Mapping[str, Any]
) -> None:
    """Users up to that one are settled: to be written with what came of them, in one transaction."""
    values = {"done": done, "after_user_id": after_user_id, "tally": json.dumps(tally)}
    connection.execute(update(user_loads).where(user_loads.c.id == load_id).values(values))


def finish_load(
    connection: Connection,
    load_id: int,
    status: LoadStatus,
    now: datetime,
    *,
    tally: Mapping[str, Any] | None = None,
    error: str = "",
) -> None:
    """It is over."""
    values: dict[str, Any] = {"status": status, "finished_at": now, "error": error}
    if tally is not None:
        values["tally"] = json.dumps(tally)
    connection.execute(update(user_loads).where(user_loads.c.id == load_id, _RUNNING).values(values))


def _load(row: Row[Any]) -> UserLoad:
    values = dict(row._mapping)
    return UserLoad(**(values | {"tally": json.loads(values["tally"])}))
