"""What was written to terminals as access zones, so that it is known when it is out of date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tm20tui.store.schema import sites, terminals, zone_writes


@dataclass(frozen=True, slots=True)
class ZoneWrite:
    """The schedules of a terminal as last written to it as access zones.

    `dayzone` and `weekzone` as in the plan. `status`: `confirmed` when the terminal read them
    back, else `different` or `not read back`. `stale` is empty, or says why they are not what
    the schedules say today.
    """

    terminal_id: int
    terminal_sn: str
    timezone: str
    split_breaks: bool
    margin_minutes: int
    dayzone: tuple[tuple[str, ...], ...]
    weekzone: tuple[tuple[int, ...], ...]
    status: str
    written_at: datetime
    stale: str


def list_zone_writes(connection: Connection, terminal_id: int | None = None) -> list[ZoneWrite]:
    """Of every terminal that ever got any and is not deleted, or of one, by terminal."""
    here = zone_writes.c
    query = (
        select(
            here.terminal_id,
            terminals.c.sn,
            sites.c.timezone,
            here.split_breaks,
            here.margin_minutes,
            here.plan,
            here.status,
            here.written_at,
            here.stale,
        )
        .join(terminals, terminals.c.id == here.terminal_id)
        .join(sites, sites.c.id == terminals.c.site_id)
        .where(terminals.c.deleted_at.is_(None))
        .order_by(here.terminal_id)
    )
    if terminal_id is not None:
        query = query.where(here.terminal_id == terminal_id)
    rows: Iterable[Any] = connection.execute(query)
    return [_write(row) for row in rows]


def save_zone_write(
    connection: Connection,
    terminal_id: int,
    *,
    split_breaks: bool,
    margin_minutes: int,
    dayzone: Sequence[Sequence[str]],
    weekzone: Sequence[Sequence[int]],
    status: str,
    now: datetime,
) -> None:
    """They were written; they are not out of date now."""
    values = {
        "split_breaks": split_breaks,
        "margin_minutes": margin_minutes,
        "plan": json.dumps({"dayzone": dayzone, "weekzone": weekzone}),
        "status": status,
        "written_at": now,
        "stale": "",
    }
    here = zone_writes.c.terminal_id == terminal_id
    if not connection.execute(update(zone_writes).where(here).values(values)).rowcount:
        connection.execute(insert(zone_writes).values(terminal_id=terminal_id, **values))


def set_stale(connection: Connection, terminal_id: int, reason: str) -> None:
    """Why they are out of date, empty when they are not."""
    connection.execute(
        update(zone_writes).where(zone_writes.c.terminal_id == terminal_id).values(stale=reason)
    )


def _write(row: Any) -> ZoneWrite:
    plan = json.loads(row[5])
    dayzone = tuple(tuple(day) for day in plan["dayzone"])
    weekzone = tuple(tuple(week) for week in plan["weekzone"])
    return ZoneWrite(
        terminal_id=row[0],
        terminal_sn=row[1],
        timezone=row[2],
        split_breaks=row[3],
        margin_minutes=row[4],
        dayzone=dayzone,
        weekzone=weekzone,
        status=row[6],
        written_at=row[7],
        stale=row[8],
    )
