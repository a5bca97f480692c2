"""Deriving in and out anew for the punches that are stored, after a terminal's policy changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import TYPE_CHECKING, Any

from tm20tui.ingest.direction import derive_direction, working_day
from tm20tui.ingest.times import parse_wall_clock
from tm20tui.ingest.transaction import realternate
from tm20tui.model import DirectionPolicy
from tm20tui.store import punches, terminals

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway

PAGE = 5000
CHUNK = 100
"""Punches in one transaction: few, so that no terminal waits for its acknowledgement."""

_Row = tuple[int, str, str, int]


async def recompute_directions(gateway: Gateway, terminal_id: int, before: DirectionPolicy) -> dict[str, Any]:
    """Bring every punch of a terminal to its policy of now.

    Punches of other terminals take part where people alternate over the whole site.
    May run twice at once and may be interrupted: each chunk is right by itself.
    """
    done = last = 0
    while page := await gateway.database.read(punches.list_for_recompute, terminal_id, last, PAGE):
        last = page[-1][0]
        for start in range(0, len(page), CHUNK):
            chunk = page[start : start + CHUNK]
            await gateway.database.write(
                _recompute, terminal_id, before, chunk, gateway.settings.ingest.day_starts_at
            )
            done += len(chunk)
    return {"terminal_id": terminal_id, "punches": done}


def _recompute(
    connection: Connection,
    terminal_id: int,
    before: DirectionPolicy,
    rows: Sequence[_Row],
    day_starts_at: time,
) -> None:
    policy = terminals.get_terminal(connection, terminal_id, with_deleted=True).direction_policy
    punches.set_directions(
        connection, [(ident, derive_direction(policy, inout)) for ident, *_, inout in rows]
    )
    if "alternate" not in (policy, before):
        return
    days = set()
    for _, enrollid, time_raw, _ in rows:
        local = parse_wall_clock(time_raw)
        if local is not None:
            start, end = working_day(local, day_starts_at)
            days.add((enrollid, str(start), str(end)))
    for enrollid, first, last in sorted(days):
        realternate(connection, terminal_id, enrollid, first, last)
