"""What a delivery went through is remembered; what an operator discarded stays so."""

from __future__ import annotations

import itertools
import json
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text

from tests.store.factories import NOON, add_punches, add_terminal, statuses
from tm20tui.store import upgrade as upgrade_module
from tm20tui.store.batches import Batch, claim_batch, return_batch, split_batch
from tm20tui.store.dead_letters import discard_chunk, retry_chunk
from tm20tui.store.deliveries import sweep_failed
from tm20tui.store.engine import Database
from tm20tui.store.history import list_attempts
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.settling import (
    Attempt,
    Settlement,
    record_attempt,
    refuse_single,
    settle_records,
    settle_sent,
    take_back_refusals,
)
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(days=1)
_numbers = itertools.count(1)


def how(number: int) -> dict[str, object]:
    return {
        "node": "here",
        "lease_seconds": 60,
        "now": LATER + timedelta(seconds=number),
        "render": lambda rows: json.dumps([row.punch_id for row in rows]).encode(),
        "new_key": lambda: f"key-{next(_numbers)}",
    }


def claim(conn: Connection, service: int, number: int) -> Batch:
    batch = claim_batch(conn, service, limit=100, **how(number))  # type: ignore[arg-type]
    assert batch is not None
    return batch


def attempt(conn: Connection, batch: Batch, outcome: str, number: int) -> None:
    record_attempt(conn, batch, Attempt(LATER + timedelta(seconds=number), 0.1, 200, outcome))


async def test_every_batch_that_was_tried_is_remembered(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON).id
        add_punches(conn, terminal, 2)
        never_sent = claim(conn, service, 0)
        return_batch(conn, never_sent.id, LATER)
        assert conn.scalar(text("SELECT COUNT(*) FROM delivery_batches")) == 0
        whole = claim(conn, service, 1)
        attempt(conn, whole, "split", 1)
        halves = split_batch(conn, whole, **how(2))  # type: ignore[arg-type]
        for half in halves:
            assert return_batch(conn, half.id, LATER) == 1
        put_off = claim(conn, service, 3)
        attempt(conn, put_off, "settled", 3)
        settle_records(conn, put_off, [Settlement(row, "pending", "later") for row in put_off.rows], LATER)
        last = claim(conn, service, 4)
        attempt(conn, last, "sent", 4)
        assert settle_sent(conn, last, LATER) == 2
        for delivery in (1, 2):
            assert [one.outcome for one in list_attempts(conn, delivery)] == ["split", "settled", "sent"]
        assert conn.scalar(text("SELECT COUNT(*) FROM delivery_batches")) == 4

    await database.write(work)


async def test_what_is_sent_at_once_costs_no_row(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON).id
        add_punches(conn, terminal, 3)
        batch = claim(conn, service, 1)
        attempt(conn, batch, "sent", 1)
        settle_sent(conn, batch, LATER)
        assert conn.scalar(text("SELECT COUNT(*) FROM delivery_batches")) == 0
        assert [one.outcome for one in list_attempts(conn, 2)] == ["sent"]
        assert list_attempts(conn, 99) == []

    await database.write(work)


async def test_the_brake_takes_back_nothing_that_was_discarded(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON).id
        add_punches(conn, terminal, 2)
        rows = []
        for number in range(2):
            batch = claim_batch(conn, service, limit=1, **how(number))  # type: ignore[arg-type]
            assert batch is not None
            refuse_single(conn, batch, Settlement(batch.rows[0], "failed", "no"), LATER)
            rows += batch.rows
        assert discard_chunk(conn, [1], "discarded by ann: left") == {service: 1}
        assert take_back_refusals(conn, rows) == 1
        assert statuses(conn, service) == {"failed": 1, "pending": 1}
        assert retry_chunk(conn, [1, 2], with_discarded=False) == {}
        assert retry_chunk(conn, [1, 2]) == {service: 1}
        assert discard_chunk(conn, [1, 2], "x") == {}

    await database.write(work)


async def test_an_upgrade_keeps_the_batches_of_what_waits(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = upgrade_module._config()
    with database.connect(writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        terminal = add_terminal(connection)
        connection.execute(
            text(
                "INSERT INTO services (name, base_url, created_at, updated_at) "
                "VALUES ('hr', 'https://hr.example', '2025-12-30 12:00:00', '2025-12-30 12:00:00')"
            )
        )
        add_punches(connection, terminal, 4)
        for ident, status, batch in ((1, "failed", 7), (2, "pending", 8), (3, "sent", 9)):
            connection.execute(
                text("UPDATE deliveries SET status = :s, batch_id = :b WHERE id = :d"),
                {"s": status, "b": batch, "d": ident},
            )
    upgrade_module.upgrade(database)
    with database.connect(writing=False) as connection:
        found = connection.execute(text("SELECT delivery_id, batch_id FROM delivery_batches ORDER BY 1"))
        assert [tuple(row) for row in found] == [(1, 7), (2, 8)]
    database.close()


async def test_many_at_once_change_their_punches_too(database: Database, vault: Vault) -> None:
    count = 600

    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON).id
        add_punches(conn, terminal, count)
        assert discard_chunk(conn, range(1, count + 1), "x") == {}
        conn.execute(text("UPDATE deliveries SET status = 'failed'"))
        conn.execute(text("UPDATE punches SET sync_status = 'failed'"))
        assert retry_chunk(conn, range(1, count + 1)) == {service: count}
        words = conn.execute(text("SELECT DISTINCT sync_status FROM punches")).scalars().all()
        assert words == ["pending"]

    await database.write(work)


@pytest.mark.postgres
def test_the_sweep_takes_nothing_that_is_discarded_at_the_same_moment(
    clean_postgres_url: str, vault: Vault
) -> None:
    database = Database(clean_postgres_url)
    with database.engine.begin() as conn:
        terminal = add_terminal(conn)
        add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON)
        add_punches(conn, terminal, 1)
        conn.execute(text("UPDATE deliveries SET status = 'failed', next_attempt_at = :at"), {"at": NOON})

    def sweep() -> None:
        with database.engine.begin() as conn:
            sweep_failed(conn, LATER)

    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    other = threading.Thread(target=sweep)
    with database.engine.begin() as conn:
        discard_chunk(conn, [1], "discarded by ann: arrived")
        other.start()
        ends = time.monotonic() + 30
        while not conn.scalar(waiting):
            assert time.monotonic() < ends
            time.sleep(0.01)
            conn.execute(text("SELECT pg_stat_clear_snapshot()"))
    other.join(30)
    with database.engine.begin() as conn:
        assert list(conn.scalars(text("SELECT status FROM deliveries"))) == ["failed"]
    database.close()
