"""Bring the schema to this program's version, or refuse a newer one."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tm20tui.errors import SchemaTooNew, StoreError
from tm20tui.store.deliveries import DOUBTED
from tm20tui.store.engine import Database, mapped_errors, prepare_directory, sqlite_path
from tm20tui.store.punches import LOG_ID_FLOOR

_MIGRATIONS = Path(__file__).with_name("migrations")

_LOG_IDS_LEFT_OUT = 1_000_000


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def latest_version() -> str:
    """The revision this program needs."""
    return _head(ScriptDirectory.from_config(_config()))


def current_version(database: Database) -> str | None:
    """The revision of the database, None when it has no schema yet."""
    path = sqlite_path(database.url)
    if path is not None and not path.exists():
        return None
    with mapped_errors(), database.connect(writing=False) as connection, connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> str:
    """Apply the missing migrations in one transaction; return the revision reached.

    Raises:
        SchemaTooNew: a newer program has upgraded this database.
        StoreUnavailable: the database cannot be used.
    """
    prepare_directory(database.url)
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    head = _head(scripts)
    with mapped_errors(), database.connect(writing=True) as connection, connection.begin():
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return head
        try:
            scripts.get_revision(current or "base")
        except CommandError:
            raise SchemaTooNew(
                f"the database {database.label} has schema {current}, made by a newer tm20tui than this one "
                f"(which knows {head}): install the newer program"
            ) from None
        config.attributes["connection"] = connection
        logging.getLogger("alembic").setLevel(logging.WARNING)
        command.upgrade(config, "head")
    return head


def _head(scripts: ScriptDirectory) -> str:
    head = scripts.get_current_head()
    assert head is not None
    return head


def backup(database: Database, target: Path) -> int:
    """Copy an SQLite database while it is in use; return the bytes written.

    The copy is made beside the target and renamed, so that a target that exists is
    a whole backup. Raises `StoreError` for PostgreSQL (use `pg_dump`) or when the
    target exists or cannot be written.
    """
    path = sqlite_path(database.url)
    if path is None:
        raise StoreError("db backup is for SQLite; for PostgreSQL use pg_dump")
    if not path.exists():
        raise StoreError(f"there is no database at {path}")
    if target.exists():
        raise StoreError(f"{target} exists: choose another name, a backup is never overwritten")
    _copy(path, target)
    return target.stat().st_size


def restore(database: Database, source: Path, *, force: bool) -> int:
    """Put a backup in the database's place; return how many deliveries wait for an operator now.

    An existing database is overwritten only with `force`, and kept beside as
    `NAME.before-restore`. What was pending may have been sent since the backup was made: it
    is held. New punches get log ids that no service can know yet. Raises `StoreError` when
    the backup is no database of ours.
    """
    path = sqlite_path(database.url)
    if path is None:
        raise StoreError("db restore is for SQLite; for PostgreSQL use pg_restore")
    _check_backup(source)
    if path.exists() and path.stat().st_size and not force:
        raise StoreError(
            f"{path} exists: add --force to replace it (it is kept as {path.name}.before-restore)"
        )
    prepare_directory(database.url)
    staged = path.with_name(path.name + ".restoring")
    staged.unlink(missing_ok=True)
    _copy(source, staged)
    held = _step_over(staged, path)
    if path.exists() and path.stat().st_size:
        kept = path.with_name(path.name + ".before-restore")
        kept.unlink(missing_ok=True)
        _copy(path, kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    staged.replace(path)
    return held


def _step_over(staged: Path, replaced: Path) -> int:
    """Have a backup repeat nothing that was done after it was made; return how many are held."""
    last = max(_last_punch(staged), _last_punch(replaced))
    try:
        with contextlib.closing(sqlite3.connect(staged)) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO totals (name, node, value) VALUES (?, '', ?)",
                (LOG_ID_FLOOR, last + _LOG_IDS_LEFT_OUT),
            )
            return connection.execute(
                "UPDATE deliveries SET status = 'held', last_error = ? WHERE status = 'pending'",
                (f"{DOUBTED}since the backup was made",),
            ).rowcount
    except sqlite3.Error as error:
        raise StoreError(f"cannot prepare {staged}: {error}") from None


def _last_punch(path: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT MAX(id) FROM punches").fetchone()[0] or 0)
    except sqlite3.Error:
        return 0


def _check_backup(source: Path) -> None:
    if not source.is_file():
        raise StoreError(f"there is no file {source}")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        raise StoreError(f"{source} is not a backup of this program's database") from None
    if verdict != "ok":
        raise StoreError(f"{source} is damaged: {verdict}")
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision[0])
    except (CommandError, TypeError):
        raise SchemaTooNew(f"{source} was made by a newer tm20tui than this one") from None


def _copy(source: Path, target: Path) -> None:
    staged = target.with_name(target.name + ".part")
    try:
        staged.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(source, timeout=30)) as origin,
            contextlib.closing(sqlite3.connect(staged)) as copy,
        ):
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        staged.chmod(0o600)
        staged.replace(target)
    except (OSError, sqlite3.Error) as error:
        staged.unlink(missing_ok=True)
        raise StoreError(f"cannot copy {source} to {target}: {error}") from None
