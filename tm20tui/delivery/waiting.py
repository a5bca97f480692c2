"""When a courier goes: a pure timetable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """Go now, or wait: `until` a time, or (None) until someone calls. `open_only` begins nothing new."""

    go: bool
    until: datetime | None = None
    open_only: bool = False


def plan(
    *,
    active: bool,
    paced_until: datetime | None = None,
    state: str,
    retry_at: datetime | None,
    forced: bool,
    recover: bool,
    in_round: bool,
    news: bool,
    next_due_at: datetime | None,
    last_sync_at: datetime | None,
    interval: timedelta,
    longest_wait: timedelta,
    now: datetime,
) -> Plan:
    """What the courier does next.

    `paced_until`: the service's rate allows no request before. `forced`: an operator asked
    for a round. `recover`: a batch may be open, its outcome unknown. `in_round`: a round was
    begun and is not over. `news`: something may be pending; `next_due_at`: when a delivery
    that was put off may go. A round is due an `interval` after the last delivery; it is
    begun when something is pending. What lies ahead for longer than `interval` or
    `longest_wait`, the longest pause there is, was written before the clock was set back.
    """
    if not active:
        return Plan(False)
    if paced_until is not None and now < paced_until:
        return Plan(False, paced_until)
    if forced:
        return Plan(True)
    if state == "paused":
        return Plan(False)
    if retry_at is not None and now < retry_at <= now + longest_wait:
        return Plan(False, retry_at)
    if last_sync_at is None or not interval or last_sync_at > now:
        due_at = now
    else:
        due_at = max(now, last_sync_at + interval)
    something = news or (next_due_at is not None and next_due_at <= now)
    if in_round or (something and due_at <= now):
        return Plan(True)
    if recover:
        return Plan(True, open_only=True)
    if something:
        return Plan(False, due_at)
    return Plan(False, max(due_at, next_due_at) if next_due_at is not None else None)
