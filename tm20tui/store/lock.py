"""One server per database: a lock that dies with its holder, even on kill -9."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from sqlalchemy import text

from tm20tui.errors import AlreadyRunning
from tm20tui.store.engine import Database, mapped_errors, sqlite_path

_ADVISORY_LOCK = 0x746D3230
"""The same number in every version, or two versions would not see each other."""


@contextlib.contextmanager
def exclusive_use(database: Database) -> Iterator[None]:
    """Hold the database for this process.

    Raises:
        AlreadyRunning: another server holds it.
    """
    path = sqlite_path(database.url)
    if path is None:
        with mapped_errors(), database.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            query = text("SELECT pg_try_advisory_lock(:number)")
            if not connection.scalar(query, {"number": _ADVISORY_LOCK}):
                raise AlreadyRunning(f"another tm20tui server uses the database {database.label}")
            try:
                yield
            finally:
                # Closing the pooled connection would keep the session, and with it the lock.
                connection.invalidate()
        return
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"another tm20tui server uses the database {path}") from None
        yield
    finally:
        os.close(descriptor)
