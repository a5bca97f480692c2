"""What each service is owed now, and was sent lately: from queues, batches and attempts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from tm20tui.store.schema import Utc


@dataclass(frozen=True, slots=True)
class DeliveryTotals:
    """Counts of deliveries of one service, as they stand, and of a period.

    `waiting` were never judged, `retrying` were and go again; both are pending. `failed` are
    tried again by themselves, `dead` are not. `sent` were sent in the period; of its
    `requests`, `answered` were accepted or judged record by record, the others refused or
    not answered. Splits of a batch that was refused count as neither.
    """

    waiting: int = 0
    retrying: int = 0
    in_flight: int = 0
    held: int = 0
    failed: int = 0
    dead: int = 0
    sent: int = 0
    requests: int = 0
    answered: int = 0

    @property
    def owed(self) -> int:
        """What waits to be sent, is being sent, or is held."""
        return self.waiting + self.retrying + self.in_flight + self.held


def count_totals(conn: Connection, since: datetime) -> dict[int, DeliveryTotals]:
    """The totals of every service that has any; the period begins at `since` and ends now."""
    found: dict[int, dict[str, int]] = {}
    for query in _QUERIES:
        values = {"since": since} if ":since" in query.text else {}
        for row in conn.execute(query, values).mappings():
            counts = found.setdefault(row["service_id"], {})
            for name in _NAMES & row.keys():
                counts[name] = counts.get(name, 0) + int(row[name] or 0)
    return {service_id: DeliveryTotals(**counts) for service_id, counts in found.items()}


_NAMES = {item.name for item in fields(DeliveryTotals)}
_SINCE = bindparam("since", type_=Utc)
_QUERIES = (
    text(
        "SELECT service_id, SUM(CASE WHEN attempts = 0 THEN 1 ELSE 0 END) AS waiting, "
        "SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END) AS retrying "
        "FROM deliveries WHERE status = 'pending' GROUP BY service_id"
    ),
    text("SELECT service_id, COUNT(*) AS held FROM deliveries WHERE status = 'held' GROUP BY service_id"),
    text(
        "SELECT service_id, COUNT(next_attempt_at) AS failed, COUNT(*) - COUNT(next_attempt_at) AS dead "
        "FROM deliveries WHERE status = 'failed' GROUP BY service_id"
    ),
    text(
        "SELECT service_id, SUM(record_count) AS in_flight FROM batches WHERE status = 'open' "
        "GROUP BY service_id"
    ),
    text(
        "SELECT service_id, SUM(record_count) AS sent FROM batches "
        "WHERE settled_at >= :since AND status = 'sent' GROUP BY service_id"
    ).bindparams(_SINCE),
    # What a batch that was settled record by record left unsent is written down: it was not sent.
    text(
        "SELECT b.service_id, -COUNT(*) AS sent FROM delivery_batches l JOIN batches b ON b.id = l.batch_id "
        "WHERE b.settled_at >= :since AND b.status = 'sent' GROUP BY b.service_id"
    ).bindparams(_SINCE),
    text(
        "SELECT b.service_id, COUNT(*) AS requests, "
        "SUM(CASE WHEN a.outcome IN ('sent', 'settled') THEN 1 ELSE 0 END) AS answered "
        "FROM attempts a JOIN batches b ON b.id = a.batch_id "
        "WHERE a.started_at >= :since AND a.outcome <> 'split' GROUP BY b.service_id"
    ).bindparams(_SINCE),
)
