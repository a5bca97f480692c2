"""One terminal's records pulled, from the phase that is written down to the end, page by page.

Pages are stored before their command is settled (see `office`), and each day listed is written
down: whatever ends in between, the next run goes on at the day that was not finished. It lists
that day from its first record, since the place within a listing is the terminal's own and gone
with the connection. That costs the pages that came already and nothing else: a punch is stored
once however often it is listed, and a day is not finished before a listing of it was whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import trio

from tm20tui.backfill.listing import Listing
from tm20tui.protocol import GetAllLog, GetNewLog, LogPage
from tm20tui.store.engine import Database
from tm20tui.store.reconciliations import Reconciliation, update_reconciliation
from tm20tui.store.terminal_days import note_checked
from tm20tui.terminals.commands import CommandDesk

if TYPE_CHECKING:
    from sqlalchemy import Connection

PRIORITY: Final = 20
"""After whatever operators and users' lists ask meanwhile."""
_EXPIRES_SECONDS: Final = 90.0
_ASKED_SECONDS: Final = 600.0
_PAUSE_SECONDS: Final = 0.02
"""Between two pages: what is punched now has its turn, however fast the terminal is."""
_SILENCES: Final = 2
_BEGINNINGS: Final = 5

Ending = Literal["whole", "stopped", "interrupted", "lacks"]


@dataclass(slots=True)
class Pulled:
    """What a run of a pull did so far, for whoever asked for it to look at while it goes on.

    `listed`: records listed and given by day, of days that were finished. `ignores_days`: the
    firmware gives all its records whatever days are asked for. `is_whole`: all there are were listed.
    """

    pages: int = 0
    records: int = 0
    total: int | None = None
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    listed: dict[date, tuple[int, int]] = field(default_factory=dict)
    ignores_days: bool = False
    is_whole: bool = False
    tell: Callable[[Pulled], None] = field(default=lambda _: None, repr=False)
    """Called after each page."""


@dataclass(frozen=True, slots=True)
class End:
    """How a listing ended: `whole`; `stopped` or `lacks` (the command) for `reason`; `interrupted` by a
    disconnection or the end of the server, to be gone on with."""

    ending: Ending
    reason: str = ""
    listing: Listing = field(default_factory=Listing)


class Puller:
    """Asks one terminal for its records. `generation` changes with each connection of it."""

    def __init__(
        self,
        database: Database,
        desk: CommandDesk,
        terminal_id: int,
        generation: Callable[[], int],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._desk = desk
        self._terminal_id = terminal_id
        self._generation = generation
        self._now = now
        self.pulled = Pulled()

    async def new(self, job: Reconciliation) -> End:
        """The records that were not read before. Interrupted, what was read is not given again."""
        return await self._list(job, GetNewLog)

    async def whole(self, job: Reconciliation) -> End:
        """All records there are; its days are written down when it is whole."""
        begun = self._now()
        end = await self._list(job, GetAllLog)
        if end.ending == "whole":
            self.pulled.is_whole = True
            days = {day: (count, count) for day, count in end.listing.days.items() if day is not None}
            await self._database.write(self._note_days, begun, days)
        return end

    async def days(self, job: Reconciliation) -> tuple[End, Reconciliation]:
        """The records by days, oldest first; the job as it is written down then.

        Firmware that ignores days is stopped at the first page that tells.
        """
        while job.day is not None and job.last_day is not None and job.day <= job.last_day:
            day, begun = job.day, self._now()
            end = await self._list(job, GetAllLog, day)
            if end.ending != "whole" or self.pulled.ignores_days:
                return end, job
            counts = end.listing.reported, end.listing.given
            self.pulled.listed[day] = counts
            job = await self._database.write(self._finish_day, day, begun, counts)
        return End("whole"), job

    async def _list(
        self, job: Reconciliation, kind: type[GetNewLog] | type[GetAllLog], day: date | None = None
    ) -> End:
        """One listing; begun again when the terminal came back, since its cursor did not."""
        silences = beginnings = 0
        listing = Listing()
        generation = self._generation()
        more = True
        while more:
            await trio.sleep(_PAUSE_SECONDS)
            if self._generation() != generation:
                if kind is GetNewLog and listing.is_begun:
                    return End("interrupted", "disconnected", listing)
                listing, generation = Listing(), self._generation()
            if not listing.is_begun:
                beginnings += 1
                if beginnings > _BEGINNINGS:
                    return End("stopped", f"{kind.name} was interrupted again and again", listing)
            first = not listing.is_begun
            command: GetNewLog | GetAllLog
            if kind is GetNewLog:
                command = GetNewLog(first)
            else:
                text = None if day is None or not first else day.isoformat()
                command = GetAllLog(first, text, text)
            record, result = await self._desk.ask_and_wait(
                self._terminal_id,
                command,
                operator=job.operator or "server",
                correlation_id=job.correlation_id,
                seconds=_ASKED_SECONDS,
                expires_seconds=_EXPIRES_SECONDS,
                priority=PRIORITY,
            )
            if record.status == "confirmed" and isinstance(result, LogPage):
                if not first and self._generation() != generation:
                    # It waited in the queue and was asked of a new connection, whose cursor is
                    # elsewhere: an empty page would look like the end.
                    continue
                if first:
                    # Asked before the connection was lost, perhaps: the answer is of the new one.
                    generation = self._generation()
                    self._expect(result, day)
                more = self._take(listing, result)
                if day is not None and any(other not in (day, None) for other in listing.days):
                    self.pulled.ignores_days = True
                    more = False
            elif record.status == "refused":
                lacks = "does not know" in record.reason
                return End("lacks" if lacks else "stopped", f"{kind.name}: {record.reason}", listing)
            elif record.status == "timed out":
                silences += 1
                if silences >= _SILENCES:
                    return End("lacks", f"the terminal does not answer {kind.name}", listing)
                if kind is GetNewLog and listing.is_begun:
                    return End("interrupted", record.reason, listing)
                listing = Listing()
            elif self._generation() == generation:
                return End("interrupted", record.reason or record.status, listing)
        if listing.stopped:
            return End("stopped", listing.stopped, listing)
        return End("whole", "", listing)

    def _expect(self, page: LogPage, day: date | None) -> None:
        if day is None:
            self.pulled.total = self.pulled.records + page.count

    def _take(self, listing: Listing, page: LogPage) -> bool:
        self.pulled.pages += 1
        self.pulled.records += len(page.records) + len(page.bad)
        self.pulled.tell(self.pulled)
        return listing.take(page)

    def _note_days(self, connection: Connection, begun: datetime, days: dict[date, tuple[int, int]]) -> None:
        note_checked(connection, self._terminal_id, sorted(days), begun, reported=days)

    def _finish_day(
        self, connection: Connection, day: date, begun: datetime, counts: tuple[int, int]
    ) -> Reconciliation:
        note_checked(connection, self._terminal_id, [day], begun, reported={day: counts})
        changes: dict[str, Any] = {"day": day + timedelta(days=1), "records": self.pulled.records}
        return update_reconciliation(connection, self._terminal_id, changes)
