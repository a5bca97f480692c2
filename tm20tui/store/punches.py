"""Punches and what comes with them: door events, strangers, photos, quarantine, raw frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from tm20tui.model import HELD_TIME_PROBLEMS
from tm20tui.store.schema import frames, photos, punches, quarantine, terminal_events, terminals, totals

Row = Mapping[str, Any]
LOG_ID_FLOOR = "log_id_floor"
"""Under which name among the totals it is kept below which the next log id must not be."""

PunchKey = tuple[int, str, str, int, int, int]
"""(terminal id, enrollid, time as printed, mode, inout, event): what makes two reports one punch."""

_FLOOR = select(totals.c.value).where(totals.c.name == LOG_ID_FLOOR)
_FORGET_FLOOR = delete(totals).where(totals.c.name == LOG_ID_FLOOR)


class UserPunch(NamedTuple):
    """One punch of somebody; `direction` is `in`, `out` or None."""

    id: int
    at: datetime
    direction: str | None


def insert_ignoring(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves a row alone that is already there, on either engine."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


def add_punches(connection: Connection, rows: Sequence[Row]) -> list[tuple[int, PunchKey]]:
    """Store the punches that are new; return id and key of those, in no particular order."""
    if not rows:
        return []
    rest: list[Row] = list(rows)
    found: list[tuple[int, PunchKey]] = []
    floor = connection.scalar(_FLOOR)
    if floor is not None:
        # One id is enough: those after it follow.
        while rest and not found:
            found = _add_punches(connection, [{**rest.pop(0), "id": floor}])
        if found:
            connection.execute(_FORGET_FLOOR)
    return found + (_add_punches(connection, rest) if rest else [])


def _add_punches(connection: Connection, rows: Sequence[Row]) -> list[tuple[int, PunchKey]]:
    statement = insert_ignoring(connection, punches).returning(
        punches.c.id,
        punches.c.terminal_id,
        punches.c.enrollid,
        punches.c.time_raw,
        punches.c.mode,
        punches.c.inout,
        punches.c.event,
    )
    return [(row[0], tuple(row[1:])) for row in connection.execute(statement, list(rows))]


def add_terminal_events(connection: Connection, rows: Sequence[Row]) -> None:
    """Store door events and strangers, each once."""
    if rows:
        connection.execute(insert_ignoring(connection, terminal_events), list(rows))


def add_photos(connection: Connection, rows: Sequence[Row]) -> None:
    """Store JPEGs by their digest, each once."""
    if rows:
        connection.execute(insert_ignoring(connection, photos), list(rows))


def add_quarantined(connection: Connection, rows: Sequence[Row]) -> None:
    """Keep what could not be stored as a punch, each text once."""
    if rows:
        connection.execute(insert_ignoring(connection, quarantine), list(rows))


def add_frames(connection: Connection, rows: Sequence[Row]) -> None:
    """Keep raw frames (compressed) for the journal."""
    if rows:
        connection.execute(frames.insert(), list(rows))


def add_to_total(connection: Connection, name: str, node: str, amount: int) -> None:
    """Raise a counter, so that no count ever scans history."""
    if not amount:
        return
    changed = connection.execute(
        update(totals)
        .where(totals.c.name == name, totals.c.node == node)
        .values(value=totals.c.value + bindparam("amount")),
        {"amount": amount},
    )
    if changed.rowcount == 0:
        connection.execute(totals.insert(), {"name": name, "node": node, "value": amount})


def get_totals(connection: Connection) -> dict[str, int]:
    """Every counter, summed over nodes."""
    query = select(totals.c.name, func.sum(totals.c.value)).group_by(totals.c.name)
    return {name: int(value) for name, value in connection.execute(query)}


def has_punch(connection: Connection, key: PunchKey) -> bool:
    """Whether this punch is stored already."""
    terminal_id, enrollid, time_raw, mode, inout, event = key
    query = select(punches.c.id).where(
        punches.c.terminal_id == terminal_id,
        punches.c.enrollid == enrollid,
        punches.c.time_raw == time_raw,
        punches.c.mode == mode,
        punches.c.inout == inout,
        punches.c.event == event,
    )
    return connection.execute(query).first() is not None


def find_latest_between(
    connection: Connection, terminal_id: int, start: datetime, end: datetime
) -> tuple[str, int, str] | None:
    """Text, fold and user of the last punch stored for a terminal whose instant lies in [start, end)."""
    query = (
        select(punches.c.time_raw, punches.c.fold, punches.c.enrollid)
        .where(
            punches.c.terminal_id == terminal_id,
            punches.c.time_utc >= start,
            punches.c.time_utc < end,
        )
        .order_by(punches.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else (row.time_raw, row.fold, row.enrollid)


def list_user_day(
    connection: Connection, terminal_id: int, enrollid: str, start_raw: str, end_raw: str
) -> list[tuple[int, str | None]]:
    """(id, direction) of a user's trusted punches within a working day, in order of time.

    Over all terminals of the site that alternate, since who enters by one door may
    leave by another. `start_raw` and `end_raw` are wall-clock texts, end excluded.
    """
    site = select(terminals.c.site_id).where(terminals.c.id == terminal_id).scalar_subquery()
    alternating = select(terminals.c.id).where(
        terminals.c.site_id == site, terminals.c.direction_policy == "alternate"
    )
    query = (
        select(punches.c.id, punches.c.direction)
        .where(
            punches.c.terminal_id.in_(alternating),
            punches.c.enrollid == enrollid,
            punches.c.time_raw >= start_raw,
            punches.c.time_raw < end_raw,
            punches.c.time_utc.is_not(None),
        )
        .order_by(punches.c.time_utc, punches.c.id)
    )
    return [(row.id, row.direction) for row in connection.execute(query)]


def list_user_punches(
    connection: Connection, terminal_id: int, enrollid: str, start: datetime, end: datetime
) -> list[UserPunch]:
    """A user's punches at one terminal within [start, end) whose time is trusted, in order of time."""
    values = {"terminal": terminal_id, "user": enrollid, "start": start, "end": end}
    return [UserPunch(*row) for row in connection.execute(_USER_PUNCHES, values)]


