"""Deliveries: punches owed to services, and what a punch's `sync_status` says about them.

Rows are made here (with the punch, or when a service comes later) and leave through
`store/batches.py`. What a deleted service did not get says nothing about a punch.
Status words are literals in the statements: that is what lets both engines use the
partial indexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, Boolean, Connection, bindparam, text

from tm20tui.model import HELD_TIME_PROBLEMS
from tm20tui.store.schema import Utc

DOUBTED = "may have arrived "
"""How the reason of a held delivery begins of which nobody can tell whether it arrived."""

DISCARDED = "discarded by "
"""How the reason of a failed delivery begins that an operator discarded."""

REPEATED = f"{DOUBTED}before the backup was restored"
"""The reason of what may have been stored and delivered before, and came or was owed again since."""

SEEN_UNTIL = "seen_until"
"""Under which name among the totals it is kept, in Unix seconds, until when punches may have been seen
before a backup was restored."""

IS_DOUBTED = f"(o.last_error LIKE '{DOUBTED}%' OR o.last_error LIKE '{DISCARDED}%({DOUBTED}%')"
"""A condition on a delivery `o`; an operator may have discarded it because it did arrive."""

_NO_DOUBTS: Mapping[int, str] = {}

SWEEP_CHUNK = 1000
BACKFILL_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How many deliveries of one service are where. `sent` counts since the service was made."""

    pending: int = 0
    in_flight: int = 0
    held: int = 0
    failed: int = 0
    sent: int = 0


def add_deliveries(
    conn: Connection, rows: Sequence[tuple[int, int, bool]], *, doubts: Mapping[int, str] = _NO_DOUBTS
) -> None:
    """Owe punches to services: (punch id, service id, held), in the punches' own transaction.

    `doubts` says of which punches nobody can tell whether they arrived, and why: they are held.
    """
    if rows:
        conn.execute(
            _ADD,
            [
                {
                    "punch": punch,
                    "service": service,
                    "status": "held" if held or punch in doubts else "pending",
                    "reason": doubts.get(punch, ""),
                }
                for punch, service, held in rows
            ],
        )


def release_held(conn: Connection, punch_id: int) -> tuple[int, ...]:
    """Let a held punch be delivered after all; return the services that are owed it now."""
    return tuple(conn.scalars(_RELEASE, {"punch": punch_id}))


def find_seen_until(conn: Connection) -> datetime | None:
    """Punches from before then may have been delivered before a backup was restored; None if none was."""
    value = conn.scalar(_SEEN_UNTIL)
    return None if value is None else datetime.fromtimestamp(int(value), UTC)


