"""What may be forgotten of deliveries: looked for outside, deleted in transactions as short as one likes.

Nothing that is owed or failed goes, nor what tells of it. All deliveries of a punch go
together, once each of them is done: a punch that is `sent` and has none left was
delivered, and its history is gone. Nobody is ever owed such a punch again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, text

from tm20tui.store.deliveries import lock_punches
from tm20tui.store.schema import Utc

Position = tuple[datetime, int]
"""Where a walk from the newest to the oldest is: a time and an id."""


@dataclass(frozen=True, slots=True)
class OldDeliveries:
    """Punches whose deliveries may be done and old; the walk goes on after `next_id`, None at the end."""

    punch_ids: tuple[int, ...]
    next_id: int | None


def list_old_batches(conn: Connection, before: datetime, last: Position | None, limit: int) -> list[Position]:
    """Settled batches that tell of nothing owed or failed, the newest first: halves go before their whole."""
    return _walk(conn, _OLD_BATCHES, before, last, limit)


def delete_batches(conn: Connection, ids: Sequence[int]) -> int:
    """Forget batches with every attempt at them; return how many."""
    for statement in (_DELETE_ATTEMPTS_OF, _DELETE_LINKS_OF):
        conn.execute(statement, {"ids": ids})
    return conn.execute(_DELETE_BATCHES, {"ids": ids}).rowcount


def list_old_attempts(
    conn: Connection, before: datetime, last: Position | None, limit: int
) -> list[Position]:
    """Attempts at batches that are settled and tell of nothing owed or failed, the newest first."""
    return _walk(conn, _OLD_ATTEMPTS, before, last, limit)


def delete_attempts(conn: Connection, ids: Sequence[int]) -> int:
    """Forget attempts; return how many."""
    return conn.execute(_DELETE_ATTEMPTS, {"ids": ids}).rowcount


def list_old_bodies(conn: Connection, before: datetime, last: Position | None, limit: int) -> list[Position]:
    """Batches like those of `list_old_batches` that still have their body."""
    return _walk(conn, _OLD_BODIES, before, last, limit)


def empty_bodies(conn: Connection, ids: Sequence[int]) -> int:
    """Forget what was sent, not that it was; return of how many batches."""
    return conn.execute(_EMPTY_BODIES, {"ids": ids}).rowcount


def list_old_deliveries(conn: Connection, before: datetime, after_id: int, limit: int) -> OldDeliveries:
    """Look at the next deliveries, oldest first.

    It ends where they were sent later: what was sent earlier and lies behind that is found
    another time.
    """
    rows = conn.execute(_SOME_DELIVERIES, {"after": after_id, "limit": limit}).all()
    done = [row for row in rows if row.status in ("sent", "duplicate")]
    old = [row for row in done if row.synced_at is None or row.synced_at < before]
    is_over = len(rows) < limit or (bool(done) and not old)
    return OldDeliveries(tuple(dict.fromkeys(row.punch_id for row in old)), None if is_over else rows[-1].id)


def delete_deliveries(conn: Connection, punch_ids: Sequence[int], before: datetime) -> int:
    """Forget the deliveries of those punches of which every one was done before; return how many."""
    lock_punches(conn, punch_ids)
    values: dict[str, Any] = {"ids": list(punch_ids), "before": before}
    ready = list(conn.scalars(_DELIVERED, values))
    if not ready:
        return 0
    conn.execute(_DELETE_LINKS, {"ids": ready})
    return conn.execute(_DELETE_DELIVERIES, {"ids": ready}).rowcount


def _walk(
    conn: Connection, queries: tuple[Any, Any], before: datetime, last: Position | None, limit: int
) -> list[Position]:
    values: dict[str, Any] = {"before": before, "limit": limit}
    if last is not None:
        values |= {"at": last[0], "id": last[1]}
    return [(row.at, row.id) for row in conn.execute(queries[last is not None], values)]


def _both(query: str, time: str) -> tuple[Any, Any]:
    """The statement for the first page, and for one after a position."""
    head = f"{query} AND {time} < :before"
    tail = f" ORDER BY {time} DESC, x.id DESC LIMIT :limit"
    at = bindparam("before", type_=Utc)
    first = text(head + tail).bindparams(at).columns(at=Utc)
    rest = text(f"{head} AND ({time}, x.id) < (:at, :id){tail}")
    return first, rest.bindparams(at, bindparam("at", type_=Utc)).columns(at=Utc)


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# A whole is kept as long as its halves.
_TELLS_NOTHING = (
    "b.status <> 'open' AND NOT EXISTS (SELECT 1 FROM batches c WHERE c.parent_id = b.id) "
    "AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.batch_id = b.id AND d.status = 'failed') "
    "AND NOT EXISTS (SELECT 1 FROM delivery_batches l JOIN deliveries d ON d.id = l.delivery_id "
    "WHERE l.batch_id = b.id AND d.status || '' NOT IN ('sent', 'duplicate'))"
)
_OLD_BATCHES = _both(
    f"SELECT x.settled_at AS at, x.id FROM batches x JOIN batches b ON b.id = x.id WHERE {_TELLS_NOTHING}",
    "x.settled_at",
)
_OLD_BODIES = _both(
    "SELECT x.settled_at AS at, x.id FROM batches x JOIN batches b ON b.id = x.id "
    f"WHERE {_TELLS_NOTHING} AND length(x.body) > 0",
    "x.settled_at",
)
_OLD_ATTEMPTS = _both(
    "SELECT x.started_at AS at, x.id FROM attempts x JOIN batches b ON b.id = x.batch_id "
    f"WHERE {_TELLS_NOTHING}",
    "x.started_at",
)
_DELETE_ATTEMPTS_OF = text("DELETE FROM attempts WHERE batch_id IN :ids").bindparams(_IDS)
_DELETE_LINKS_OF = text("DELETE FROM delivery_batches WHERE batch_id IN :ids").bindparams(_IDS)
_DELETE_BATCHES = text("DELETE FROM batches WHERE id IN :ids AND status || '' <> 'open'").bindparams(_IDS)
_DELETE_ATTEMPTS = text("DELETE FROM attempts WHERE id IN :ids").bindparams(_IDS)
_EMPTY_BODIES = text("UPDATE batches SET body = '' WHERE id IN :ids AND status || '' <> 'open'").bindparams(
    _IDS
)
_SOME_DELIVERIES = text(
    "SELECT id, punch_id, status, synced_at FROM deliveries WHERE id > :after ORDER BY id LIMIT :limit"
).columns(synced_at=Utc)
_DELIVERED = text(
    "SELECT p.id FROM punches p WHERE p.id IN :ids AND p.sync_status || '' = 'sent' "
    "AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.punch_id = p.id "
    "AND (d.status || '' NOT IN ('sent', 'duplicate') OR d.synced_at >= :before))"
).bindparams(_IDS, bindparam("before", type_=Utc))
_DELETE_LINKS = text(
    "DELETE FROM delivery_batches WHERE delivery_id IN (SELECT id FROM deliveries WHERE punch_id IN :ids)"
).bindparams(_IDS)
# What became owed since they were looked at stays.
_DELETE_DELIVERIES = text(
    "DELETE FROM deliveries WHERE punch_id IN :ids AND status || '' IN ('sent', 'duplicate')"
).bindparams(_IDS)
