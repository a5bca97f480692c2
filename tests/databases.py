"""An SQLite file with the current schema, made once and copied by each test."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from tm20tui.store.engine import Database
from tm20tui.store.upgrade import upgrade


@functools.cache
def sqlite_template() -> Path:
    """The file; to be copied, never opened."""
    folder = _folder()
    path = Path(folder.name) / "template.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.close()
    return path


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when the worker ends."""
    return tempfile.TemporaryDirectory(prefix="tm20tui-template-")