def begin_backfill(conn: Connection) -> dict[str, int | None]:
    """Columns of a service that is to take over what nobody was owed before it.

    SQLite has one writer anyway. On PostgreSQL, punches whose transaction began without
    knowing the service must be visible before the range to look back at is fixed.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK_PUNCHES)
    last = conn.scalar(_LAST_PUNCH)
    return {"backfill_next_id": None if last is None else 0, "backfill_end_id": last}


def backfill_chunk(
    conn: Connection, service_id: int, limit: int = BACKFILL_CHUNK, *, hold: bool = True
) -> bool:
    """Owe the service another chunk of the punches nobody was owed when it came.

    A punch that a deleted service got is not among them: it is never sent twice. What one
    may have got waits for an operator, as does what may have been delivered before a backup
    was restored and, with `hold`, what has no trustworthy time.
    Returns whether more are left. Progress is kept in the service's row, so that a crash
    between two chunks loses nothing and repeats nothing.
    """
    row = conn.execute(_BACKFILL_RANGE, {"service": service_id}).first()
    if row is None:
        return False
    if forget_failed(conn):
        return True
    start, end, everywhere = row
    last = conn.scalar(_BACKFILL_STEP, {"start": start, "end": end, "offset": limit - 1})
    upto = end if last is None else last
    seen = find_seen_until(conn)
    span = {"service": service_id, "start": start, "end": upto, "hold": hold, "seen": seen}
    conn.execute(_BACKFILL_ALL if everywhere else _BACKFILL_MAPPED, span)
    done = last is None or last >= end
    conn.execute(_BACKFILL_DONE if done else _BACKFILL_NEXT, {"service": service_id, "next": upto})
    return not done


def sweep_failed(conn: Connection, now: datetime, limit: int = SWEEP_CHUNK) -> dict[int, int]:
    """Put failed deliveries whose next attempt is due back to pending: how many per service.

    At most `limit` at a time, so that no transaction is long: call again until it returns
    fewer. Services that are inactive, paused or backing off keep theirs until they work.
    """
    read_as_queue(conn)
    rows = conn.execute(_SWEEP, {"now": now, "limit": limit}).all()
    if not rows:
        return {}
    conn.execute(_REVIVE, {"ids": [row.id for row in rows]})
    refresh_punches(conn, (row.punch_id for row in rows))
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.service_id] = counts.get(row.service_id, 0) + 1
    return counts


def dissolve_batches(
    conn: Connection, service_id: int, reason: str, now: datetime, *, lapsed: bool = False
) -> int:
    """End a service's open batches, and fail for good what was in flight; return how many.

    What may have arrived says so: whoever is owed it next must not get it unseen. With
    `lapsed`, only those that nobody sends any more.
    """
    punch_ids: list[int] = []
    for batch_id, doubt, leased_until in conn.execute(_OPEN_BATCHES, {"service": service_id}).all():
        if lapsed and leased_until is not None and leased_until >= now:
            continue
        words = f"{DOUBTED}before {reason}" if doubt else reason
        punch_ids += conn.scalars(_FAIL_IN_FLIGHT, {"batch": batch_id, "reason": words})
        conn.execute(_RETURN_BATCH, {"batch": batch_id, "now": now})
    refresh_punches(conn, punch_ids)
    return len(punch_ids)


def fail_chunk(conn: Connection, service_id: int, reason: str, limit: int = SWEEP_CHUNK) -> int:
    """Fail for good some of what waits for a service; call again until it returns fewer than `limit`."""
    read_as_queue(conn)
    values = {"service": service_id, "limit": limit, "reason": reason}
    punch_ids = list(conn.scalars(_FAIL_PENDING, values))
    if len(punch_ids) < limit:
        punch_ids += conn.scalars(_FAIL_HELD, {**values, "limit": limit - len(punch_ids)})
    refresh_punches(conn, punch_ids)
    return len(punch_ids)


def forget_failed(conn: Connection, limit: int = SWEEP_CHUNK) -> int:
    """Have failed punches forget what deleted services refused: how many were looked at, 0 at the end.

    Each deleted service walks once through the failed punches; how far is kept in its row,
    where back-fill keeps it while the service lives.
    """
    for service_id, start in conn.execute(_FORGETTING).all():
        read_as_queue(conn)
        ids = conn.scalars(_FAILED_PUNCHES, {"start": start, "limit": limit}).all()
        if ids:
            refresh_punches(conn, conn.scalars(_FAILED_OF, {"service": service_id, "ids": ids}).all())
        following = ids[-1] if len(ids) == limit else None
        conn.execute(_BACKFILL_NEXT, {"service": service_id, "next": following})
        if ids:
            return len(ids)
    return 0


def count_deliveries(conn: Connection) -> dict[int, DeliveryCounts]:
    """The counts of every service that has any, from the queues and counters alone."""
    found: dict[int, dict[str, int]] = {}
    for status, query in _COUNTS.items():
        for service_id, count in conn.execute(query):
            found.setdefault(service_id, {})[status] = count
    for name, count in conn.execute(_SENT_TOTALS):
        found.setdefault(int(name.removeprefix("sent:")), {})["sent"] = int(count)
    return {service_id: DeliveryCounts(**counts) for service_id, counts in found.items()}


def count_doubted(conn: Connection) -> dict[int, int]:
    """How many deliveries of each service are held because nobody can tell whether they arrived."""
    return dict(map(tuple, conn.execute(_COUNT_DOUBTED)))


def count_pending(conn: Connection, service_id: int) -> int:
    """How many deliveries of the service wait to be sent."""
    return conn.scalar(_COUNT_PENDING, {"service": service_id}) or 0


def count_held(conn: Connection, service_id: int) -> int:
    """How many deliveries of the service wait for an operator to release them."""
    return conn.scalar(_COUNT_HELD, {"service": service_id}) or 0


def oldest_pending(conn: Connection, service_id: int) -> datetime | None:
    """When the punch that waits longest for the service was received, None if none waits."""
    found: datetime | None = conn.scalar(_OLDEST_PENDING, {"service": service_id})
    return found


def next_due(conn: Connection, service_id: int) -> datetime | None:
    """When the first pending delivery that must wait may go, None if none has to wait."""
    found: datetime | None = conn.scalar(_NEXT_DUE, {"service": service_id})
    return found


def read_as_queue(conn: Connection) -> None:
    """Have PostgreSQL read queues in the order of their indexes, for the rest of this transaction.

    Statistics of a queue are always stale: it would sort a million rows to take a hundred,
    and compile statements that run for a millisecond.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(_READ_AS_QUEUE)


