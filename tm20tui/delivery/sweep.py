"""The sweep: failed deliveries whose time has come become pending again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import trio

from tm20tui.delivery.office import Office
from tm20tui.delivery.status import SweepStatus
from tm20tui.errors import StoreUnavailable
from tm20tui.events import Signal
from tm20tui.store.deliveries import SWEEP_CHUNK, sweep_failed
from tm20tui.store.reviving import heal_chunk
from tm20tui.store.services import fail_owed_to_deleted

LONGEST_PAUSE_SECONDS = 60.0


class Sweep:
    """Runs once a minute, in short transactions; what deleted services were owed fails with it,
    and what failed at a service that was corrected becomes due."""

    def __init__(self, office: Office, news: Callable[[Iterable[int]], None]) -> None:
        """`news` is called with the services that are owed something again."""
        self._office = office
        self._news = news
        self._due = Signal()
        self._ended = trio.Event()
        self._stopping = False
        pause = min(LONGEST_PAUSE_SECONDS, office.config.retry_sweep_minutes * 60)
        self.status = SweepStatus(pause)

    def now(self) -> trio.Event:
        """Wait no longer; what is returned is set when that sweep has ended."""
        self._due.set()
        return self._ended

    def stop(self) -> None:
        """End after the transaction that runs."""
        self._stopping = True
        self._due.set()

    async def run(self) -> None:
        """Sweep until stopped."""
        pause = self.status.interval_seconds
        while not self._stopping:
            if await self._sweep():
                continue
            self.status = replace(self.status, next_run_at=self._office.now() + timedelta(seconds=pause))
            with trio.move_on_after(pause):
                await self._due.wait()

    async def _sweep(self) -> bool:
        """A few transactions; whether there is more to do at once."""
        office = self._office
        self.status = replace(
            self.status, running=True, last_started_at=office.now(), next_run_at=None, error=""
        )
        given_up, healed, revived = 0, 0, {}
        try:
            given_up = await office.database.write(fail_owed_to_deleted, office.now())
            healed = await office.database.write(heal_chunk, office.now())
            if healed < SWEEP_CHUNK:
                revived = await office.database.write(sweep_failed, office.now())
        except StoreUnavailable as error:
            self.status = replace(self.status, error=str(error))
        finally:
            retried = sum(revived.values())
            self.status = replace(self.status, running=False, last_finished_at=office.now(), retried=retried)
            self._ended.set()
            self._ended = trio.Event()
        self._news(revived)
        return retried >= SWEEP_CHUNK or bool(given_up or healed)
