"""Two services that settle one punch at the same moment, on PostgreSQL."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Connection, text

from tests.store.factories import NOON, add_punches, add_terminal
from tm20tui.store.deliveries import refresh_punches
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.vault import Vault


@pytest.mark.postgres
def test_the_last_to_settle_a_punch_sees_what_the_other_did(clean_postgres_url: str, vault: Vault) -> None:
    database = Database(clean_postgres_url)
    with database.engine.begin() as conn:
        first, second = (
            add_service(conn, vault, ServiceDraft(name=name, base_url="http://hr.example"), NOON).id
            for name in ("first", "second")
        )
        punches = add_punches(conn, add_terminal(conn), 50)
    both = threading.Barrier(2)

    def settle(conn: Connection, service: int) -> None:
        query = text("UPDATE deliveries SET status = 'sent' WHERE service_id = :service")
        conn.execute(query, {"service": service})
        both.wait(30)
        refresh_punches(conn, punches)

    def settle_second() -> None:
        with database.engine.begin() as conn:
            settle(conn, second)

    other = threading.Thread(target=settle_second)
    other.start()
    with database.engine.begin() as conn:
        settle(conn, first)
    other.join(30)
    with database.engine.begin() as conn:
        assert conn.execute(text("SELECT DISTINCT sync_status FROM punches")).scalars().all() == ["sent"]
    database.close()
