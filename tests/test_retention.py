"""What is forgotten of deliveries, what never is, and that nothing is sent again for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from tests.ingest.frames import rows
from tests.store.factories import NOON, add_punches, add_terminal, statuses
from tm20tui.hr.generic import render
from tm20tui.model import utc_now
from tm20tui.retention import forget_old_deliveries
from tm20tui.settings import DeliverySettings
from tm20tui.store import retention
from tm20tui.store.batches import Batch, claim_batch, claim_open_batch, split_batch
from tm20tui.store.deliveries import backfill_chunk
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service, delete_service, fail_owed_to_deleted
from tm20tui.store.settling import (
    Attempt,
    Settlement,
    record_attempt,
    refuse_single,
    settle_sent,
)
from tm20tui.store.vault import Vault

KEEP = DeliverySettings(sent_keep_days=400, batch_keep_days=200, attempt_keep_days=100, body_keep_days=50)


class Past:
    """One service, and batches that it got days ago."""

    def __init__(self, conn: Connection, vault: Vault) -> None:
        self.conn, self.vault = conn, vault
        self.now = utc_now()
        self.terminal = add_terminal(conn)
        self.service = self.add_service("hr")
        self._keys = iter(range(10_000))

    def add_service(self, name: str) -> int:
        return add_service(self.conn, self.vault, ServiceDraft(name, "https://hr.example"), self.now).id

    def punch(self, count: int) -> list[int]:
        first = self.conn.scalar(text("SELECT COUNT(*) FROM punches")) or 0
        return add_punches(self.conn, self.terminal, count, first=first)

    def claim(self, days: float, service: int = 0, limit: int = 100) -> Batch:
        batch = claim_batch(self.conn, service or self.service, limit=limit, **self._how(days))
        assert batch is not None
        return batch

    def send(self, batch: Batch, days: float) -> None:
        self.attempt(batch, days)
        settle_sent(self.conn, batch, self.ago(days))

    def attempt(self, batch: Batch, days: float) -> None:
        record_attempt(self.conn, batch, Attempt(self.ago(days), 0.1, 200, "sent", "", "{}"))

    def refuse_one_of_two(self, days: float) -> None:
        """Halves: one is sent, the other fails for good."""
        self.punch(2)
        whole = self.claim(days)
        self.attempt(whole, days)
        split_batch(self.conn, whole, **self._how(days))
        how = {key: value for key, value in self._how(days).items() if key not in ("render", "new_key")}
        for verdict in ("sent", "refused"):
            half = claim_open_batch(self.conn, self.service, **how)
            assert half is not None
            self.attempt(half, days)
            if verdict == "sent":
                settle_sent(self.conn, half, self.ago(days))
            else:
                refuse_single(self.conn, half, Settlement(half.rows[0], "failed", "no"), self.ago(days))

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def _how(self, days: float) -> dict[str, Any]:
        return {
            "node": "here",
            "lease_seconds": 60,
            "now": self.ago(days),
            "render": render,
            "new_key": lambda: f"msg_{next(self._keys)}",
        }


async def kept(database: Database) -> dict[str, list[int]]:
    found = {}
    for table in ("batches", "attempts", "deliveries"):
        found[table] = sorted(row["id"] for row in await rows(database, table))
    found["bodies"] = sorted(row["id"] for row in await rows(database, "batches") if len(row["body"]))
    return found


async def test_each_kind_goes_after_its_own_days(database: Database, vault: Vault) -> None:
    def fill(conn: Connection) -> None:
        past = Past(conn, vault)
        for days in (401, 399, 201, 101, 51, 49):
            past.punch(3)
            past.send(past.claim(days), days)

    await database.write(fill)
    said = await forget_old_deliveries(database, KEEP)
    assert said == "3 deliveries, 3 batches, 4 attempts, 5 bodies"
    assert await kept(database) == {
        "batches": [4, 5, 6],
        "attempts": [5, 6],
        "bodies": [6],
        "deliveries": list(range(4, 19)),
    }
    assert await forget_old_deliveries(database, KEEP) == "0 deliveries, 0 batches, 0 attempts, 0 bodies"
    assert [row["sync_status"] for row in await rows(database, "punches")] == ["sent"] * 18


async def test_what_is_owed_or_failed_is_kept_with_all_that_tells_of_it(
    database: Database, vault: Vault
) -> None:
    def fill(conn: Connection) -> None:
        past = Past(conn, vault)
        past.refuse_one_of_two(500)
        past.punch(1)
        past.attempt(past.claim(500), 500)

    await database.write(fill)
    before = await kept(database)
    assert len(before["batches"]) == 4
    await forget_old_deliveries(database, KEEP)
    after = await kept(database)
    # The half that was sent goes in time, but the failed one's, its whole and the open one stay.
    assert after["batches"] == [1, 3, 4]
    assert len(after["attempts"]) == 3
    assert after["bodies"] == [1, 3, 4]
    assert after["deliveries"] == [2, 3]


async def test_a_punch_that_one_of_two_services_is_owed_keeps_both_deliveries(
    database: Database, vault: Vault
) -> None:
    def fill(conn: Connection) -> None:
        past = Past(conn, vault)
        other = past.add_service("second")
        past.punch(2)
        past.send(past.claim(500), 500)
        past.send(past.claim(500, other, limit=1), 500)

    await database.write(fill)
    await forget_old_deliveries(database, KEEP)
    assert [(row["punch_id"], row["status"]) for row in await rows(database, "deliveries")] == [
        (2, "sent"),
        (2, "pending"),
    ]


async def test_what_was_sent_and_forgotten_is_owed_to_nobody_again(database: Database, vault: Vault) -> None:
    def fill(conn: Connection) -> None:
        past = Past(conn, vault)
        past.punch(3)
        past.send(past.claim(500), 500)

    await database.write(fill)
    await forget_old_deliveries(database, KEEP)
    assert await rows(database, "deliveries") == []

    def replace(conn: Connection) -> dict[str, int]:
        delete_service(conn, 1, utc_now())
        while fail_owed_to_deleted(conn, NOON):
            pass
        new = add_service(conn, vault, ServiceDraft("new", "https://hr.example"), utc_now()).id
        while backfill_chunk(conn, new):
            pass
        return statuses(conn, new)

    assert await database.write(replace) == {}
    assert {row["sync_status"] for row in await rows(database, "punches")} == {"sent"}


async def test_the_walk_ends_where_deliveries_are_young(database: Database, vault: Vault) -> None:
    def fill(conn: Connection) -> retention.OldDeliveries:
        past = Past(conn, vault)
        past.punch(4)
        past.send(past.claim(500, limit=2), 500)
        past.send(past.claim(1), 1)
        first = retention.list_old_deliveries(conn, past.ago(400), 0, 2)
        assert first == retention.OldDeliveries((1, 2), 2)
        return retention.list_old_deliveries(conn, past.ago(400), 2, 2)

    assert await database.write(fill) == retention.OldDeliveries((), None)