def list_owners(connection: Connection, punch_ids: Sequence[int]) -> list[tuple[int, str, datetime]]:
    """(terminal id, enrollid, time) of those of these punches whose time can be read."""
    query = select(punches.c.terminal_id, punches.c.enrollid, punches.c.time_utc).where(
        punches.c.id.in_(punch_ids), punches.c.time_utc.is_not(None)
    )
    return [(row.terminal_id, row.enrollid, row.time_utc) for row in connection.execute(query)]


def set_directions(connection: Connection, changes: Sequence[tuple[int, str | None]]) -> None:
    """Write derived directions by punch id."""
    if changes:
        connection.execute(
            update(punches)
            .where(punches.c.id == bindparam("punch_id"))
            .values(direction=bindparam("new_direction")),
            [{"punch_id": ident, "new_direction": direction} for ident, direction in changes],
        )


def list_for_recompute(
    connection: Connection, terminal_id: int, after_id: int, limit: int
) -> list[tuple[int, str, str, int]]:
    """(id, enrollid, time_raw, inout) of a terminal's punches past an id, oldest first."""
    query = (
        select(punches.c.id, punches.c.enrollid, punches.c.time_raw, punches.c.inout)
        .where(punches.c.terminal_id == terminal_id, punches.c.id > after_id)
        .order_by(punches.c.id)
        .limit(limit)
    )
    return [tuple(row) for row in connection.execute(query)]


def purge_photos(connection: Connection, before: datetime, limit: int) -> int:
    """Delete a page of photos received before a moment; return how many."""
    page = select(photos.c.digest).where(photos.c.received_at < before).limit(limit)
    return connection.execute(delete(photos).where(photos.c.digest.in_(page))).rowcount


def purge_frames(connection: Connection, before: datetime, limit: int) -> int:
    """Delete a page of raw frames received before a moment, oldest first; return how many."""
    page = select(frames.c.id).order_by(frames.c.id).limit(limit)
    return connection.execute(
        delete(frames).where(tuple_(frames.c.id).in_(page), frames.c.received_at < before)
    ).rowcount


# Made once: a page of punches asks for those of two hundred people.
_USER_PUNCHES = (
    select(punches.c.id, punches.c.time_utc, punches.c.direction)
    .where(
        punches.c.terminal_id == bindparam("terminal"),
        punches.c.enrollid == bindparam("user"),
        punches.c.time_utc >= bindparam("start"),
        punches.c.time_utc < bindparam("end"),
        or_(punches.c.time_problem.is_(None), punches.c.time_problem.not_in(HELD_TIME_PROBLEMS)),
    )
    .order_by(punches.c.time_utc, punches.c.id)
)
