"""Whether what a terminal holds is safe with us: asked before it is told to erase anything."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tm20tui.store.dead_letters import DISCARDED
from tm20tui.store.schema import commands, deliveries, punches, quarantine, terminal_events
from tm20tui.store.terminals import get_terminal

_ERASING = ("cleanlog", "initsys")
_DONE = ("sent", "duplicate")


@dataclass(frozen=True, slots=True)
class Safekeeping:
    """One terminal's records here and there.

    `held` is how many it said it holds when it registered last, None when it did not say.
    `stored` counts what came from it since its records were last erased by command: punches,
    door events, strangers and what is quarantined. `undelivered` counts its punches that a
    service is still owed, those that an operator discarded aside.
    """

    held: int | None
    stored: int
    undelivered: int


def get_safekeeping(conn: Connection, terminal_id: int) -> Safekeeping:
    """Count; `NotFound` when there is no such terminal."""
    held = get_terminal(conn, terminal_id).capacity.get("usedlog")
    erased_at = conn.scalar(
        select(func.max(commands.c.settled_at)).where(
            commands.c.terminal_id == terminal_id,
            commands.c.name.in_(_ERASING),
            commands.c.status == "confirmed",
        )
    )
    stored = 0
    for table in (punches, terminal_events, quarantine):
        query = select(func.count()).select_from(table).where(table.c.terminal_id == terminal_id)
        if erased_at is not None:
            query = query.where(table.c.received_at >= erased_at)
        stored += conn.scalar(query) or 0
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
    return Safekeeping(held, stored, conn.scalar(owed) or 0)
