"""Services: secrets stay sealed, a newcomer takes over what nobody was owed, deleting forgets nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text

from tests.store.factories import NOON, add_punch, add_punches, add_terminal, statuses
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.store.batches import claim_batch
from tm20tui.store.deliveries import SWEEP_CHUNK, backfill_chunk
from tm20tui.store.engine import Database
from tm20tui.store.services import (
    ServiceDraft,
    add_service,
    delete_service,
    fail_owed_to_deleted,
    find_service_by_name,
    get_secrets,
    get_service,
    list_owed,
    list_services,
    set_health,
    update_service,
)
from tm20tui.store.vault import Vault

DRAFT = ServiceDraft(name="payroll", base_url="https://hr.example")
LATER = NOON + timedelta(hours=1)


async def test_secrets_are_sealed_in_the_row_and_read_back_as_entered(
    database: Database, vault: Vault
) -> None:
    draft = replace(
        DRAFT, auth_type="bearer", auth_token="s3cret-token", extra_headers={"X-Tenant": "t3nant"}
    )

    def work(conn: Connection) -> None:
        service = add_service(conn, vault, draft, NOON)
        assert service.has_auth_token
        assert service.extra_header_names == ("X-Tenant",)
        row = str(conn.execute(text("SELECT * FROM services")).first())
        assert "s3cret-token" not in row
        assert "t3nant" not in row
        secrets = get_secrets(conn, vault, service.id)
        assert secrets.auth_token == "s3cret-token"
        assert secrets.extra_headers == {"X-Tenant": "t3nant"}
        assert "s3cret-token" not in repr(draft) + repr(secrets) + repr(service)

    await database.write(work)


PAUSED: dict[str, Any] = {
    "health": "paused",
    "reason": "401",
    "failures": 3,
    "retry_at": LATER,
    "batch_limit": 10,
}


async def test_an_update_keeps_secrets_that_it_does_not_name(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        service = add_service(conn, vault, replace(DRAFT, auth_token="kept"), NOON)
        assert update_service(conn, vault, service.id, replace(DRAFT, name="pay"), LATER).name == "pay"
        assert get_secrets(conn, vault, service.id).auth_token == "kept"
        update_service(conn, vault, service.id, replace(DRAFT, auth_token=""), LATER)
        assert not get_service(conn, service.id).has_auth_token
        assert not set_health(conn, service, **PAUSED)
        assert get_service(conn, service.id).health == "healthy"

    await database.write(work)


@pytest.mark.parametrize(
    ("changes", "health", "limit", "asked"),
    [
        ({"description": "new", "users_endpoint": "/u", "retry_attempts": 9}, "paused", 10, 0),
        ({"sync_interval_minutes": 1, "name": "other"}, "paused", 10, 0),
        ({"auth_token": "same", "extra_headers": {"X-A": "same"}}, "paused", 10, 0),
        ({"batch_size": 50}, "paused", None, 0),
        ({"timeout_seconds": 5.0}, "healthy", None, 0),
        ({"is_active": False}, "healthy", None, 0),
        ({"base_url": "https://new.example"}, "healthy", None, 1),
        ({"attendance_endpoint": "/new"}, "healthy", None, 1),
        ({"auth_type": "bearer"}, "healthy", None, 1),
        ({"auth_header_name": "X-Other"}, "healthy", None, 1),
        ({"auth_token": "new"}, "healthy", None, 1),
        ({"auth_token": ""}, "healthy", None, 1),
        ({"extra_headers": {"X-A": "new"}}, "healthy", None, 1),
        ({"extra_headers": {}}, "healthy", None, 1),
    ],
)
async def test_an_update_heals_the_service_when_sending_depends_on_what_changed(
    database: Database, vault: Vault, changes: dict[str, Any], health: str, limit: int | None, asked: int
) -> None:
    def work(conn: Connection) -> None:
        first = replace(DRAFT, auth_token="same", extra_headers={"X-A": "same"})
        service = add_service(conn, vault, first, NOON)
        assert set_health(conn, service, **PAUSED)
        found = update_service(conn, vault, service.id, replace(DRAFT, **changes), LATER)
        assert (found.health, found.batch_limit) == (health, limit)
        assert (found.failures, found.retry_at) == ((3, LATER) if health == "paused" else (0, None))
        assert conn.scalar(text("SELECT COUNT(*) FROM totals WHERE name = 'heal:1'")) == asked

    await database.write(work)


async def test_a_token_that_cannot_be_read_is_corrected_by_entering_it_again(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        service = add_service(conn, Vault(Fernet.generate_key()), replace(DRAFT, auth_token="same"), NOON)
        assert set_health(conn, service, **PAUSED)
        draft = replace(DRAFT, auth_token="same")
        assert update_service(conn, vault, service.id, draft, LATER).health == "healthy"

    await database.write(work)


async def test_names_are_unique_among_services_that_are_not_deleted(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        first = add_service(conn, vault, DRAFT, NOON)
        with pytest.raises(Conflict, match="'payroll'"):
            add_service(conn, vault, DRAFT, NOON)
        other = add_service(conn, vault, replace(DRAFT, name="other"), NOON)
        with pytest.raises(Conflict):
            update_service(conn, vault, other.id, DRAFT, NOON)
        delete_service(conn, first.id, NOON)
        with pytest.raises(NotFound, match=f"no third-party config with id {first.id}"):
            get_service(conn, first.id)
        assert find_service_by_name(conn, "payroll") is None
        assert add_service(conn, vault, DRAFT, NOON).id != first.id
        assert [service.name for service in list_services(conn)] == ["other", "payroll"]

    await database.write(work)


async def test_a_punch_is_owed_to_services_of_its_terminal_and_to_those_of_all(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        everywhere = add_service(conn, vault, replace(DRAFT, is_active=False), NOON)
        only_one = add_service(conn, vault, replace(DRAFT, name="one", terminal_ids=(one,)), NOON)
        add_service(conn, vault, replace(DRAFT, name="none", terminal_ids=()), NOON)
        owed = list_owed(conn)
        assert owed.service_ids(one) == (everywhere.id, only_one.id)
        assert owed.service_ids(two) == (everywhere.id,)
        assert get_service(conn, only_one.id).terminal_ids == (one,)
        with pytest.raises(InvalidInput, match="no terminal with id 99"):
            add_service(conn, vault, replace(DRAFT, name="x", terminal_ids=(99,)), NOON)

    await database.write(work)


async def test_a_new_service_takes_over_in_chunks_what_nobody_was_owed(
    database: Database, vault: Vault
) -> None:
    def before(conn: Connection) -> int:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B")
        for number in range(7):
            add_punch(conn, one, number)
        add_punch(conn, one, 7, time_problem="in the future")
        add_punch(conn, two, 8)
        service = add_service(conn, vault, replace(DRAFT, terminal_ids=(one,)), NOON)
        add_punches(conn, one, 1, first=9)
        return service.id

    service_id = await database.write(before)
    rounds = 1
    while await database.write(backfill_chunk, service_id, 4):
        rounds += 1
    assert rounds == 3
    assert await database.read(statuses, service_id) == {"pending": 8, "held": 1}
    assert not await database.write(backfill_chunk, service_id, 4)
    late = await database.write(lambda conn: add_service(conn, vault, replace(DRAFT, name="late"), NOON))
    assert not await database.write(backfill_chunk, late.id)
    assert await database.read(statuses, late.id) == {"pending": 1}


async def test_deleting_a_service_fails_all_it_was_owed_and_says_so(database: Database, vault: Vault) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, DRAFT, NOON)
        add_punches(conn, terminal, 5)
        batch = claim_batch(
            conn,
            service.id,
            limit=2,
            node="n",
            lease_seconds=60,
            now=LATER,
            render=lambda rows: b"{}",
            new_key=lambda: "key",
        )
        assert batch is not None
        assert delete_service(conn, service.id, LATER) == 5
        assert statuses(conn, service.id) == {"failed": 5}
        rows = conn.execute(text("SELECT last_error, next_attempt_at FROM deliveries ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [
            *[("may have arrived before the service was deleted", None)] * 2,
            *[("the service was deleted", None)] * 3,
        ]
        assert conn.scalars(text("SELECT DISTINCT sync_status FROM punches")).all() == ["pending"]
        assert conn.scalars(text("SELECT status FROM batches")).all() == ["returned"]
        assert list_owed(conn).service_ids(terminal) == ()

    await database.write(work)


async def test_a_large_debt_of_a_deleted_service_is_given_up_in_chunks(
    database: Database, vault: Vault
) -> None:
    def work(conn: Connection) -> None:
        terminal = add_terminal(conn)
        service = add_service(conn, vault, DRAFT, NOON)
        add_punches(conn, terminal, SWEEP_CHUNK + 30)
        assert delete_service(conn, service.id, LATER) == SWEEP_CHUNK + 30
        assert statuses(conn, service.id) == {"failed": SWEEP_CHUNK, "pending": 30}
        assert fail_owed_to_deleted(conn, NOON) == 30
        assert fail_owed_to_deleted(conn, NOON) == 0
        assert conn.scalars(text("SELECT DISTINCT sync_status FROM punches")).all() == ["pending"]

    await database.write(work)
