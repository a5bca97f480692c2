"""Bring the schema to this program's version, or refuse a newer one."""

from __future__ import annotations

import contextlib
import itertools
import logging
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tm20tui.errors import SchemaTooNew, StoreError, StoreUnavailable
from tm20tui.model import utc_now
from tm20tui.store.deliveries import SEEN_UNTIL
from tm20tui.store.engine import Database, mapped_errors, prepare_directory, sqlite_path
from tm20tui.store.restored import hold_what_may_repeat

_MIGRATIONS = Path(__file__).with_name("migrations")

_LOG_IDS_LEFT_OUT = 1_000_000
_SIDES = ("", "-wal", "-shm")


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


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `kept` is what was there before, None if nothing was; `held` deliveries
    wait for an operator, as will punches of the time until `seen_until` that come again."""

    held: int
    kept: Path | None
    seen_until: datetime


def restore(database: Database, source: Path, *, force: bool) -> Restored:
    """Put a backup in the database's place.

    An existing database is overwritten only with `force`, and kept beside as
    `NAME.before-restore`, with a number where one is kept already. What is not known to
    have arrived may have been sent since the backup was made: it is held. New punches get
    log ids that no service can know yet. Raises `StoreError` when the backup is no database
    of ours.
    """
    path = sqlite_path(database.url)
    if path is None:
        raise StoreError("db restore is for SQLite; for PostgreSQL use pg_restore")
    _check_backup(source)
    exists = path.exists() and path.stat().st_size > 0
    if exists and not force:
        raise StoreError(
            f"{path} exists: add --force to replace it (it is kept as {path.name}.before-restore)"
        )
    prepare_directory(database.url)
    staged = path.with_name(path.name + ".restoring")
    for suffix in _SIDES:
        staged.with_name(staged.name + suffix).unlink(missing_ok=True)
    _copy(source, staged)
    held, seen_until = _step_over(staged, path)
    kept = _set_aside(path) if exists else None
    for suffix in _SIDES[1:]:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    staged.replace(path)
    return Restored(held, kept, seen_until)


def _step_over(staged: Path, replaced: Path) -> tuple[int, datetime]:
    """Have a backup repeat nothing that was done after it was made: how many are held, and until
    when punches may have been seen."""
    now = utc_now()
    backup_end, replaced_end = _read_end(staged), _read_end(replaced)
    last = max(backup_end.last_id, replaced_end.last_id)
    seen_until = replaced_end.seen_until
    if seen_until is None or (backup_end.seen_until is not None and seen_until < backup_end.seen_until):
        # It is not the one that the backup was made of.
        seen_until = now
    database = Database(f"sqlite:///{staged}")
    try:
        upgrade(database)
        with mapped_errors(), database.connect(writing=True) as connection, connection.begin():
            held = hold_what_may_repeat(
                connection, log_id_floor=last + _LOG_IDS_LEFT_OUT, seen_until=seen_until, now=now
            )
        database.close()
        with contextlib.closing(sqlite3.connect(staged)) as file:
            file.execute("PRAGMA journal_mode=DELETE")
    except (StoreUnavailable, sqlite3.Error) as error:
        raise StoreError(f"cannot prepare {staged}: {error}") from None
    finally:
        database.close()
    return held, seen_until


class _End(NamedTuple):
    """The last punch of a database file, as far as it can be read: its id, and until when it, or
    one that it replaced itself, received any."""

    last_id: int = 0
    seen_until: datetime | None = None


def _read_end(path: Path) -> _End:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            last, at = connection.execute("SELECT MAX(id), MAX(received_at) FROM punches").fetchone()
            query = "SELECT value FROM totals WHERE name = ?"
            before = connection.execute(query, (SEEN_UNTIL,)).fetchone()
        times = [datetime.fromisoformat(at).replace(tzinfo=UTC)] if at else []
        times += [datetime.fromtimestamp(before[0], UTC)] if before else []
        return _End(int(last or 0), max(times, default=None))
    except (sqlite3.Error, ValueError, TypeError, OverflowError):
        # What a damaged file says may be anything.
        return _End()


def _set_aside(path: Path) -> Path:
    """Keep the database that is replaced, whatever is wrong with it, and what was kept before."""
    name = f"{path.name}.before-restore"
    free = (path.with_name(name if number < 2 else f"{name}-{number}") for number in itertools.count(1))
    kept = next(one for one in free if not one.exists())
    try:
        _copy(path, kept)
    except StoreError:
        # It may be damaged: that is what backups are for.
        for suffix in _SIDES:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(kept.with_name(kept.name + suffix))
    return kept


def _check_backup(source: Path) -> None:
    if not source.is_file():
        raise StoreError(f"there is no file {source}")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
            verdict = connection.execute("PRAGMA quick_check").fetchone()[0]
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError):
        raise StoreError(f"{source} is not a backup of this program's database") from None
    if verdict != "ok":
        raise StoreError(f"{source} is damaged: {verdict}")
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError:
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
