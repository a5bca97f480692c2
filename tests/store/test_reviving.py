"""Deliveries before their time: by hand, and when their service was corrected."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text, update

from tests.store.factories import NOON, add_punches, add_terminal, statuses
from tm20tui.store.dead_letters import discard_chunk
from tm20tui.store.deliveries import refresh_punches, sweep_failed
from tm20tui.store.engine import Database
from tm20tui.store.reviving import ask_to_heal, find_waiting, hasten, heal_chunk
from tm20tui.store.schema import deliveries
from tm20tui.store.services import ServiceDraft, add_service, delete_service
from tm20tui.store.vault import Vault

LATER = NOON + timedelta(days=1)
HOUR = timedelta(hours=1)


def add_hr(conn: Connection, vault: Vault, name: str = "hr", **values: Any) -> int:
    return add_service(conn, vault, ServiceDraft(name=name, base_url="https://hr.example", **values), NOON).id


def settle(conn: Connection, ids: list[int], status: str, at: datetime | None, **values: Any) -> None:
    conn.execute(
        update(deliveries)
        .where(deliveries.c.punch_id.in_(ids))
        .values(status=status, next_attempt_at=at, **values)
    )
    refresh_punches(conn, ids)


def due(conn: Connection) -> list[tuple[str, bool, int]]:
    rows = conn.execute(text("SELECT status, next_attempt_at, attempts FROM deliveries ORDER BY id"))
    return [(row.status, row.next_attempt_at is None, row.attempts) for row in rows]


async def test_what_waits_is_hastened_for_one_terminal_or_all(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        service = add_hr(conn, vault)
        ids = add_punches(conn, one, 6)
        others = add_punches(conn, two, 2)
        settle(conn, ids[:2] + others[:1], "failed", LATER + HOUR, attempts=1)
        settle(conn, ids[2:3], "failed", None, attempts=3)
        settle(conn, ids[3:5] + others[1:], "pending", LATER + HOUR)
        assert hasten(conn, find_waiting(conn, service, one, LATER, 3)) == 3
        found = find_waiting(conn, service, one, LATER, 3)
        assert (len(found), hasten(conn, [*found, 3])) == (1, 1)
        assert find_waiting(conn, service, one, LATER, 3) == []
        assert (
            due(conn)[:6] == [("pending", True, 1)] * 2 + [("failed", True, 3)] + [("pending", True, 0)] * 3
        )
        assert due(conn)[6:] == [("failed", False, 1), ("pending", False, 0)]
        assert hasten(conn, find_waiting(conn, service, None, LATER)) == 2
        assert statuses(conn, service) == {"pending": 7, "failed": 1}
        words = list(conn.scalars(text("SELECT sync_status FROM punches ORDER BY id")))
        assert words == ["pending"] * 2 + ["failed"] + ["pending"] * 5

    await database.write(work)


async def test_what_failed_at_a_corrected_service_is_due_with_all_its_attempts(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_hr(conn, vault)
        other = add_hr(conn, vault, "other", terminal_ids=())
        ids = add_punches(conn, terminal, 8)
        settle(conn, ids[:5], "failed", None, attempts=3, last_error="answered 404")
        settle(conn, ids[5:6], "failed", LATER + HOUR, attempts=1, last_error="answered 404")
        settle(conn, ids[6:7], "failed", None, attempts=3, last_error="answered 404")
        discard_chunk(conn, [7], "discarded by ann: left")
        ask_to_heal(conn, other)
        assert heal_chunk(conn, LATER) == 0
        assert sweep_failed(conn, LATER) == {}
        ask_to_heal(conn, service)
        ask_to_heal(conn, service)
        assert heal_chunk(conn, LATER, 4) == 4
        assert heal_chunk(conn, LATER, 4) == 2
        assert heal_chunk(conn, LATER, 4) == 0
        assert sweep_failed(conn, LATER) == {service: 6}
        assert due(conn) == [("pending", True, 0)] * 6 + [("failed", True, 3), ("pending", True, 0)]
        settle(conn, ids[:1], "failed", None, attempts=1, last_error="answered 404")
        assert heal_chunk(conn, LATER) == 0
        assert conn.scalar(text("SELECT COUNT(*) FROM totals")) == 0

    await database.write(work)


async def test_nothing_is_healed_of_a_deleted_service(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        service = add_hr(conn, vault)
        ids = add_punches(conn, add_terminal(conn), 2)
        settle(conn, ids, "failed", None, attempts=3)
        ask_to_heal(conn, service)
        delete_service(conn, service, LATER)
        assert heal_chunk(conn, LATER) == 0

    await database.write(work)
