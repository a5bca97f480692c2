"""PostgreSQL databases of a test's own, and ways to take them from a server."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """A new, empty database on that server, dropped afterwards."""
    name = f"tm20tui_process_{random.randrange(10**9)}"
    _execute(server_url, f"CREATE DATABASE {name}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def take_away(server_url: str, url: str) -> None:
    """As when PostgreSQL is stopped: whoever is connected is cut off, and nobody comes in."""
    name = make_url(url).database
    _execute(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    connected = f"FROM pg_stat_activity WHERE datname = '{name}'"
    _execute(server_url, f"SELECT pg_terminate_backend(pid) {connected}")
    # They end when they notice, and hold their locks until then.
    with psycopg.connect(server_url, autocommit=True) as connection:
        while connection.execute(f"SELECT 1 {connected}").fetchall():  # type: ignore[arg-type]
            time.sleep(0.01)


def give_back(server_url: str, url: str) -> None:
    """As when it is started again."""
    _execute(server_url, f"ALTER DATABASE {make_url(url).database} ALLOW_CONNECTIONS true")


@contextmanager
def stolen_lock(url: str) -> Iterator[None]:
    """Cut off the session that holds the lock of the database, and hold it instead."""
    with psycopg.connect(url, autocommit=True) as connection:
        held = (
            "SELECT l.pid, l.objid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )
        connection.execute("SET lock_timeout = '1s'")
        ((pid, number),) = connection.execute(held).fetchall()
        while True:
            connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
            try:
                connection.execute("SELECT pg_advisory_lock(%s::bigint)", (number,))
                break
            except psycopg.errors.LockNotAvailable:  # the server was faster
                ((pid, _),) = connection.execute(held).fetchall()
        yield


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]
