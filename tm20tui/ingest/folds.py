"""The hour that a clock change repeats: which of its two passes each record belongs to."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from tm20tui.ingest.frames import LogFrame
from tm20tui.ingest.times import Earlier, Reading, choose_fold, parse_wall_clock, repeated_hour
from tm20tui.store import punches
from tm20tui.store.punches import PunchKey

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Folds:
    """Decides in the order of arrival; what was stored before counts, and what this transaction adds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._latest: dict[tuple[int, datetime], Earlier] = {}

    def choose(self, frame: LogFrame, index: int, key: PunchKey, reading: Reading, *, alone: bool) -> int:
        """The fold of record `index` of a frame, whose time is ambiguous."""
        if punches.has_punch(self._connection, key):
            # Sent again: it will be ignored, and must not move the order of arrival.
            return 0
        local = parse_wall_clock(key[2])
        assert local is not None
        start, end = repeated_hour(reading, frame.zone)
        night = (frame.terminal.id, start)
        fold = choose_fold(
            local,
            reading,
            frame.received_at,
            alone=alone,
            earlier=self._latest.get(night) or self._find_stored(frame.terminal.id, start, end),
            enrollid=key[1],
            steps_back_later=_steps_back(frame, index, start, end),
        )
        self._latest[night] = Earlier(local, fold, key[1])
        return fold

    def _find_stored(self, terminal_id: int, start: datetime, end: datetime) -> Earlier | None:
        found = punches.find_latest_between(self._connection, terminal_id, start, end)
        local = None if found is None else parse_wall_clock(found[0])
        return None if found is None or local is None else Earlier(local, found[1], found[2])


def _steps_back(frame: LogFrame, index: int, start: datetime, end: datetime) -> bool:
    """Whether the clock steps back later in the same batch, within the same repeated hour."""
    times = []
    for record in frame.records[index:]:
        local = None if record.is_door_event else parse_wall_clock(record.time_raw)
        if local is not None and start <= local.replace(tzinfo=frame.zone) < end:
            times.append(local)
    return any(later < earlier for earlier, later in pairwise(times))
