"""Batches: the frozen request bodies that carry deliveries, and what came of them.

A batch is committed with its bytes and key before it is sent. While it is `open` its
outcome is not known, and it goes again, unchanged, before anything else for its
service; it ends as `sent`, `split`, `refused` or `returned`. Whoever claims one is taken to
send it: `doubt` is set with the claim, and what is known about the try then replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Float,
    Integer,
    Row,
    String,
    TextClause,
    bindparam,
    column,
    insert,
    text,
)
from sqlalchemy import Connection as Connection

from tm20tui.store.deliveries import read_as_queue
from tm20tui.store.schema import Utc, batches

FOUND_AT_ONCE = 20_000
_SOME = 1000

Render = Callable[["Sequence[DeliveryRow]"], bytes]
NewKey = Callable[[], str]


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery with all that a body says about its punch.

    `time_utc` is None when the terminal's text is no time and an operator let it go
    anyway. `attempts` counts verdicts about this record, never outages of the service.
    """

    id: int
    punch_id: int
    terminal_id: int
    terminal_sn: str
    enrollid: str
    user_name: str
    time_utc: datetime | None
    time_raw: str
    mode: int
    inout: int
    event: int
    temperature: float | None
    access_granted: bool
    attempts: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A frozen body under one key. `rows` are its deliveries still in flight, in the body's order.

    `doubt` is 0 when no earlier try can have arrived unnoticed; else one may have, and the
    service refused the batch `doubt - 1` times since.
    """

    id: int
    service_id: int
    parent_id: int | None
    key: str
    body: bytes = field(repr=False)
    attempts: int
    rows: tuple[DeliveryRow, ...] = field(repr=False)
    doubt: int = 0


def claim_batch(
    conn: Connection,
    service_id: int,
    *,
    limit: int,
    node: str,
    lease_seconds: float,
    now: datetime,
    render: Render,
    new_key: NewKey,
    among: Sequence[int] | None = None,
) -> Batch | None:
    """Take the oldest due deliveries and freeze their body; None when nothing is due.

    With `among`, only of those: ids that `find_due` found. What another node is claiming
    at the same moment is skipped, never waited for.
    """
    read_as_queue(conn)
    values: dict[str, Any] = {"service": service_id, "now": now, "limit": limit}
    is_postgres = conn.dialect.name == "postgresql"
    if among is None:
        ids = list(conn.scalars(_DUE[is_postgres], values))
    else:
        ids = []
        for start in range(0, len(among), _SOME):
            some = among[start : start + _SOME]
            ids += conn.scalars(_DUE_AMONG[is_postgres], {**values, "limit": limit - len(ids), "ids": some})
            if len(ids) == limit:
                break
    if not ids:
        return None
    rows = _in_order(conn.execute(_ROWS_BY_ID, {"ids": ids}))
    leased_until = now + timedelta(seconds=lease_seconds)
    return _freeze(conn, service_id, None, rows, render, new_key, node, leased_until, now, doubt=1)


def claim_open_batch(
    conn: Connection, service_id: int, *, node: str, lease_seconds: float, now: datetime
) -> Batch | None:
    """Take up a batch whose outcome is unknown: our own, or one whose lease has lapsed.

    The halves of the latest split come first, so that a bisection goes down to its
    culprit before it looks at the other half.
    """
    values = {
        "service": service_id,
        "node": node,
        "now": now,
        "until": now + timedelta(seconds=lease_seconds),
    }
    while True:
        found = conn.execute(_OPEN[conn.dialect.name == "postgresql"], values).first()
        if found is None:
            return None
        rows = _in_order(conn.execute(_ROWS_OF_BATCH, {"batch": found.id}))
        if rows:
            conn.execute(_RENEW, {**values, "batch": found.id})
            body = bytes(found.body)
            return Batch(
                found.id, service_id, found.parent_id, found.key, body, found.attempts, rows, found.doubt
            )
        close_batch(conn, found.id, "returned", now)


def find_due(conn: Connection, service_id: int, terminal_id: int, now: datetime) -> list[int]:
    """What of one terminal is due, the first `FOUND_AT_ONCE`; not for a transaction that writes.

    The others are walked through: with a long queue that takes seconds.
    """
    read_as_queue(conn)
    values = {"service": service_id, "terminal": terminal_id, "now": now, "limit": FOUND_AT_ONCE}
    return list(conn.scalars(_DUE_OF_TERMINAL, values))


def peek_rows(conn: Connection, service_id: int, limit: int) -> tuple[DeliveryRow, ...]:
    """What the service would be sent next; nothing is claimed."""
    read_as_queue(conn)
    ids = list(conn.scalars(_NEXT, {"service": service_id, "limit": limit}))
    return _in_order(conn.execute(_ROWS_BY_ID, {"ids": ids})) if ids else ()


def split_batch(
    conn: Connection,
    batch: Batch,
    *,
    render: Render,
    new_key: NewKey,
    node: str,
    lease_seconds: float,
    now: datetime,
) -> tuple[Batch, ...]:
    """Replace a refused batch by its halves, each a message of its own with a new key."""
    if not close_batch(conn, batch.id, "split", now):
        return ()
    middle = (len(batch.rows) + 1) // 2
    until = now + timedelta(seconds=lease_seconds)
    return tuple(
        _freeze(conn, batch.service_id, batch.id, half, render, new_key, node, until, now)
        for half in (batch.rows[:middle], batch.rows[middle:])
        if half
    )


def note_doubt(conn: Connection, batch_id: int, doubt: int) -> None:
    """What is known now of whether an open batch may have arrived."""
    conn.execute(_DOUBT, {"batch": batch_id, "doubt": doubt})


def return_batch(conn: Connection, batch_id: int, now: datetime) -> int:
    """Dissolve an open batch: its deliveries are pending again, no attempt counted; return how many."""
    if not close_batch(conn, batch_id, "returned", now):
        return 0
    conn.execute(_REMEMBER, {"batch": batch_id})
    return conn.execute(_RETURN, {"batch": batch_id}).rowcount


def return_batches(conn: Connection, service_id: int, node: str, now: datetime) -> int:
    """Dissolve this node's open batches of a service that cannot have arrived.

    Returns how many deliveries are pending again.
    """
    own = conn.scalars(_OWN_OPEN, {"service": service_id, "node": node}).all()
    return sum(return_batch(conn, batch_id, now) for batch_id in own)


def close_batch(conn: Connection, batch_id: int, status: str, now: datetime) -> bool:
    """End an open batch; False when it was not open any more."""
    return conn.execute(_CLOSE, {"batch": batch_id, "status": status, "now": now}).rowcount == 1


def _freeze(
    conn: Connection,
    service_id: int,
    parent_id: int | None,
    rows: tuple[DeliveryRow, ...],
    render: Render,
    new_key: NewKey,
    node: str,
    leased_until: datetime,
    now: datetime,
    *,
    doubt: int = 0,
) -> Batch:
    key, body = new_key(), render(rows)
    batch_id: int = conn.execute(
        insert(batches).returning(batches.c.id),
        {
            "service_id": service_id,
            "parent_id": parent_id,
            "key": key,
            "body": body,
            "record_count": len(rows),
            "doubt": doubt,
            "node": node,
            "leased_until": leased_until,
            "created_at": now,
        },
    ).scalar_one()
    conn.execute(_PUT_IN_FLIGHT, {"batch": batch_id, "ids": [row.id for row in rows]})
    return Batch(batch_id, service_id, parent_id, key, body, 0, rows)


def _in_order(found: Iterable[Row[*tuple[Any, ...]]]) -> tuple[DeliveryRow, ...]:
    rows = [DeliveryRow(*row) for row in found]
    rows.sort(key=lambda row: (row.time_utc is None, row.time_utc or _EPOCH, row.punch_id))
    return tuple(rows)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_AT = bindparam("now", type_=Utc)


def _skipping_locked(query: str, table: str) -> tuple[TextClause, TextClause]:
    """The statement for SQLite, which has one writer anyway, and for PostgreSQL."""
    return text(query).bindparams(_AT), text(f"{query} FOR UPDATE OF {table} SKIP LOCKED").bindparams(_AT)


_DUE = _skipping_locked(
    "SELECT d.id FROM deliveries d WHERE d.service_id = :service AND d.status = 'pending' "
    "AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= :now) ORDER BY d.id LIMIT :limit",
    "d",
)
_NEXT = text(
    "SELECT id FROM deliveries WHERE service_id = :service AND status = 'pending' ORDER BY id LIMIT :limit"
)
# The rows are found by their ids: `|| ''` keeps the planner off the partial index of all that waits.
_DUE_AMONG = tuple(
    query.bindparams(_IDS)
    for query in _skipping_locked(
        "SELECT d.id FROM deliveries d WHERE d.id IN :ids AND d.service_id = :service "
        "AND d.status || '' = 'pending' AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= :now) "
        "ORDER BY d.id LIMIT :limit",
        "d",
    )
)
_DUE_OF_TERMINAL = text(
    "SELECT d.id FROM deliveries d JOIN punches p ON p.id = d.punch_id "
    "WHERE d.service_id = :service AND d.status = 'pending' AND p.terminal_id = :terminal "
    "AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= :now) ORDER BY d.id LIMIT :limit"
).bindparams(_AT)
_OPEN = _skipping_locked(
    "SELECT b.id, b.parent_id, b.key, b.body, b.attempts, b.doubt FROM batches b "
    "WHERE b.service_id = :service AND b.status = 'open' AND (b.node = :node OR b.leased_until < :now) "
    "ORDER BY COALESCE(b.parent_id, 0) DESC, b.id LIMIT 1",
    "b",
)
_ROWS = (
    "SELECT d.id, d.punch_id, p.terminal_id, t.sn, p.enrollid, "
    "COALESCE(NULLIF(u.name, ''), p.name, ''), p.time_utc, p.time_raw, p.mode, p.inout, p.event, "
    "p.temperature, p.access_granted, d.attempts "
    "FROM deliveries d JOIN punches p ON p.id = d.punch_id JOIN terminals t ON t.id = p.terminal_id "
    "LEFT JOIN users u ON u.site_id = t.site_id AND u.enrollid = p.enrollid WHERE "
)
_COLUMNS = (
    column("id", BigInteger),
    column("punch_id", BigInteger),
    column("terminal_id", BigInteger),
    column("sn", String),
    column("enrollid", String),
    column("user_name", String),
    column("time_utc", Utc),
    column("time_raw", String),
    column("mode", Integer),
    column("inout", Integer),
    column("event", Integer),
    column("temperature", Float),
    column("access_granted", Boolean),
    column("attempts", Integer),
)
_ROWS_BY_ID = text(_ROWS + "d.id IN :ids").bindparams(_IDS).columns(*_COLUMNS)
_ROWS_OF_BATCH = text(_ROWS + "d.batch_id = :batch AND d.status = 'in flight'").columns(*_COLUMNS)
_PUT_IN_FLIGHT = text(
    "UPDATE deliveries SET status = 'in flight', batch_id = :batch WHERE id IN :ids"
).bindparams(_IDS)
_RENEW = text(
    "UPDATE batches SET node = :node, leased_until = :until, "
    "doubt = CASE doubt WHEN 0 THEN 1 ELSE doubt END WHERE id = :batch"
).bindparams(bindparam("until", type_=Utc))
_DOUBT = text("UPDATE batches SET doubt = :doubt WHERE id = :batch AND status = 'open'")
_CLOSE = text(
    "UPDATE batches SET status = :status, settled_at = :now WHERE id = :batch AND status = 'open'"
).bindparams(_AT)
_OWN_OPEN = text(
    "SELECT id FROM batches WHERE service_id = :service AND status = 'open' AND node = :node AND doubt = 0"
)
# A batch that was never tried, whole or as a part, tells nothing about its deliveries.
_REMEMBER = text(
    "INSERT INTO delivery_batches (delivery_id, batch_id) "
    "SELECT d.id, b.id FROM deliveries d JOIN batches b ON b.id = d.batch_id "
    "WHERE d.batch_id = :batch AND d.status = 'in flight' AND (b.attempts > 0 OR b.parent_id IS NOT NULL) "
    "ON CONFLICT DO NOTHING"
)
_RETURN = text(
    "UPDATE deliveries SET status = 'pending', batch_id = NULL "
    "WHERE batch_id = :batch AND status = 'in flight'"
)
