"""Frames that are none: what can be read of them is stored, and the whole text goes to quarantine."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tm20tui.ingest.frames import BrokenFrame, LogFrame
from tm20tui.ingest.writer import GroupWriter
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import Salvaged, salvage
from tm20tui.protocol.text import decode_bytes


async def keep_broken(
    writer: GroupWriter, terminal: Terminal, data: str | bytes, reason: str
) -> tuple[Salvaged | None, int]:
    """Store what is left of a frame; return what it was, None if that cannot be told, and the new punches.

    Raises:
        StoreUnavailable: nothing may be acknowledged.
    """
    raw, received_at = as_text(data), utc_now()
    found, stored = salvage(data), 0
    if found is not None and found.cmd == "sendlog" and found.records:
        zone = ZoneInfo(terminal.timezone)
        # The whole text goes to quarantine below: the journal needs no second copy.
        receipt = await writer.submit(LogFrame(terminal, zone, received_at, found.records, (), ""))
        stored = receipt.stored
    await writer.submit(BrokenFrame(terminal, terminal.sn, received_at, raw, reason))
    return found, stored


def as_text(data: str | bytes) -> str:
    """A frame as text for the journal, whatever it was sent as."""
    return data if isinstance(data, str) else decode_bytes(data)
