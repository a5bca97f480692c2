"""One server per database: a lock that dies with its holder, even on kill -9."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, exc, text

from tm20tui.errors import AlreadyRunning, StoreError
from tm20tui.store.engine import Database, mapped_errors, sqlite_path

log = logging.getLogger(__name__)

_ADVISORY_LOCK = 0x746D3230
"""The same number in every version, or two versions would not see each other."""
_UNLOCK_SECONDS = 2.0


@contextlib.contextmanager
def exclusive_use(database: Database) -> Iterator[Callable[[], None]]:
    """Hold the database for this process.

    Yields a function to call now and then, which sees to it that the database is still
    ours. A PostgreSQL that was restarted has forgotten the lock: it is taken again.

    Raises:
        AlreadyRunning: another server holds it.
        StoreUnavailable: PostgreSQL is away.
        StoreError: the SQLite file was deleted or replaced; what is written is lost.
    """
    path = sqlite_path(database.url)
    if path is None:
        lock = _SessionLock(database)
        lock.take()
        try:
            yield lock.keep
        finally:
            lock.release()
        return
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(f"another tm20tui server uses the database {path}") from None
        yield _SameFile(path).check
    finally:
        os.close(descriptor)


class _SameFile:
    """SQLite goes on writing to a file that was deleted, and nothing that it keeps is found again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[int, int] | None = None

    def check(self) -> None:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise StoreError(f"the database file {self._path} is gone: {error.strerror}") from None
        self._known = self._known or (found.st_dev, found.st_ino)
        if self._known != (found.st_dev, found.st_ino):
            raise StoreError(f"the database file {self._path} was replaced while in use")


class _SessionLock:
    """An advisory lock of PostgreSQL; it is a session's, and so needs a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def take(self) -> None:
        with mapped_errors():
            connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                held = connection.scalar(
                    text("SELECT pg_try_advisory_lock(:number)"), {"number": _ADVISORY_LOCK}
                )
            except exc.DBAPIError:
                connection.close()
                raise
        if not held:
            connection.close()
            raise AlreadyRunning(
                f"another tm20tui server uses the database {self._database.label}: "
                "one at a time may, whatever node it is"
            )
        self._connection = connection

    def keep(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                return
            except exc.DBAPIError:
                self.drop()
        self.take()
        log.warning("the connection that holds the database was lost, and is made again")

    def release(self) -> None:
        """Give it back for the next server, at once: PostgreSQL notices later that a session has ended."""
        connection = self._connection
        if connection is not None and not connection.invalidated:
            # One that went away without a word would hold the end of this server for minutes.
            unlocking = threading.Thread(target=_unlock, args=(connection,), daemon=True)
            unlocking.start()
            unlocking.join(_UNLOCK_SECONDS)
        self.drop()

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Only closing a pooled connection would keep its session, and with it the lock.
            connection.invalidate()
            connection.close()


def _unlock(connection: Connection) -> None:
    with contextlib.suppress(exc.SQLAlchemyError):
        connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _ADVISORY_LOCK})
