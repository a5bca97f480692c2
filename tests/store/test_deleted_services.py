"""A deleted service decides nothing: its punches are as if it had never been, but what it got."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text, update

from tests.store.factories import NOON, add_punch, add_punches, add_terminal, statuses
from tm20tui.store.attendance import SyncCounts, count_sync, get_attendance
from tm20tui.store.batches import claim_batch
from tm20tui.store.dead_letters import discard_chunk
from tm20tui.store.deliveries import (
    DOUBTED,
    SWEEP_CHUNK,
    add_deliveries,
    backfill_chunk,
    count_doubted,
    refresh_punches,
)
from tm20tui.store.engine import Database
from tm20tui.store.punches import add_to_total
from tm20tui.store.schema import deliveries, services
from tm20tui.store.services import ServiceDraft, add_service, delete_service, fail_owed_to_deleted
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(days=1)


def add_hr(conn: Connection, vault: Vault, name: str, **values: Any) -> int:
    return add_service(conn, vault, ServiceDraft(name=name, base_url="https://hr.example", **values), NOON).id


def settle(conn: Connection, service: int, ids: list[int], status: str, **values: Any) -> None:
    conn.execute(
        update(deliveries)
        .where(deliveries.c.punch_id.in_(ids), deliveries.c.service_id == service)
        .values(status=status, **values)
    )
    refresh_punches(conn, ids)


def sync_statuses(conn: Connection) -> list[str]:
    return list(conn.scalars(text("SELECT sync_status FROM punches ORDER BY id")))


def backfill(conn: Connection, service: int, **options: Any) -> dict[str, int]:
    while backfill_chunk(conn, service, **options):
        pass
    return statuses(conn, service)


@pytest.mark.parametrize(
    ("to_deleted", "to_other", "wanted"),
    [
        ("failed", "sent", "sent"),
        ("failed", "duplicate", "sent"),
        ("pending", "sent", "sent"),
        ("pending", "in flight", "pending"),
        ("failed", "in flight", "pending"),
        ("failed", "held", "pending"),
        ("failed", "failed", "failed"),
        ("sent", "failed", "failed"),
        ("sent", "pending", "pending"),
        ("sent", "sent", "sent"),
    ],
)
async def test_what_a_deleted_service_did_not_get_counts_for_nothing(
    database: Database, vault: Vault, to_deleted: str, to_other: str, wanted: str
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted, other = add_hr(conn, vault, "deleted"), add_hr(conn, vault, "other")
        ids = add_punches(conn, terminal, 2)
        settle(conn, deleted, ids, to_deleted, last_error="no such path", attempts=3)
        settle(conn, other, ids, to_other, synced_at=LATER if to_other in ("sent", "duplicate") else None)
        delete_service(conn, deleted, LATER)
        assert fail_owed_to_deleted(conn, NOON) == 0
        assert sync_statuses(conn) == [wanted] * 2
        log = get_attendance(conn, ids[0])
        assert (log.sync_status, log.synced_at is not None) == (wanted, wanted == "sent")
        if to_deleted != "sent" and to_other != "held":
            assert log.sync_error == ""

    await database.write(work)


async def test_a_service_made_later_takes_over_what_no_other_has_or_is_owed(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted = add_hr(conn, vault, "hr")
        refused, sent, twice, waiting, held = add_punches(conn, terminal, 5)
        settle(conn, deleted, [refused], "failed", last_error="answered 404", attempts=3)
        settle(conn, deleted, [sent], "sent", synced_at=LATER)
        settle(conn, deleted, [twice], "duplicate", synced_at=LATER)
        settle(conn, deleted, [held], "held")
        add_to_total(conn, "punches", "", 5)
        delete_service(conn, deleted, LATER)
        assert sync_statuses(conn) == ["pending", "sent", "sent", "pending", "pending"]
        assert count_sync(conn) == SyncCounts(3, 2, 0)
        again = add_hr(conn, vault, "hr")
        assert backfill(conn, again) == {"pending": 3}
        settle(conn, again, [refused, waiting, held], "sent", synced_at=LATER)
        assert sync_statuses(conn) == ["sent"] * 5
        assert backfill(conn, add_hr(conn, vault, "third")) == {}

    await database.write(work)


async def test_what_a_living_service_is_still_owed_is_not_taken_over(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted, living = add_hr(conn, vault, "deleted"), add_hr(conn, vault, "living")
        ids = add_punches(conn, terminal, 3)
        settle(conn, deleted, ids, "failed", last_error="no")
        settle(conn, living, ids[:1], "failed", last_error="no")
        delete_service(conn, deleted, LATER)
        assert sync_statuses(conn) == ["failed", "pending", "pending"]
        assert backfill(conn, add_hr(conn, vault, "new")) == {}

    await database.write(work)


async def test_punches_that_had_failed_forget_it_in_chunks_and_before_they_are_taken_over(
    database: Database, vault: Vault
) -> None:
    count = SWEEP_CHUNK + 30

    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted, twin = add_hr(conn, vault, "deleted"), add_hr(conn, vault, "twin", terminal_ids=())
        ids = add_punches(conn, terminal, count)
        add_deliveries(conn, [(ident, twin, False) for ident in ids[:2]])
        settle(conn, twin, ids[:2], "failed", last_error="no")
        settle(conn, deleted, ids, "failed", last_error="answered 404", next_attempt_at=LATER)
        delete_service(conn, deleted, LATER)
        assert sync_statuses(conn).count("failed") == 2 + 30
        new = add_hr(conn, vault, "new")
        assert backfill(conn, new) == {"pending": count - 2}
        assert fail_owed_to_deleted(conn, NOON) == 0
        delete_service(conn, twin, LATER)
        delete_service(conn, new, LATER)
        while fail_owed_to_deleted(conn, NOON):
            pass
        assert set(sync_statuses(conn)) == {"pending"}

    await database.write(work)


async def test_impossible_times_are_taken_over_as_the_settings_say(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        add_punch(conn, terminal, 0)
        add_punch(conn, terminal, 1, time_problem="in the future")
        nothing: dict[str, Any] = {"terminal_ids": ()}
        held, sent = add_hr(conn, vault, "held"), add_hr(conn, vault, "sent", **nothing)
        assert backfill(conn, held) == {"pending": 1, "held": 1}
        delete_service(conn, held, LATER)
        sent = add_hr(conn, vault, "all")
        assert backfill(conn, sent, hold=False) == {"pending": 2}

    await database.write(work)


async def test_what_was_discarded_because_it_arrived_is_held_for_the_next_service(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted = add_hr(conn, vault, "deleted")
        ids = add_punches(conn, terminal, 2)
        settle(conn, deleted, ids[:1], "held", last_error=f"{DOUBTED}before it was refused: answered 409")
        settle(conn, deleted, ids[1:], "failed", last_error="answered 422")
        for reason in ("discarded by ann: it is in the books", "discarded by bob: so it is"):
            assert discard_chunk(conn, [1, 2], reason) == {deleted: 2}
        delete_service(conn, deleted, LATER)
        assert backfill(conn, add_hr(conn, vault, "new")) == {"held": 1, "pending": 1}
        assert count_doubted(conn) == {2: 1}

    await database.write(work)


async def test_a_batch_that_was_begun_while_its_service_was_deleted_fails_in_time(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        deleted = add_hr(conn, vault, "deleted")
        add_punches(conn, terminal, 1)
        claim_batch(
            conn,
            deleted,
            limit=1,
            node="n",
            lease_seconds=60,
            now=LATER,
            render=lambda _: b"",
            new_key=lambda: "k",
        )
        conn.execute(update(services).values(deleted_at=NOON))
        assert fail_owed_to_deleted(conn, LATER + timedelta(seconds=59)) == 0
        assert statuses(conn, deleted) == {"in flight": 1}
        assert fail_owed_to_deleted(conn, LATER + timedelta(seconds=61)) == 1
        assert statuses(conn, deleted) == {"failed": 1}
        assert fail_owed_to_deleted(conn, LATER + timedelta(seconds=61)) == 0
        assert backfill(conn, add_hr(conn, vault, "new")) == {"held": 1}

    await database.write(work)
