"""One database behind two verbs: `read` and `write` run a function in a worker thread.

SQLite allows one writer, so writes queue here, in order, instead of polling a busy
file; PostgreSQL takes several at once. Both map every driver's failure to
`StoreUnavailable`, so that callers above know one word for "try again later".
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import trio
from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.engine import URL

from tm20tui.errors import ConfigError, StoreError
from tm20tui.store.failures import mapped_errors as mapped_errors
from tm20tui.store.together import Together

P = ParamSpec("P")
T = TypeVar("T")

_SQLITE_READERS = 4
_POSTGRES_WORKERS = 8
_BUSY_TIMEOUT_MS = 10_000


def parse_url(text: str) -> URL:
    """A database URL this program can use; `ConfigError` says which are."""
    allowed = "sqlite:///PATH or postgresql://USER@HOST/NAME"
    try:
        url = make_url(text)
    except exc.ArgumentError:
        raise ConfigError("database.url", "(not a URL)", allowed) from None
    backend = "postgresql" if url.drivername in ("postgres", "postgresql") else url.drivername
    if backend in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if backend in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:":
            raise ConfigError(
                "database.url", text, f"a file, since punches must survive a restart: {allowed}"
            )
        return url.set(drivername="sqlite")
    raise ConfigError("database.url", url.render_as_string(hide_password=True), allowed)


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite URL, None for any other engine."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


class Database:
    """An engine and its worker threads. Create one, share it, `close` it last."""

    def __init__(self, url: str | URL) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        self.dialect = self.url.get_backend_name()
        self.engine = _create_engine(self.url)
        if self.dialect == "sqlite":
            self._readers = trio.CapacityLimiter(_SQLITE_READERS)
            self._writers = trio.CapacityLimiter(1)
        else:
            self._readers = self._writers = trio.CapacityLimiter(_POSTGRES_WORKERS)
        # Written by worker threads, each its own entry.
        self._beginning: dict[object, float] = {}
        self._together = Together(lambda act: self._run(True, act), self._writers)

    @property
    def label(self) -> str:
        """The URL for people: no password, and no query, where others may stand."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function(connection, ...)` in a snapshot of the database.

        Raises:
            StoreUnavailable: down, locked or broken; the caller may try again.
        """
        return await trio.to_thread.run_sync(
            lambda: self._run(False, function, *args, **kwargs), limiter=self._readers
        )

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function(connection, ...)` in one transaction, committed (fsync) on return.

        Not interrupted by cancellation: when it returns or raises, the outcome is known.

        Raises:
            StoreUnavailable: nothing was kept; the caller may try again.
        """
        return await trio.to_thread.run_sync(
            lambda: self._run(True, function, *args, **kwargs), limiter=self._writers
        )

    async def write_together(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`write` for what is small and comes from many tasks: they share a commit where there is one writer.

        `function` may run again when what it shares the transaction with made that fail.

        Raises:
            StoreUnavailable: nothing was kept; the caller may try again.
        """
        if self.dialect != "sqlite":
            # Several write at once here, and the server groups their commits itself.
            return await self.write(function, *args, **kwargs)
        return await self._together.write(lambda connection: function(connection, *args, **kwargs))

    def _run(
        self,
        writing: bool,
        function: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with mapped_errors(), contextlib.ExitStack() as held:
            mark = object()
            if writing:
                self._beginning[mark] = time.monotonic()
            try:
                connection = held.enter_context(self.connect(writing=writing))
                held.enter_context(connection.begin())
            finally:
                self._beginning.pop(mark, None)
            return function(connection, *args, **kwargs)

    def stalled_seconds(self) -> float:
        """How long the oldest attempt to begin a write has been waiting for the database; 0 when none is."""
        began = min(tuple(self._beginning.values()), default=None)
        return 0.0 if began is None else time.monotonic() - began

    @contextlib.contextmanager
    def connect(self, *, writing: bool) -> Iterator[Connection]:
        """A connection in the calling thread; its transactions take the write lock at once if `writing`."""
        with self.engine.connect() as connection:
            yield connection.execution_options(tm20_writing=writing)

    def close(self) -> None:
        """Drop every pooled connection."""
        self.engine.dispose()


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=_SQLITE_READERS + 2, max_overflow=2, pool_timeout=30)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        return create_engine(
            url,
            pool_size=_POSTGRES_WORKERS + 1,
            max_overflow=2,
            pool_timeout=30,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 10,
                "options": "-c statement_timeout=60000 -c timezone=UTC -c jit=off",
            },
        )
    except ModuleNotFoundError:
        raise ConfigError(
            "database.url",
            url.render_as_string(hide_password=True),
            "PostgreSQL needs `pip install tm20tui[postgres]`",
        ) from None


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction guessing is off; `_begin_sqlite` says BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("tm20_writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def prepare_directory(url: URL) -> None:
    """Create the folder of an SQLite file, readable by its owner alone; errors name the folder."""
    path = sqlite_path(url)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(f"cannot create the database file {path}: {error.strerror}") from None
