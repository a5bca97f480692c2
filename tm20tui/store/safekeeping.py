"""Whether what a terminal holds is safe with us: asked before it is told to erase anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from tm20tui.store.deliveries import DISCARDED
from tm20tui.store.reconciliations import count_held, find_reconciliation
from tm20tui.store.schema import commands, deliveries, punches, quarantine, terminal_events
from tm20tui.store.terminals import get_terminal

_ERASING = ("cleanlog", "initsys")
_DONE = ("sent", "duplicate")
_TABLES = (punches, terminal_events, quarantine)


@dataclass(frozen=True, slots=True)
class Safekeeping:
    """One terminal's records here and there.

    `held` is how many it said it holds when it registered last, None when it did not say.
    `stored` counts those of them that are here, punches, door events, strangers and what is
    quarantined: its counter when it agreed with us last, and what came since; while it never
    did, all that came since its records were last erased by command. `undelivered` counts its
    punches that a service is still owed, those that an operator discarded aside. `was_erased`:
    it counts less than when it agreed, so that nobody knows yet what it recorded since.
    """

    held: int | None
    stored: int
    undelivered: int
    was_erased: bool = False


def get_safekeeping(conn: Connection, terminal_id: int, registered_at: datetime | None = None) -> Safekeeping:
    """Count; `NotFound` when there is no such terminal. `registered_at`: when its live connection began."""
    held = get_terminal(conn, terminal_id).capacity.get("usedlog")
    erased_at = conn.scalar(
        select(func.max(commands.c.settled_at)).where(
            commands.c.terminal_id == terminal_id,
            commands.c.name.in_(_ERASING),
            commands.c.status == "confirmed",
        )
    )
    known = find_reconciliation(conn, terminal_id)
    agreed_at, counted = known.agreed_at, known.counted
    if agreed_at is None or counted is None or (erased_at is not None and erased_at >= agreed_at):
        stored = sum(_count(conn, table, terminal_id, erased_at) for table in _TABLES)
        was_erased = False
    else:
        since = count_held(conn, known, "")
        stored = counted - known.unaccounted + since.before + since.after
        stored += _count(conn, quarantine, terminal_id, agreed_at)
        # Of one that agreed since it registered, the counter may be behind what it sent meanwhile.
        is_older = registered_at is not None and agreed_at < registered_at
        was_erased = is_older and held is not None and 0 < held < counted
    discarded = deliveries.c.last_error.startswith(DISCARDED, autoescape=True)
    owed = (
        select(func.count(punches.c.id.distinct()))
        .join(deliveries, deliveries.c.punch_id == punches.c.id)
        .where(
            punches.c.terminal_id == terminal_id,
            deliveries.c.status.not_in(_DONE),
            ~((deliveries.c.status == "failed") & discarded),
        )
    )
    return Safekeeping(held, stored, conn.scalar(owed) or 0, was_erased)


def _count(conn: Connection, table: Table, terminal_id: int, since: datetime | None) -> int:
    query = select(func.count()).select_from(table).where(table.c.terminal_id == terminal_id)
    if since is not None:
        query = query.where(table.c.received_at >= since)
    return conn.scalar(query) or 0
