"""In or out: derived from the terminal's policy and shown beside the raw `inout`. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from tm20tui.model import DirectionPolicy

# The break and overtime codes of AiFace firmware are still an arrival or a departure.
_OF_INOUT = {0: "in", 1: "out", 2: "out", 3: "in", 4: "in", 5: "out"}


def derive_direction(policy: DirectionPolicy, inout: int) -> str | None:
    """`in`, `out`, or None when the policy cannot tell from this punch alone (`alternate`, unknown codes)."""
    if policy == "fixed-in":
        return "in"
    if policy == "fixed-out":
        return "out"
    if policy == "terminal":
        return _OF_INOUT.get(inout)
    return None


def alternate(count: int) -> list[str]:
    """Directions of a user's punches of one working day, in order of time: in, out, in, ..."""
    return ["in" if index % 2 == 0 else "out" for index in range(count)]


def working_day(local: datetime, day_starts_at: time) -> tuple[datetime, datetime]:
    """The half-open wall-clock interval of the working day that `local` falls into."""
    start = datetime.combine(local.date(), day_starts_at)
    if local < start:
        start -= timedelta(days=1)
    return start, start + timedelta(days=1)