def refresh_punches(conn: Connection, punch_ids: Iterable[int]) -> None:
    """Recompute `sync_status` of punches whose deliveries changed.

    On PostgreSQL two services may settle the same punch at once: each must see what the
    other did, so the punches are locked first, in one order.
    """
    ids = sorted(set(punch_ids))
    read_as_queue(conn)
    for start in range(0, len(ids), 5000):
        some = ids[start : start + 5000]
        lock_punches(conn, some)
        conn.execute(_REFRESH, {"ids": some})


def lock_punches(conn: Connection, punch_ids: Sequence[int]) -> None:
    """Have whoever else changes the deliveries of these punches wait; SQLite has one writer anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK_FOR_REFRESH, {"ids": list(punch_ids)})


_ADD = text(
    "INSERT INTO deliveries (punch_id, service_id, status, last_error) "
    "VALUES (:punch, :service, :status, :reason)"
)

_RELEASE = text(
    "UPDATE deliveries SET status = 'pending', last_error = '' "
    "WHERE punch_id = :punch AND status = 'held' RETURNING service_id"
)

_SEEN_UNTIL = text(f"SELECT value FROM totals WHERE name = '{SEEN_UNTIL}'")
_LOCK_PUNCHES = text("LOCK TABLE punches IN SHARE ROW EXCLUSIVE MODE")
_LAST_PUNCH = text("SELECT MAX(id) FROM punches")
_BACKFILL_RANGE = text(
    "SELECT backfill_next_id, backfill_end_id, serves_all_terminals FROM services "
    "WHERE id = :service AND deleted_at IS NULL AND backfill_next_id IS NOT NULL"
)
_BACKFILL_STEP = text(
    "SELECT id FROM punches WHERE sync_status = 'pending' AND id > :start AND id <= :end "
    "ORDER BY id LIMIT 1 OFFSET :offset"
)
_HELD = ", ".join(f"'{problem}'" for problem in HELD_TIME_PROBLEMS)
_DOUBT_OF_ANOTHER = (
    f"(SELECT MAX(CASE WHEN o.last_error LIKE '{DOUBTED}%' THEN o.last_error "
    f"ELSE '{DOUBTED}before the service was deleted' END) "
    f"FROM deliveries o WHERE o.punch_id = p.id AND o.status || '' = 'failed' AND {IS_DOUBTED})"
)
# Why nobody can tell whether a punch arrived, empty where it cannot have.
_DOUBT = f"COALESCE({_DOUBT_OF_ANOTHER}, CASE WHEN p.time_utc <= :seen THEN '{REPEATED}' ELSE '' END)"
_BACKFILL = (
    "INSERT INTO deliveries (punch_id, service_id, status, last_error) "
    f"SELECT p.id, :service, CASE WHEN :hold AND p.time_problem IN ({_HELD}) THEN 'held' "
    f"WHEN {_DOUBT} <> '' THEN 'held' ELSE 'pending' END, {_DOUBT} FROM punches p "
    "WHERE p.sync_status = 'pending' AND p.id > :start AND p.id <= :end "
    "AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.punch_id = p.id "
    "AND (d.status IN ('sent', 'duplicate') "
    "OR d.service_id IN (SELECT s.id FROM services s WHERE s.deleted_at IS NULL))) {served} "
    "ORDER BY p.id ON CONFLICT DO NOTHING"
)
_BACKFILL_TYPES = (
    bindparam("service", type_=BigInteger),
    bindparam("hold", type_=Boolean),
    bindparam("seen", type_=Utc),
)
_BACKFILL_ALL = text(_BACKFILL.format(served="")).bindparams(*_BACKFILL_TYPES)
_BACKFILL_MAPPED = text(
    _BACKFILL.format(
        served="AND p.terminal_id IN (SELECT m.terminal_id FROM mappings m WHERE m.service_id = :service)"
    )
).bindparams(*_BACKFILL_TYPES)
_BACKFILL_NEXT = text("UPDATE services SET backfill_next_id = :next WHERE id = :service")
_BACKFILL_DONE = text(
    "UPDATE services SET backfill_next_id = NULL, backfill_end_id = NULL WHERE id = :service"
)

_FORGETTING = text(
    "SELECT id, backfill_next_id FROM services "
    "WHERE deleted_at IS NOT NULL AND backfill_next_id IS NOT NULL ORDER BY id"
)
_FAILED_PUNCHES = text(
    "SELECT id FROM punches WHERE sync_status = 'failed' AND id > :start ORDER BY id LIMIT :limit"
)
# Found by the unique key: `|| ''` keeps the planner off the partial index of all that failed.
_FAILED_OF = text(
    "SELECT punch_id FROM deliveries "
    "WHERE punch_id IN :ids AND service_id = :service AND status || '' = 'failed'"
).bindparams(bindparam("ids", expanding=True))

_NOW = bindparam("now", type_=Utc)
_SWEEP = text(
    "SELECT d.id, d.punch_id, d.service_id FROM deliveries d "
    "WHERE d.status = 'failed' AND d.next_attempt_at <= :now AND d.service_id IN "
    "(SELECT s.id FROM services s WHERE s.deleted_at IS NULL AND s.is_active AND s.health = 'healthy') "
    "LIMIT :limit"
).bindparams(_NOW)
# The ids were read in this transaction: `|| ''` keeps the planner off the partial index of failed ones.
# On PostgreSQL an operator may discard one meanwhile, which leaves it no next attempt.
_REVIVE = text(
    "UPDATE deliveries SET status = 'pending', next_attempt_at = NULL "
    "WHERE id IN :ids AND status || '' = 'failed' AND next_attempt_at IS NOT NULL"
).bindparams(bindparam("ids", expanding=True))

_OPEN_BATCHES = text(
    "SELECT id, doubt, leased_until FROM batches WHERE service_id = :service AND status = 'open'"
).columns(leased_until=Utc)
_FAIL_WAITING = (
    "UPDATE deliveries SET status = 'failed', next_attempt_at = NULL, last_error = CASE "
    f"WHEN last_error LIKE '{DOUBTED}%' THEN last_error ELSE :reason END WHERE id IN "
    "(SELECT id FROM deliveries WHERE service_id = :service AND status = '{status}' "
    "ORDER BY id LIMIT :limit) RETURNING punch_id"
)
_FAIL_PENDING = text(_FAIL_WAITING.format(status="pending"))
_FAIL_HELD = text(_FAIL_WAITING.format(status="held"))
_FAIL_IN_FLIGHT = text(
    "UPDATE deliveries SET status = 'failed', next_attempt_at = NULL, last_error = :reason "
    "WHERE batch_id = :batch AND status = 'in flight' RETURNING punch_id"
)
_RETURN_BATCH = text(
    "UPDATE batches SET status = 'returned', settled_at = :now WHERE id = :batch AND status = 'open'"
).bindparams(_NOW)

_READ_AS_QUEUE = text(
    "SELECT set_config('jit', 'off', true), set_config('enable_sort', 'off', true), "
    "set_config('enable_bitmapscan', 'off', true)"
)
_COUNTS = {
    "pending": text(
        "SELECT service_id, COUNT(*) FROM deliveries WHERE status = 'pending' GROUP BY service_id"
    ),
    "held": text("SELECT service_id, COUNT(*) FROM deliveries WHERE status = 'held' GROUP BY service_id"),
    "failed": text("SELECT service_id, COUNT(*) FROM deliveries WHERE status = 'failed' GROUP BY service_id"),
    "in_flight": text(
        "SELECT service_id, SUM(record_count) FROM batches WHERE status = 'open' GROUP BY service_id"
    ),
}
_SENT_TOTALS = text("SELECT name, SUM(value) FROM totals WHERE name LIKE 'sent:%' GROUP BY name")
_COUNT_PENDING = text("SELECT COUNT(*) FROM deliveries WHERE service_id = :service AND status = 'pending'")
_COUNT_DOUBTED = text(
    "SELECT service_id, COUNT(*) FROM deliveries "
    f"WHERE status = 'held' AND last_error LIKE '{DOUBTED}%' GROUP BY service_id"
)
_COUNT_HELD = text("SELECT COUNT(*) FROM deliveries WHERE service_id = :service AND status = 'held'")
_OLDEST_PENDING = text(
    "SELECT p.received_at FROM deliveries d JOIN punches p ON p.id = d.punch_id "
    "WHERE d.service_id = :service AND d.status = 'pending' ORDER BY d.id LIMIT 1"
).columns(received_at=Utc)
_NEXT_DUE = (
    text(
        "SELECT MIN(next_attempt_at) AS due FROM deliveries "
        "WHERE service_id = :service AND status = 'pending' AND next_attempt_at IS NOT NULL"
    )
).columns(due=Utc)

_LOCK_FOR_REFRESH = text("SELECT id FROM punches WHERE id IN :ids ORDER BY id FOR NO KEY UPDATE").bindparams(
    bindparam("ids", expanding=True)
)
_REFRESH = text(
    "UPDATE punches SET sync_status = (SELECT CASE MAX(CASE "
    "WHEN d.status IN ('sent', 'duplicate') THEN 1 WHEN d.status <> 'failed' THEN 2 "
    "WHEN d.service_id IN (SELECT s.id FROM services s WHERE s.deleted_at IS NULL) THEN 3 END) "
    "WHEN 3 THEN 'failed' WHEN 1 THEN 'sent' ELSE 'pending' END "
    "FROM deliveries d WHERE d.punch_id = punches.id) WHERE id IN :ids"
).bindparams(bindparam("ids", expanding=True))
