"""Schedules and punches for tests, one line each: hours as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from tm20tui.schedule.matching import Direction, Punch
from tm20tui.store.schedules import Schedule

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
KINSHASA = ZoneInfo("Africa/Kinshasa")
MONDAY = date(2026, 6, 1)


def schedule(
    hours: str = "08:00-17:00",
    pause: str | None = None,
    *,
    weekday: int = 0,
    ident: int = 1,
    tolerance: int = 15,
    **values: Any,
) -> Schedule:
    """The schedule of hours "HH:MM-HH:MM" with a pause likewise."""
    check_in, check_out = (time.fromisoformat(part) for part in hours.split("-"))
    breaks = [time.fromisoformat(part) for part in pause.split("-")] if pause else [None, None]
    row: dict[str, Any] = {
        "id": ident,
        "terminal_id": 1,
        "name": f"schedule {ident}",
        "weekday": weekday,
        "check_in_time": check_in,
        "check_out_time": check_out,
        "break_start_time": breaks[0],
        "break_end_time": breaks[1],
        "tolerance_minutes": tolerance,
        "effective_from": None,
        "effective_until": None,
        "is_active": True,
        "created_at": NOW,
        "updated_at": NOW,
        "sync_status": "pending",
        "sync_reason": "",
        "synced_at": None,
    }
    return Schedule(**(row | values))


def week(
    hours: str, pause: str | None = None, *, days: int = 7, first_id: int = 1, **values: Any
) -> list[Schedule]:
    """The same hours on the first days of the week."""
    return [schedule(hours, pause, weekday=day, ident=first_id + day, **values) for day in range(days)]


def punches(text: str, *, zone: ZoneInfo = KINSHASA, day: date = MONDAY) -> list[Punch]:
    """Punches such as "in 08:00 out 17:00": the direction `in`, `out` or `-`, then the wall clock.

    A time may have seconds, a leading `+` for each day later, and end in `*` for the
    second of two equal times.
    """
    words = text.split()
    found = []
    for number, (said, clock) in enumerate(zip(words[::2], words[1::2], strict=True), 1):
        moment = time.fromisoformat(clock.strip("+*"))
        later = date.fromordinal(day.toordinal() + clock.count("+"))
        local = datetime.combine(later, moment, zone).replace(fold=int(clock.endswith("*")))
        directions: dict[str, Direction | None] = {"in": "in", "out": "out", "-": None}
        found.append(Punch(number, local.astimezone(UTC), directions[said]))
    return found


OFFICE = week("08:00-17:00", "12:00-13:00", days=5)
NIGHTS = week("22:00-06:00")
SPLIT = [*week("08:00-12:00"), *week("14:00-18:00", first_id=11)]
ROUND_THE_CLOCK = [
    *week("06:00-14:00"),
    *week("14:00-22:00", first_id=11),
    *week("22:00-06:00", first_id=21),
]
