"""Terminals and their sites."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, type_coerce, update
from sqlalchemy.types import NullType

from tm20tui.errors import NotFound
from tm20tui.model import Terminal
from tm20tui.store.schema import sites, terminals

_TERMINAL = select(terminals, sites.c.name.label("site"), sites.c.timezone).join(
    sites, sites.c.id == terminals.c.site_id
)


# Columns as the driver gives them: to compare them costs a tenth of making records of them.
_RAW = select(
    *(type_coerce(column, NullType()) for column in terminals.c if column.name != "last_seen_at"),
    type_coerce(sites.c.name, NullType()),
    type_coerce(sites.c.timezone, NullType()),
    type_coerce(terminals.c.last_seen_at, NullType()),
).join(sites, sites.c.id == terminals.c.site_id)
_CHUNK = 500
_HERE = terminals.c.deleted_at.is_(None)
DELETED = select(terminals.c.id).where(terminals.c.deleted_at.is_not(None))
"""The ids of deleted terminals, which have an index of their own."""


class TerminalsReader:
    """Lists every terminal time and again: only what changed since the last time is read whole."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[Any, ...], Terminal]] = {}

    def list(self, connection: Connection, connected: Collection[int] = ()) -> list[Terminal]:
        """All that are not deleted, by id; `last_seen_at` of those that are `connected` may be an old one."""
        known = self._known
        result = connection.execute(_RAW.where(_HERE).order_by(terminals.c.id))
        # The driver's own tuples: nothing is made of what did not change.
        rows = [] if result.cursor is None else result.cursor.fetchall()
        result.close()
        changed = [
            row[0]
            for row in rows
            if (before := known.get(row[0])) is None
            or before[0][:-1] != row[:-1]
            or (before[0][-1] != row[-1] and row[0] not in connected)
        ]
        fresh: dict[int, Terminal] = {}
        for start in range(0, len(changed), _CHUNK):
            query = _TERMINAL.where(terminals.c.id.in_(changed[start : start + _CHUNK]))
            fresh |= {row.id: _terminal(row) for row in connection.execute(query)}
        self._known = {
            row[0]: (row, fresh[row[0]]) if row[0] in fresh else known[row[0]]
            for row in rows
            if row[0] in fresh or row[0] in known
        }
        return [terminal for _row, terminal in self._known.values()]


def ensure_site(connection: Connection, name: str, timezone: str) -> int:
    """The id of the default site, made or brought to this zone and name."""
    row = connection.execute(
        select(sites.c.id, sites.c.name, sites.c.timezone).order_by(sites.c.id).limit(1)
    ).first()
    if row is None:
        return int(
            connection.execute(
                sites.insert().returning(sites.c.id), {"name": name, "timezone": timezone}
            ).scalar_one()
        )
    if (row.name, row.timezone) != (name, timezone):
        connection.execute(update(sites).where(sites.c.id == row.id).values(name=name, timezone=timezone))
    return int(row.id)


def find_terminal(connection: Connection, sn: str) -> Terminal | None:
    """The terminal with this serial, whatever its case, deleted or not."""
    row = connection.execute(_TERMINAL.where(terminals.c.sn_key == sn.casefold())).first()
    return None if row is None else _terminal(row)


def get_terminal(connection: Connection, terminal_id: int, *, with_deleted: bool = False) -> Terminal:
    """The terminal with this id; `NotFound` when there is none, or it is deleted."""
    row = connection.execute(_TERMINAL.where(terminals.c.id == terminal_id)).first()
    if row is None or (row.deleted_at is not None and not with_deleted):
        raise NotFound("terminal", terminal_id, field="terminal_id")
    return _terminal(row)


def list_timezones(connection: Connection, terminal_ids: Collection[int]) -> dict[int, str]:
    """The zone of each of these terminals, by id, deleted ones too."""
    query = select(terminals.c.id, sites.c.timezone).join(sites, sites.c.id == terminals.c.site_id)
    return {row.id: row.timezone for row in connection.execute(query.where(terminals.c.id.in_(terminal_ids)))}


def list_terminals(
    connection: Connection, *, admission: str | None = None, deleted: bool = False
) -> list[Terminal]:
    """All terminals by id, or those of one admission; the `deleted` ones instead of the others."""
    query = _TERMINAL.where(terminals.c.deleted_at.is_not(None) if deleted else _HERE).order_by(
        terminals.c.id
    )
    if admission is not None:
        query = query.where(terminals.c.admission == admission)
    return [_terminal(row) for row in connection.execute(query)]


def count_pending(connection: Connection) -> int:
    """How many terminals wait for an operator."""
    query = select(func.count()).select_from(terminals).where(terminals.c.admission == "pending", _HERE)
    return connection.execute(query).scalar_one()


def add_terminal(
    connection: Connection, sn: str, *, site_id: int, admission: str, direction_policy: str, now: datetime
) -> Terminal:
    """Make a terminal known. The serial must not be."""
    connection.execute(
        terminals.insert(),
        {
            "sn": sn,
            "sn_key": sn.casefold(),
            "site_id": site_id,
            "admission": admission,
            "direction_policy": direction_policy,
            "first_seen_at": now,
        },
    )
    terminal = find_terminal(connection, sn)
    assert terminal is not None
    return terminal


def update_terminal(connection: Connection, terminal_id: int, changes: Mapping[str, Any]) -> Terminal:
    """Change columns of a terminal (`capacity` as a mapping); return it as it is then."""
    values = dict(changes)
    if "capacity" in values:
        values["capacity"] = json.dumps(values["capacity"])
    if values:
        connection.execute(update(terminals).where(terminals.c.id == terminal_id).values(**values))
    return get_terminal(connection, terminal_id, with_deleted=True)


def touch_terminals(connection: Connection, seen: Iterable[tuple[int, datetime]]) -> None:
    """Note when terminals were last heard."""
    rows = [{"terminal": ident, "seen": at} for ident, at in seen]
    if rows:
        connection.execute(
            update(terminals)
            .where(terminals.c.id == bindparam("terminal"))
            .values(last_seen_at=bindparam("seen")),
            rows,
        )


def _terminal(row: Row[Any]) -> Terminal:
    return Terminal(
        id=row.id,
        sn=row.sn,
        name=row.name,
        site_id=row.site_id,
        site=row.site,
        timezone=row.timezone,
        admission=row.admission,
        direction_policy=row.direction_policy,
        model=row.model,
        firmware=row.firmware,
        fpalgo=row.fpalgo,
        mac=row.mac,
        capacity=json.loads(row.capacity),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        last_address=row.last_address,
        drift_seconds=row.drift_seconds,
        drift_at=row.drift_at,
        deleted_at=row.deleted_at,
    )
