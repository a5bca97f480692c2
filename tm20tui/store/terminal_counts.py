"""What is owed to and by each terminal, counted along the queues alone."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, text

from tm20tui.store.schema import commands, deliveries, punches

_OPEN = text("commands.status IN ('queued', 'sent')")
# As the partial indexes are declared.
_OWED = tuple(text(f"deliveries.status = '{word}'") for word in ("pending", "in flight", "held", "failed"))


def count_open_commands(conn: Connection) -> dict[int, int]:
    """How many commands of each terminal are queued or in flight; those without are left out."""
    query = select(commands.c.terminal_id, func.count()).where(_OPEN).group_by(commands.c.terminal_id)
    return {terminal_id: int(count) for terminal_id, count in conn.execute(query)}


def count_undelivered(conn: Connection) -> dict[int, int]:
    """How many deliveries of each terminal's punches are not sent; costs what the queues are long."""
    found: dict[int, int] = {}
    for status in _OWED:
        query = (
            select(punches.c.terminal_id, func.count())
            .select_from(deliveries)
            .join(punches, punches.c.id == deliveries.c.punch_id)
            .where(status)
            .group_by(punches.c.terminal_id)
        )
        for terminal_id, count in conn.execute(query):
            found[terminal_id] = found.get(terminal_id, 0) + int(count)
    return found
