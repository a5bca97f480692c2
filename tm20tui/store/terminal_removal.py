"""A terminal is deleted, and may come back: its row stays, since punches, deliveries and the audit name it.

While it is deleted, nothing is listed, asked or waited for of it; its punches stay and are delivered as
ever. A serial that dials in again is unknown, but gets its row back: what it sends again is not stored twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from tm20tui.model import Admission, Terminal
from tm20tui.store.commands import CommandRecord, end_open
from tm20tui.store.loads import UserLoad, finish_load, list_loads
from tm20tui.store.receipts import open_receipts, withdraw_receipts
from tm20tui.store.terminals import get_terminal, update_terminal

_REASON = "the terminal was deleted"


@dataclass(frozen=True, slots=True)
class Removal:
    """A terminal that is deleted now, with the commands and the load of users (None: no load) that ended."""

    terminal: Terminal
    commands: tuple[CommandRecord, ...]
    load: UserLoad | None


def delete_terminal(connection: Connection, terminal_id: int, now: datetime) -> Removal:
    """Take a terminal off every list, and its approval with it; `NotFound` when there is none.

    Name, site, schedules, mappings and wanted users are kept for its return.
    """
    get_terminal(connection, terminal_id)
    ended = end_open(connection, terminal_id, _REASON, now)
    running = list_loads(connection, terminal_id=terminal_id, status="running", limit=1)
    for load in running:
        finish_load(connection, load.id, "cancelled", now, error=_REASON)
    withdraw_receipts(connection, terminal_id, _REASON, now)
    # Nobody who looks for approved terminals finds it, whether or not they know of deletion.
    terminal = update_terminal(connection, terminal_id, {"deleted_at": now, "admission": "pending"})
    return Removal(terminal, tuple(ended), running[0] if running else None)


def return_terminal(
    connection: Connection, terminal_id: int, admission: Admission, now: datetime
) -> Terminal:
    """A deleted terminal dialled in: it is there again, as much as an unknown one would be."""
    # One that was asked for while it was being deleted would come as a surprise now.
    end_open(connection, terminal_id, _REASON, now)
    open_receipts(connection, terminal_id, now)
    return update_terminal(connection, terminal_id, {"deleted_at": None, "admission": admission})
