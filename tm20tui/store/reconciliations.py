"""What terminals hold against what is held here: the last agreement, and the pull under way.

A terminal counts its records; here rows have ids. When both agreed, the count and the last
ids were written down: what either grew by since then must be the same again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from tm20tui.store.schema import punches, reconciliations, terminal_events

Phase = Literal["", "new", "days", "all"]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How far one terminal is reconciled.

    `counted`: its counter when they agreed last, at `agreed_at`; None while they never did.
    `unaccounted`: records that it counts and does not give. `phase` of the pull under way: `new`
    records, its records by `days` from `day` to `last_day`, `all` of them; empty when there is
    none, and then `outcome` says in a sentence what came of the last one. `is_failed`: it left something
    missing.
    """

    terminal_id: int
    counted: int | None = None
    punch_id: int = 0
    event_id: int = 0
    agreed_at: datetime | None = None
    unaccounted: int = 0
    phase: Phase = ""
    day: date | None = None
    last_day: date | None = None
    records: int = 0
    operator: str = ""
    correlation_id: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: str = ""
    is_failed: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of a terminal since it was last agreed with; the last ids of all.

    `before` are printed with a time up to the one that was asked for, `after` with a later one;
    `same`, of those before, with just that one.
    """

    before: int
    same: int
    after: int
    punch_id: int
    event_id: int


def find_reconciliation(conn: Connection, terminal_id: int) -> Reconciliation:
    """The terminal's; one that says nothing when nothing is known."""
    query = select(reconciliations).where(reconciliations.c.terminal_id == terminal_id)
    row = conn.execute(query).first()
    return Reconciliation(terminal_id) if row is None else _reconciliation(row)


def list_pulls(conn: Connection, terminal_ids: Collection[int]) -> list[int]:
    """Those of the terminals whose pull is under way."""
    query = select(reconciliations.c.terminal_id).where(reconciliations.c.phase != "")
    return [ident for ident in conn.scalars(query) if ident in terminal_ids]


def update_reconciliation(conn: Connection, terminal_id: int, changes: Mapping[str, Any]) -> Reconciliation:
    """Change what is known of a terminal, whether something is or not; return it as it is then."""
    upsert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    statement = (
        upsert(reconciliations)
        .values(terminal_id=terminal_id, **changes)
        .on_conflict_do_update(index_elements=["terminal_id"], set_=dict(changes))
        .returning(reconciliations)
    )
    return _reconciliation(conn.execute(statement).one())


def count_held(conn: Connection, known: Reconciliation, told_raw: str) -> Held:
    """What was stored of a terminal since the last agreement, up to `told_raw` on its own clock and after."""
    punch = _count(conn, punches, known.terminal_id, known.punch_id, told_raw)
    event = _count(conn, terminal_events, known.terminal_id, known.event_id, told_raw)
    return Held(
        before=punch[0] + event[0],
        same=punch[1] + event[1],
        after=punch[2] + event[2],
        punch_id=punch[3] or known.punch_id,
        event_id=event[3] or known.event_id,
    )


def _count(
    conn: Connection, table: Table, terminal_id: int, after_id: int, told_raw: str
) -> tuple[int, int, int, int | None]:
    query = select(
        func.count().filter(table.c.time_raw <= told_raw),
        func.count().filter(table.c.time_raw == told_raw),
        func.count().filter(table.c.time_raw > told_raw),
        func.max(table.c.id),
    ).where(table.c.terminal_id == terminal_id, table.c.id > after_id)
    before, same, after, last = conn.execute(query).one()
    return before, same, after, last


def _reconciliation(row: Row[Any]) -> Reconciliation:
    return Reconciliation(**row._mapping)
