"""Small writes of many tasks in one transaction: one fsync for all that waited while the last one ran.

Nothing waits for company: who comes first writes at once, and who comes meanwhile is
written together by the next. What one of them raises costs none of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.store.failures import mapped_errors

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

MOST_AT_ONCE = 25
"""Writes in one transaction, so that it stays short for those who wait behind it."""


class _Job:
    __slots__ = ("act", "error", "result", "turn")

    def __init__(self, act: Callable[[Connection], Any]) -> None:
        self.act = act
        self.turn = trio.Event()
        self.result: Any = None
        # What its caller is told should the writing thread end without a word.
        self.error: Exception | None = StoreUnavailable("the write was not tried")


class Together:
    """Writes that share commits. `run` runs a function in a transaction of the calling thread."""

    def __init__(
        self, run: Callable[[Callable[[Connection], None]], None], writers: trio.CapacityLimiter
    ) -> None:
        self._run = run
        self._writers = writers
        self._waiting: deque[_Job] = deque()
        self._is_writing = False

    async def write(self, act: Callable[[Connection], T]) -> T:
        """Run `act` within a savepoint of a shared transaction; it is committed (fsync) on return.

        `act` may run again when another one made the transaction fail. Not interrupted by
        cancellation: when it returns or raises, the outcome is known.

        Raises:
            StoreUnavailable: nothing was kept; the caller may try again.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        job = _Job(act)
        self._waiting.append(job)
        with trio.CancelScope(shield=True):
            if self._is_writing:
                await job.turn.wait()
            if self._waiting and self._waiting[0] is job:
                await self._write_first()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    async def _write_first(self) -> None:
        self._is_writing = True
        batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
        try:
            await trio.to_thread.run_sync(self._write_all, batch, limiter=self._writers)
        finally:
            for job in batch:
                job.turn.set()
            if self._waiting:
                self._waiting[0].turn.set()  # writes those who came meanwhile, itself first
            else:
                self._is_writing = False

    def _write_all(self, batch: list[_Job]) -> None:
        left = batch
        while left:
            broken: list[_Job] = []
            try:
                self._run(partial(_write, jobs=left, broken=broken))
            except Exception as error:  # noqa: BLE001 (whoever asked for the write gets it)
                for job in broken or left:
                    job.error = error
            else:
                return
            # Without the one that broke the transaction, the others may well be written.
            left = [job for job in left if job not in broken] if broken else []


def _write(connection: Connection, jobs: list[_Job], broken: list[_Job]) -> None:
    for job in jobs:
        broken[:] = [job]
        job.error = None
        try:
            with mapped_errors():
                connection.exec_driver_sql("SAVEPOINT own")
                try:
                    job.result = job.act(connection)
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK TO own")
                    raise
                finally:
                    connection.exec_driver_sql("RELEASE own")
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 (whoever asked for the write gets it)
            job.error = error
    broken.clear()
