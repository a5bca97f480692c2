"""Who is owed a punch: what the ingest asks in the transaction that stores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from tm20tui.store.schema import mappings, services


@dataclass(frozen=True, slots=True)
class Owed:
    """Who is owed a punch: every service that is not deleted, inactive ones included."""

    everywhere: tuple[int, ...]
    by_terminal: Mapping[int, tuple[int, ...]]

    def service_ids(self, terminal_id: int) -> tuple[int, ...]:
        """The services that a punch of this terminal is owed to."""
        return self.everywhere + self.by_terminal.get(terminal_id, ())


def list_owed(conn: Connection) -> Owed:
    """Who is owed what.

    Call it in the transaction that stores punches, after they were inserted: a service
    that is added meanwhile then either sees those punches or is seen by them.
    """
    everywhere: list[int] = []
    by_terminal: dict[int, tuple[int, ...]] = {}
    for service_id, terminal_id in conn.execute(_OWED):
        if terminal_id is None:
            everywhere.append(service_id)
        else:
            by_terminal[terminal_id] = (*by_terminal.get(terminal_id, ()), service_id)
    return Owed(tuple(everywhere), by_terminal)


_OWED = (
    select(services.c.id, mappings.c.terminal_id)
    .select_from(
        services.outerjoin(
            mappings, (mappings.c.service_id == services.c.id) & ~services.c.serves_all_terminals
        )
    )
    .where(
        services.c.deleted_at.is_(None),
        services.c.serves_all_terminals | mappings.c.terminal_id.is_not(None),
    )
    .order_by(services.c.id, mappings.c.terminal_id)
)
