"""What a restored backup may repeat is held: nobody here knows what was done after it was made.

Punches that terminals send again, and those that a new service takes over, may have arrived
as others before: `deliveries` holds those of the time that is noted here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from tm20tui.store.deliveries import DISCARDED, DOUBTED, SEEN_UNTIL, refresh_punches
from tm20tui.store.punches import LOG_ID_FLOOR
from tm20tui.store.schema import Utc

CLOCKS_AHEAD = timedelta(minutes=1)
"""By how much the clock of a terminal may be fast."""


def hold_what_may_repeat(conn: Connection, *, log_id_floor: int, seen_until: datetime, now: datetime) -> int:
    """Hold all of a restored backup that is not known to have arrived; return how many deliveries.

    What was being sent, and what had failed, may have gone under other keys since. New
    punches get log ids from `log_id_floor` on; those from before `seen_until` are held too.
    """
    for name, value in (
        (LOG_ID_FLOOR, log_id_floor),
        (SEEN_UNTIL, int((seen_until + CLOCKS_AHEAD).timestamp())),
    ):
        conn.execute(_FORGET, {"name": name})
        conn.execute(_REMEMBER, {"name": name, "value": value})
    conn.execute(_RETURN_BATCHES, {"now": now})
    conn.execute(_REMEMBER_BATCHES)
    punch_ids = conn.scalars(_HOLD, {"reason": f"{DOUBTED}since the backup was made"}).all()
    refresh_punches(conn, punch_ids)
    return len(punch_ids)


_FORGET = text("DELETE FROM totals WHERE name = :name")
_REMEMBER = text("INSERT INTO totals (name, node, value) VALUES (:name, '', :value)")
# What deleted services leave behind ends by itself.
_LIVING = "service_id IN (SELECT s.id FROM services s WHERE s.deleted_at IS NULL)"
_RETURN_BATCHES = text(
    f"UPDATE batches SET status = 'returned', settled_at = :now WHERE status = 'open' AND {_LIVING}"
).bindparams(bindparam("now", type_=Utc))
_REMEMBER_BATCHES = text(
    "INSERT INTO delivery_batches (delivery_id, batch_id) "
    "SELECT id, batch_id FROM deliveries WHERE status = 'in flight' ON CONFLICT DO NOTHING"
)
_HOLD = text(
    "UPDATE deliveries SET status = 'held', next_attempt_at = NULL, last_error = :reason "
    f"WHERE {_LIVING} AND (status IN ('pending', 'in flight') "
    f"OR (status = 'failed' AND (next_attempt_at IS NOT NULL OR last_error NOT LIKE '{DISCARDED}%'))) "
    "RETURNING punch_id"
)
