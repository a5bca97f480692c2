"""Long changes of the database in steps so short that no punch waits behind one.

SQLite has one writer: whoever writes makes every punch wait for as long. Steps are timed
and their size follows, and between two there is as much time for others as one took.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import trio

from tm20tui.store.engine import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

P = ParamSpec("P")
T = TypeVar("T")

TARGET_SECONDS = 0.01
POSTGRES_SECONDS = 0.1
"""PostgreSQL has many writers: only who wants the very same rows waits."""
_SMALLEST, _LARGEST = 8, 5000


class GentleWriter:
    """Writes in steps of `size` rows, which the caller keeps to."""

    def __init__(self, database: Database, size: int = 100) -> None:
        self._database = database
        self._target = TARGET_SECONDS if database.dialect == "sqlite" else POSTGRES_SECONDS
        self.size = size
        self.longest_seconds = 0.0
        """What the longest step took, from its begin to the end of its commit."""

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One step, then a pause as long as it was; `StoreUnavailable` when it was not kept."""
        begun = took = 0.0

        def timed(connection: Connection) -> T:
            nonlocal begun, took
            begun = time.perf_counter()
            result = function(connection, *args, **kwargs)
            took = time.perf_counter() - begun
            return result

        found = await self._database.write(timed)
        # A commit costs what the disk costs, however small the step: it must not make steps smaller.
        whole = time.perf_counter() - begun
        self.longest_seconds = max(self.longest_seconds, whole)
        if took > self._target:
            self.size = max(_SMALLEST, int(self.size * max(0.25, self._target / took)))
        elif took < self._target / 2:
            self.size = min(_LARGEST, self.size + self.size // 4 + 1)
        await trio.sleep(whole)
        return found
