"""Whether punches can be stored now, known within seconds: locked, away, full, or just not answering.

An attempt that waits for a lock fails only after the driver's patience, and where no punch comes
nobody attempts anything: so how long attempts wait is looked at, and one is made every few seconds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from tm20tui.alarms import Alarms
from tm20tui.conditions import unstorable
from tm20tui.errors import StoreUnavailable
from tm20tui.ingest.writer import GroupWriter
from tm20tui.store.engine import Database
from tm20tui.store.sites import touch_site

if TYPE_CHECKING:
    from sqlalchemy import Connection

ALARM = "database"
STALLED = "the database is locked by another program or does not answer"
_TRY_SECONDS = 2.0
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 3.0


class StoreWatch:
    """Tries to write every few seconds. `run` it once; `trouble` says what is wrong now."""

    def __init__(self, database: Database, writer: GroupWriter, alarms: Alarms, site_id: int) -> None:
        self._database = database
        self._writer = writer
        self._alarms = alarms
        self._site_id = site_id
        self._refusal = ""
        self._told = ""

    @property
    def trouble(self) -> str:
        """Why nothing can be stored now, a sentence; empty when it can."""
        failure = self._writer.statistics().failure or self._refusal
        if not failure and self._database.stalled_seconds() > _PATIENCE_SECONDS:
            failure = STALLED
        return failure

    async def run(self) -> None:
        """Try and look until cancelled; the alarm is raised and cleared as soon as it is known."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._try)
            while True:
                await trio.sleep(_LOOK_SECONDS)
                trouble = self.trouble
                if trouble:
                    self._alarms.set(ALARM, unstorable(trouble), severity="critical")
                elif self._told:
                    self._alarms.clear(ALARM)
                self._told = trouble

    async def attempt(self) -> None:
        """Try to write now, and remember what came of it."""
        failing = self._writer.statistics().failing_since is not None
        # To begin a transaction tells of locks and costs nothing; what else fails shows in a write alone.
        act = partial(touch_site, site_id=self._site_id) if failing else _nothing
        try:
            await self._database.write(act)
        except StoreUnavailable as error:
            self._refusal = str(error)
            return
        self._refusal = ""
        if failing:
            self._writer.note_works()

    async def _try(self) -> None:
        while True:
            await self.attempt()
            await trio.sleep(_TRY_SECONDS)


def _nothing(_connection: Connection) -> None:
    """Only begin, and end."""
