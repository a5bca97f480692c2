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

TARGET_SECONDS = 0.015
_SMALLEST, _LARGEST = 8, 5000


class GentleWriter:
    """Writes in steps of `size` rows, which the caller keeps to."""

    def __init__(self, database: Database, size: int = 100) -> None:
        self._database = database
        self.size = size
        self.longest_seconds = 0.0
        """What the longest step took, from its begin to the end of its commit."""

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """One step, then a pause as long as it was; `StoreUnavailable` when it was not kept."""
        begun = 0.0

        def timed(connection: Connection) -> T:
            nonlocal begun
            begun = time.perf_counter()
            return function(connection, *args, **kwargs)

        found = await self._database.write(timed)
        took = time.perf_counter() - begun
        self.longest_seconds = max(self.longest_seconds, took)
        if took > TARGET_SECONDS:
            self.size = max(_SMALLEST, int(self.size * max(0.25, TARGET_SECONDS / took)))
        elif took < TARGET_SECONDS / 2:
            self.size = min(_LARGEST, self.size + self.size // 4 + 1)
        await trio.sleep(took)
        return found
