"""The schema: what migrations make is what the code expects; backups are whole."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from tests.ingest.frames import log_frame, make_terminal, record, store
from tests.store.factories import NOON, add_punch, add_punches, add_terminal, add_user
from tm20tui.errors import AlreadyRunning, SchemaTooNew, StoreError
from tm20tui.store.batches import claim_batch
from tm20tui.store.deliveries import backfill_chunk, count_doubted, refresh_punches
from tm20tui.store.engine import Database, prepare_directory
from tm20tui.store.lock import exclusive_use
from tm20tui.store.punches import add_punches as store_punches
from tm20tui.store.schema import enrollments, metadata
from tm20tui.store.services import ServiceDraft, add_service, fail_owed_to_deleted
from tm20tui.store.upgrade import _config, backup, current_version, latest_version, restore, upgrade
from tm20tui.store.vault import Vault


async def test_migrations_make_exactly_the_schema_of_the_code(database: Database) -> None:
    with database.connect(writing=False) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert current_version(database) == latest_version()


async def test_upgrading_twice_changes_nothing(database: Database) -> None:
    assert upgrade(database) == latest_version() == upgrade(database)


async def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.connect(writing=True) as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(SchemaTooNew, match="schema 9999"):
            upgrade(database)
    finally:
        with database.connect(writing=True) as connection, connection.begin():
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{latest_version()}'"))


async def test_a_database_serves_one_server(database: Database) -> None:
    other = Database(database.url)
    with (
        exclusive_use(database),
        pytest.raises(AlreadyRunning, match="another tm20tui server"),
        exclusive_use(other),
    ):
        pass
    with exclusive_use(other):
        pass
    other.close()


def add_site(database: Database, name: str) -> None:
    with database.connect(writing=True) as connection, connection.begin():
        connection.execute(text("INSERT INTO sites (name, timezone) VALUES (:n, 'UTC')"), {"n": name})


def site_names(database: Database) -> list[str]:
    with database.connect(writing=False) as connection:
        return list(connection.scalars(text("SELECT name FROM sites ORDER BY id")))


async def test_a_backup_is_whole_and_never_overwrites(sqlite_database: Database, tmp_path: Path) -> None:
    add_site(sqlite_database, "before")
    target = tmp_path / "copy.db"
    assert backup(sqlite_database, target) > 0
    with pytest.raises(StoreError, match="exists"):
        backup(sqlite_database, target)
    add_site(sqlite_database, "after")
    sqlite_database.close()
    with pytest.raises(StoreError, match="--force"):
        restore(sqlite_database, target, force=False)
    restore(sqlite_database, target, force=True)
    assert site_names(sqlite_database) == ["before"]
    kept = Database(f"sqlite:///{tmp_path / 'tm20.db.before-restore'}")
    assert site_names(kept) == ["before", "after"]
    kept.close()


async def test_a_restored_backup_repeats_nothing_that_was_done_after_it(
    sqlite_database: Database, vault: Vault, tmp_path: Path
) -> None:
    def punches(conn: Connection, first: int) -> list[int]:
        return add_punches(conn, 1, 2, first=first)

    await sqlite_database.write(add_terminal)
    await sqlite_database.write(add_service, vault, ServiceDraft("hr", "https://hr.example"), NOON)
    before = await sqlite_database.write(punches, 0)
    backup(sqlite_database, tmp_path / "copy.db")
    after = await sqlite_database.write(punches, 2)
    sqlite_database.close()
    assert restore(sqlite_database, tmp_path / "copy.db", force=True).held == 2
    assert await sqlite_database.read(count_doubted) == {1: 2}
    rows: list[dict[str, Any]] = [
        {
            "terminal_id": 1,
            "enrollid": "5",
            "time_raw": f"2026-03-02 08:00:0{number}",
            "timezone": "UTC",
            "mode": 0,
            "inout": 0,
            "event": 0,
            "received_at": NOON,
            "sync_status": "pending",
        }
        for number in (1, 1, 2)
    ]
    new = [ident for row in rows for ident, _ in await sqlite_database.write(store_punches, [row])]
    new += [ident for ident, _ in await sqlite_database.write(store_punches, [{**rows[0], "event": 1}])]
    assert len(new) == 3
    assert min(new) > max(before + after) + 100_000
    assert new == list(range(new[0], new[0] + 3))


async def test_what_a_restored_backup_would_send_again_by_itself_is_held(
    sqlite_database: Database, vault: Vault, tmp_path: Path
) -> None:
    """Under other keys than since: what was being sent, and what had failed."""

    def fill(conn: Connection) -> None:
        add_terminal(conn)
        add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON)
        ids = add_punches(conn, 1, 6)
        claim_batch(
            conn,
            1,
            limit=2,
            node="here",
            lease_seconds=60,
            now=NOON,
            render=lambda _: b"",
            new_key=lambda: "k",
        )
        for ident, changes in (
            (ids[2], "status = 'failed', attempts = 1, next_attempt_at = '2025-12-30 13:00:00.000000'"),
            (ids[3], "status = 'failed', attempts = 3, last_error = 'answered 422'"),
            (ids[4], "status = 'failed', last_error = 'discarded by Ann: twice'"),
            (ids[5], "status = 'sent'"),
        ):
            conn.execute(text(f"UPDATE deliveries SET {changes} WHERE punch_id = {ident}"))
        refresh_punches(conn, ids)

    await sqlite_database.write(fill)
    backup(sqlite_database, tmp_path / "copy.db")
    sqlite_database.close()
    assert restore(sqlite_database, tmp_path / "copy.db", force=True).held == 4
    with sqlite_database.connect(writing=False) as connection:
        query = text("SELECT status, next_attempt_at FROM deliveries ORDER BY punch_id")
        assert [tuple(row) for row in connection.execute(query)] == [("held", None)] * 4 + [
            ("failed", None),
            ("sent", None),
        ]
        query = text("SELECT sync_status FROM punches ORDER BY id")
        assert list(connection.scalars(query)) == ["pending"] * 4 + ["failed", "sent"]
        assert list(connection.scalars(text("SELECT status FROM batches"))) == ["returned"]


@pytest.mark.parametrize("is_lost", [False, True])
async def test_punches_that_may_have_been_delivered_before_a_restore_are_held_when_they_come_again(
    sqlite_database: Database, vault: Vault, tmp_path: Path, is_lost: bool
) -> None:
    await sqlite_database.write(add_terminal)
    await sqlite_database.write(add_punch, 1, 0)
    backup(sqlite_database, tmp_path / "copy.db")
    await sqlite_database.write(add_punch, 1, 60)
    sqlite_database.close()
    if is_lost:
        (tmp_path / "tm20.db").unlink()
    before = datetime.now(UTC)
    done = restore(sqlite_database, tmp_path / "copy.db", force=True)
    if is_lost:
        assert done.seen_until >= before
    else:
        assert done.seen_until == NOON + timedelta(seconds=60)
    await sqlite_database.write(add_service, vault, ServiceDraft("hr", "https://hr.example"), NOON)
    await sqlite_database.write(backfill_chunk, 1)
    terminal = await make_terminal(sqlite_database, timezone="UTC")
    for at in (done.seen_until, done.seen_until + timedelta(hours=1)):
        frame = log_frame(terminal, record(5, f"{at:%Y-%m-%d %H:%M:%S}"), received_at=at)
        await store(sqlite_database, vault, frame)
    with sqlite_database.connect(writing=False) as connection:
        query = text("SELECT status, last_error FROM deliveries ORDER BY punch_id")
        held = ("held", "may have arrived before the backup was restored")
        assert [tuple(row) for row in connection.execute(query)] == [held, held, ("pending", "")]


async def test_what_a_deleted_service_left_behind_ends_after_a_restore_too(
    sqlite_database: Database, vault: Vault, tmp_path: Path
) -> None:
    def fill(conn: Connection) -> None:
        add_terminal(conn)
        add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), NOON)
        add_punches(conn, 1, 1)
        claim_batch(
            conn, 1, limit=1, node="n", lease_seconds=60, now=NOON, render=lambda _: b"", new_key=lambda: "k"
        )
        conn.execute(text("UPDATE services SET deleted_at = updated_at"))

    await sqlite_database.write(fill)
    backup(sqlite_database, tmp_path / "copy.db")
    sqlite_database.close()
    assert restore(sqlite_database, tmp_path / "copy.db", force=True).held == 0
    assert await sqlite_database.write(fail_owed_to_deleted, NOON + timedelta(hours=1)) == 1


async def test_a_damaged_database_can_be_replaced_and_all_that_was_replaced_is_kept(
    sqlite_database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "tm20.db"
    backup(sqlite_database, tmp_path / "copy.db")
    sqlite_database.close()
    found: list[tuple[Path | None, bytes]] = []
    for damage in (b"no database" * 100, b"neither" * 100):
        path.write_bytes(damage)
        found.append((restore(sqlite_database, tmp_path / "copy.db", force=True).kept, damage))
        assert site_names(sqlite_database) == []
        sqlite_database.close()
    restored = restore(sqlite_database, tmp_path / "copy.db", force=True).kept
    kept = [tmp_path / f"tm20.db.before-restore{number}" for number in ("", "-2", "-3")]
    assert [path for path, _ in found] + [restored] == kept
    assert all(path is not None and path.read_bytes() == damage for path, damage in found)


async def test_a_backup_of_an_older_program_is_restored(tmp_path: Path) -> None:
    old, path = tmp_path / "old.db", tmp_path / "tm20.db"
    database = Database(f"sqlite:///{old}")
    config = _config()
    with database.connect(writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text("INSERT INTO sites (name, timezone) VALUES ('old', 'UTC')"))
    database.close()
    database = Database(f"sqlite:///{path}")
    assert restore(database, old, force=False).kept is None
    assert (site_names(database), current_version(database)) == (["old"], latest_version())
    database.close()


async def test_what_is_no_backup_of_ours_is_refused(sqlite_database: Database, tmp_path: Path) -> None:
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"not a database" * 100)
    unversioned, cut = tmp_path / "unversioned.db", tmp_path / "cut.db"
    backup(sqlite_database, unversioned)
    cut.write_bytes(unversioned.read_bytes()[:100_000])
    with contextlib.closing(sqlite3.connect(unversioned)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    for source in (junk, tmp_path / "absent.db", unversioned, cut):
        with pytest.raises(StoreError, match=r"not a backup|no file"):
            restore(sqlite_database, source, force=True)


async def test_the_audit_can_only_grow(database: Database) -> None:
    row = (
        "INSERT INTO audit (at, operator, role, origin, operation, outcome, duration_seconds, "
        "correlation_id) "
        "VALUES (CURRENT_TIMESTAMP, 'ann', 'admin', 'socket', 'terminals.approve', 'done', 0, 'x')"
    )
    for statement in ("UPDATE audit SET operator = 'bob'", "DELETE FROM audit"):
        with database.connect(writing=True) as connection, connection.begin():
            connection.execute(text(row))
        with (
            pytest.raises(DBAPIError, match="can only grow"),
            database.connect(writing=True) as connection,
            connection.begin(),
        ):
            connection.execute(text(statement))


async def test_enrollments_of_before_stay_what_they_were(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    prepare_directory(database.url)
    config = _config()
    with database.connect(writing=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        user = add_user(connection, "7", "Ann")
        connection.execute(
            text(
                "INSERT INTO enrollments (id, terminal_id, user_id, reported_name, reported_at) "
                "VALUES (5, :terminal, :user, 'Anna', '2026-01-02 03:04:05')"
            ),
            {"terminal": add_terminal(connection), "user": user},
        )
    upgrade(database)
    with database.connect(writing=False) as connection:
        (row,) = connection.execute(select(enrollments))
    database.close()
    assert (row.id, row.reported_name, row.reported_state) == (5, "Anna", "present")
    assert (row.desired_state, row.result, str(row.reported_at)) == (None, "", "2026-01-02 03:04:05+00:00")
