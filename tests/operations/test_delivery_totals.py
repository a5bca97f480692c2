"""The totals of every service: queues as they stand, what was sent in the last hours."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio.testing
from sqlalchemy import Connection, text

from tests.delivery.rig import open_rig, says
from tests.operations.conftest import Desk
from tests.operations.test_deliveries import fill, mark
from tests.store.factories import NOON
from tm20tui.errors import InvalidInput
from tm20tui.operations.delivery_totals import count_deliveries
from tm20tui.store.delivery_totals import DeliveryTotals, count_totals
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault


async def test_queues_are_counted_as_they_stand(desk: Desk) -> None:
    await fill(desk, 8)

    def settle(conn: Connection) -> None:
        mark(conn, [1], "pending", attempts=2)
        mark(conn, [2], "held")
        mark(conn, [3], "failed", next_attempt_at=NOON)
        mark(conn, [4, 5], "failed")
        mark(conn, [6], "sent")

    await desk.database.write(settle)
    found = await count_deliveries(desk.call("viewer"))
    (one,) = found.services
    assert (found.hours, one.service.name) == (24, "hr")
    assert one.totals == DeliveryTotals(waiting=2, retrying=1, held=1, failed=1, dead=2)
    assert one.totals.owed == 4
    with pytest.raises(InvalidInput, match="hours must be"):
        await count_deliveries(desk.call("viewer"), hours=0)


async def test_what_was_sent_is_exact_also_where_records_were_judged_one_by_one(
    database: Database, vault: Vault, mock_clock: trio.testing.MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        service = await rig.add_service()
        rig.receiver.script = [
            says(200, b'{"results": [{"log_id": 2, "status": "rejected", "message": "unknown"}]}'),
            says(503),
        ]
        await rig.punch(3)
        await rig.start()
        await rig.until_settled(sent=2, failed=1)
        await rig.punch(1)
        await rig.until_health("backing off")
        since = rig.now() - timedelta(hours=1)
        found = await database.read(count_totals, since)
        assert found[service.id] == DeliveryTotals(failed=1, sent=2, requests=2, answered=1, in_flight=1), (
            await database.read(lambda conn: conn.execute(text("SELECT status FROM batches")).all())
        )
        later = await database.read(count_totals, rig.now() + timedelta(hours=1))
        assert (later[service.id].sent, later[service.id].requests) == (0, 0)
