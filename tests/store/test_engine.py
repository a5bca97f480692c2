"""The database behind `read` and `write`: durable, serial, honest about being down."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from sqlalchemy import Connection, text

from tm20tui.errors import ConfigError, StoreUnavailable
from tm20tui.store.engine import Database, parse_url


def add_site(connection: Connection, name: str) -> None:
    connection.execute(text("INSERT INTO sites (name, timezone) VALUES (:n, 'UTC')"), {"n": name})


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT name FROM sites ORDER BY name")))


async def test_a_write_is_seen_by_later_reads(database: Database) -> None:
    await database.write(add_site, "here")
    assert await database.read(names) == ["here"]


async def test_a_write_that_raises_keeps_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        add_site(connection, "half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(half)
    assert await database.read(names) == []


async def test_concurrent_writes_all_succeed(database: Database) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(database.write, add_site, f"site {number:02}")
    assert len(await database.read(names)) == 50


async def test_sqlite_commits_are_synced(sqlite_database: Database) -> None:
    def pragmas(connection: Connection) -> tuple[object, object, object]:
        return tuple(  # type: ignore[return-value]
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        )

    assert await sqlite_database.read(pragmas) == ("wal", 2, 1)


async def test_a_database_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'absent' / 'tm20.db'}")
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        await database.read(names)
    database.close()


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    database = Database("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable) as raised:
        await database.read(names)
    assert "secret" not in str(raised.value)
    assert "secret" not in database.label
    database.close()


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:///a.db", "sqlite"),
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg"),
    ],
)
def test_urls_that_can_be_used(url: str, driver: str) -> None:
    assert parse_url(url).drivername == driver


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:"])
def test_urls_that_cannot_be_used_say_what_can(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///PATH or postgresql://") as raised:
        parse_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.postgres
async def test_a_read_only_postgres_is_unavailable(clean_postgres_url: str) -> None:
    def write(connection: Connection) -> None:
        # As on a standby, and where a provider has stopped writes to a full disk.
        connection.execute(text("SET TRANSACTION READ ONLY"))
        add_site(connection, "here")

    database = Database(clean_postgres_url)
    with pytest.raises(StoreUnavailable, match="read-only"):
        await database.write(write)
    database.close()
