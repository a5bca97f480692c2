"""What the server does for itself, now and then: last-seen times, retention."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tm20tui.errors import StoreUnavailable
from tm20tui.gentle import GentleWriter
from tm20tui.model import utc_now
from tm20tui.settings import IngestSettings
from tm20tui.store import commands, punches, receipts, terminals
from tm20tui.store.engine import Database
from tm20tui.terminals.roster import Roster

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)


class LastSeen:
    """When each terminal was last heard, written down in one go."""

    def __init__(self) -> None:
        self._seen: dict[int, datetime] = {}

    def note(self, terminal_id: int, at: datetime) -> None:
        """A terminal was heard."""
        self._seen[terminal_id] = at

    async def keep(self, database: Database, roster: Roster) -> str:
        """Write down what is known, of those who are connected too."""
        for view in roster.views().values():
            self._seen[view.terminal_id] = view.last_heard_at
        count = await self.flush(database)
        return f"{count} {'terminal' if count == 1 else 'terminals'}"

    async def flush(self, database: Database) -> int:
        """Write down what was noted; `StoreUnavailable` leaves it noted."""
        seen = self._seen.copy()
        await database.write(terminals.touch_terminals, list(seen.items()))
        for ident, at in seen.items():
            if self._seen.get(ident) == at:
                del self._seen[ident]
        return len(seen)

    async def flush_at_end(self, database: Database) -> None:
        """The last times of all, if the database is there."""
        try:
            await self.flush(database)
        except StoreUnavailable as error:
            log.warning("the last times of terminals were not written down: %s", error)


async def apply_retention(
    database: Database, keep: IngestSettings, command_keep_days: int, leaver_credentials_days: int
) -> str:
    """Delete old photos, raw frames, settled commands and credentials of users who left.

    In steps that no punch waits for.
    """
    now, writer = utc_now(), GentleWriter(database)
    photos = await _purge(writer, punches.purge_photos, now - timedelta(days=keep.photo_keep_days))
    frames = await _purge(writer, punches.purge_frames, now - timedelta(days=keep.frame_keep_days))
    asked = await _purge(writer, commands.purge_commands, now - timedelta(days=command_keep_days))
    left = await _purge(writer, receipts.purge_leavers, now - timedelta(days=leaver_credentials_days))
    return f"{photos} photos, {frames} raw messages, {asked} commands, {left} credentials"


async def _purge(
    writer: GentleWriter, purge: Callable[[Connection, datetime, int], int], before: datetime
) -> int:
    total = 0
    while count := await writer.write(purge, before, writer.size):
        total += count
    return total
