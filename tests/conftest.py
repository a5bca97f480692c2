"""Fixtures of the whole suite: a database on both engines, a vault.

PostgreSQL is used where one answers (`TM20_TEST_POSTGRES_URL`, by default
127.0.0.1:5432); each worker makes a database of its own there and drops it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis
import psycopg
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, exc, text
from sqlalchemy.engine import make_url
from trio.testing import MockClock

from tests.clocks import jumping_clock
from tests.databases import sqlite_template
from tm20tui.store.engine import Database
from tm20tui.store.schema import metadata
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault

# A busy machine is no finding.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

# What is started speaks English, whoever runs the tests.
for name in ("LC_ALL", "LC_MESSAGES", "TM20_LANG"):
    os.environ.pop(name, None)
os.environ["LANG"] = "en_GB.UTF-8"

LONG = (
    "crash",
    "soak",
    "user_load",
    "process",
    "api/test_schemathesis.py",
    "tui/test_pictures.py",
    "tui/test_local.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first: at the end one worker would be busy with the last of them alone."""
    here = Path(__file__).parent
    items.sort(key=lambda item: not item.path.relative_to(here).as_posix().startswith(LONG))


ZONES = ("UTC", "Europe/Paris", "Asia/Kolkata")
"""Of the sites in tests."""
ROOM = timedelta(seconds=60)
PAST = timedelta(seconds=20)


def pytest_runtest_setup() -> None:
    """Many tests compare days and local times: no day ends, no clock is changed in the middle of one.

    And some want so many punches of today that it must have lasted for some seconds.
    """
    while any(_changes_now(ZoneInfo(zone)) for zone in ZONES):
        time.sleep(0.5)


def _changes_now(zone: ZoneInfo) -> bool:
    now = datetime.now(UTC)
    before, after = (now - PAST).astimezone(zone), (now + ROOM).astimezone(zone)
    return (before.date(), before.utcoffset()) != (after.date(), after.utcoffset())


POSTGRES_URL = os.environ.get("TM20_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")

_TABLES = [table.name for table in reversed(metadata.sorted_tables) if table.name != "audit"]
# Most tables are empty: deleting is 20 times as fast as TRUNCATE of all, but the audit refuses it.
_EMPTY = f"""DO $$ BEGIN
    {" ".join(f"DELETE FROM {name};" for name in _TABLES)}
    IF EXISTS (SELECT FROM audit) THEN TRUNCATE audit; END IF;
    PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences
        WHERE schemaname = current_schema();
END $$"""


@pytest.fixture(scope="session")
def postgres_url(worker_id: str) -> Iterator[str]:
    """A PostgreSQL database of this worker's own, upgraded; skips loudly where none answers."""
    admin = create_engine(
        make_url(POSTGRES_URL).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 3},
    )
    name = f"tm20tui_test_{worker_id}_{os.getpid()}"
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
            # No test outlives PostgreSQL itself, and the commits are many.
            connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit TO off"))
    except exc.OperationalError:
        pytest.skip("POSTGRESQL NOT TESTED: no server answers at TM20_TEST_POSTGRES_URL")
    url = make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)
    database = Database(url)
    upgrade(database)
    database.close()
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty, upgraded SQLite database."""
    path = tmp_path / "tm20.db"
    shutil.copy(sqlite_template(), path)
    return f"sqlite:///{path}"


@pytest.fixture
def clean_postgres_url(postgres_url: str) -> str:
    """The URL of an upgraded PostgreSQL database without rows."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute(_EMPTY)
    return postgres_url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, upgraded database on each engine."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "clean_postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> Iterator[Database]:
    """An empty, upgraded `Database` on each engine."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """An empty, upgraded SQLite `Database`, for tests that the engine cannot matter to."""
    database = Database(sqlite_url)
    yield database
    database.close()


@pytest.fixture
def vault() -> Vault:
    """A vault with a fresh key."""
    return Vault(Fernet.generate_key())


@pytest.fixture
def autojump_clock() -> MockClock:
    """Time jumps as soon as no task and no thread has anything to do."""
    return jumping_clock(0)
