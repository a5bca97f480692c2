"""Alarms, so that what is known of them survives a restart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from tm20tui.alarms import Alarm
from tm20tui.store.schema import alarms

_COLUMNS = tuple(field.name for field in fields(Alarm))


def save_alarms(connection: Connection, changed: Sequence[Alarm]) -> None:
    """Write alarms down, over what was known of them."""
    if not changed:
        return
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    insert = upsert(alarms)
    values = {name: insert.excluded[name] for name in _COLUMNS if name != "key"}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["key"], set_=values),
        [asdict(alarm) for alarm in changed],
    )


def list_alarms(connection: Connection, limit: int = 200) -> list[Alarm]:
    """Every alarm that lasts, oldest first, then the last `limit` that cleared, oldest first."""
    rows = select(*(alarms.c[name] for name in _COLUMNS))
    active = rows.where(alarms.c.cleared_at.is_(None)).order_by(alarms.c.raised_at, alarms.c.key)
    cleared = rows.where(alarms.c.cleared_at.is_not(None)).order_by(alarms.c.cleared_at.desc()).limit(limit)
    return [
        *(Alarm(**row) for row in connection.execute(active).mappings()),
        *reversed([Alarm(**row) for row in connection.execute(cleared).mappings()]),
    ]
