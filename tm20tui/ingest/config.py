"""What ingest needs to know, without knowing the settings file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Literal

from tm20tui.model import DirectionPolicy


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """Limits and policies of one server.

    `max_rows`: records per transaction. `earliest_date`, `future`: what a true time
    can be. `photo_max_bytes`: larger photos are dropped, the punch is kept;
    `keep_photos` False keeps none. `keep_frames` False keeps no raw frames.
    `live`: how old a record may be to get an access decision. `node` names this
    server in counters.
    """

    node: str = "main"
    max_rows: int = 2000
    earliest_date: date = date(2017, 1, 1)
    future: timedelta = timedelta(hours=24)
    deliver_impossible_times: bool = False
    photo_max_bytes: int = 300_000
    keep_photos: bool = True
    keep_frames: bool = True
    live: timedelta = timedelta(minutes=10)
    day_starts_at: time = time(4, 0)
    admission: Literal["approve", "open", "closed"] = "approve"
    blocked_serials: frozenset[str] = frozenset()
    direction_policy: DirectionPolicy = "terminal"
    pending_terminals_limit: int = 1000
    qr_codes: Literal["card", "enrollid", "both", "off"] = "both"
    unknown_users: Literal["allow", "deny"] = "allow"
