"""Deliveries that are tried before their time: an operator asked, or corrected the service.

In chunks, as the sweep: each function is called again until nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text

from tm20tui.store.batches import FOUND_AT_ONCE
from tm20tui.store.deliveries import DISCARDED, SWEEP_CHUNK, read_as_queue, refresh_punches
from tm20tui.store.schema import Utc


def find_waiting(
    conn: Connection, service_id: int, terminal_id: int | None, now: datetime, limit: int = FOUND_AT_ONCE
) -> list[int]:
    """What a service (and terminal) would get later; not for a transaction that writes: it may take long.

    That is what was refused and would be tried again, and what was put off.
    """
    read_as_queue(conn)
    values: dict[str, Any] = {"service": service_id, "now": now}
    if terminal_id is not None:
        values["terminal"] = terminal_id
    found: list[int] = []
    for query in _WAITING if terminal_id is None else _WAITING_OF_TERMINAL:
        found += conn.scalars(query, {**values, "limit": limit - len(found)})
    return found


def hasten(conn: Connection, ids: Sequence[int]) -> int:
    """Make due what `find_waiting` found; what was given up meanwhile stays so. Returns how many are."""
    read_as_queue(conn)
    punch_ids = list(conn.scalars(_HASTEN, {"ids": list(ids)}))
    refresh_punches(conn, punch_ids)
    return len(punch_ids)


def ask_to_heal(conn: Connection, service_id: int) -> None:
    """Remember that what failed at this service may have been the service's settings."""
    conn.execute(_ASK, {"name": f"heal:{service_id}"})


def heal_chunk(conn: Connection, now: datetime, limit: int = SWEEP_CHUNK) -> int:
    """Make failed deliveries of a corrected service due, all attempts before them; 0 when none is left.

    Those that an operator discarded stay. The sweep must not take any before fewer than
    `limit` were made due: what fails again meanwhile would be healed again.
    """
    read_as_queue(conn)
    for service_id in conn.scalars(_ASKED).all():
        values = {"service": service_id, "now": now, "limit": limit}
        count = conn.execute(_HEAL, values).rowcount
        if count < limit:
            conn.execute(_HEALED, {"name": f"heal:{service_id}"})
        if count:
            return count
    return 0


_NOW = bindparam("now", type_=Utc)
_REFUSED = "d.status = 'failed' AND d.next_attempt_at IS NOT NULL"
_PUT_OFF = "d.status = 'pending' AND d.next_attempt_at IS NOT NULL AND d.next_attempt_at > :now"
_WAITING = (
    text(f"SELECT d.id FROM deliveries d WHERE d.service_id = :service AND {_REFUSED} LIMIT :limit"),
    text(
        f"SELECT d.id FROM deliveries d WHERE d.service_id = :service AND {_PUT_OFF} LIMIT :limit"
    ).bindparams(_NOW),
)
_OF_TERMINAL = (
    "SELECT d.id FROM deliveries d JOIN punches p ON p.id = d.punch_id "
    "WHERE d.service_id = :service AND p.terminal_id = :terminal AND "
)
_WAITING_OF_TERMINAL = (
    text(f"{_OF_TERMINAL}{_REFUSED} LIMIT :limit"),
    text(f"{_OF_TERMINAL}{_PUT_OFF} LIMIT :limit").bindparams(_NOW),
)
# Rows are found by their ids: `|| ''` keeps the planner off the partial indexes of a status.
_HASTEN = text(
    "UPDATE deliveries SET status = 'pending', next_attempt_at = NULL "
    "WHERE id IN :ids AND (status || '' = 'pending' OR (status || '' = 'failed' "
    "AND next_attempt_at IS NOT NULL)) RETURNING punch_id"
).bindparams(bindparam("ids", expanding=True))

# The request is kept among the counters, where a crash does not lose it.
_ASK = text("INSERT INTO totals (name, node, value) VALUES (:name, '', 1) ON CONFLICT DO NOTHING")
_ASKED = text(
    "SELECT s.id FROM services s JOIN totals t ON t.name = 'heal:' || s.id "
    "WHERE s.deleted_at IS NULL ORDER BY s.id"
)
_HEALED = text("DELETE FROM totals WHERE name = :name")
# A failed delivery had a verdict: without attempts it was healed before.
_HEAL = text(
    "UPDATE deliveries SET next_attempt_at = :now, attempts = 0 WHERE id IN "
    "(SELECT d.id FROM deliveries d WHERE d.service_id = :service AND d.status = 'failed' "
    f"AND d.attempts > 0 AND (d.next_attempt_at IS NOT NULL OR d.last_error NOT LIKE '{DISCARDED}%') "
    "LIMIT :limit)"
).bindparams(_NOW)
