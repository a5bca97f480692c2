"""When a terminal holds more than is stored, and what to ask it for then. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tm20tui.ingest.registration import measure_drift
from tm20tui.ingest.times import parse_wall_clock
from tm20tui.protocol import DevInfo
from tm20tui.store.reconciliations import Held, Phase, Reconciliation

_FEW_NEW: Final = 500
_NEW_PER_MISSING: Final = 4
_FIRST_MOST_NEW: Final = 2000
AFFORDABLE: Final = 20_000
"""Records that are listed whole to find a few missing ones, at most."""
_UNTOLD_EVERY: Final = timedelta(hours=1)
_FAILED_AGAIN: Final = timedelta(hours=1)
_LARGEST_SLOWNESS: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """What a terminal said of its records in a `reg`, received `at`.

    `counted` None: nothing that can be compared, since it does not count or its memory is full and
    the oldest are written over. `new`: those not read by `getnewlog`, None when not told. `raw` is
    its wall clock; up to `until` nothing of it can be missing once the counts agree.
    """

    counted: int | None
    new: int | None
    raw: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing` records more are held by the terminal than here; None: nothing to compare.

    `restarted`: it counts less than before, so that it was erased meanwhile and only a listing
    can tell.
    """

    missing: int | None
    restarted: bool
    held: Held

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing, for certain."""
        return self.missing is not None and self.missing <= 0 and not self.restarted


@dataclass(frozen=True, slots=True)
class Plan:
    """A pull: its phase and, for days, the first and the last."""

    phase: Phase
    day: date | None = None
    last_day: date | None = None


def read_told(devinfo: DevInfo, timezone: str, at: datetime) -> Told:
    """What a `reg` received `at` says about the terminal's records."""
    count = devinfo.capacities.get("usedlog")
    size = devinfo.capacities.get("logsize", 0)
    if count is not None and (count < 0 or 0 < size <= count):
        count = None
    local = None if devinfo.time is None else parse_wall_clock(devinfo.time)
    raw = str(local) if local is not None else f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"
    drift = measure_drift(devinfo.time, timezone, at) or 0.0
    # It prints whole seconds.
    slow = timedelta(seconds=max(0.0, -drift - 1))
    until = at - slow if slow < _LARGEST_SLOWNESS else at
    return Told(count, devinfo.capacities.get("usednewlog"), raw, at, until)


def compare(known: Reconciliation, held: Held, told: Told) -> Comparison:
    """What the terminal's counter says about what is held."""
    if told.counted is None:
        return Comparison(None, False, held)
    if known.counted is not None and told.counted < known.counted:
        return Comparison(told.counted, True, held)
    return Comparison(told.counted - (known.counted or 0) - held.before, False, held)


def is_due(known: Reconciliation, found: Comparison, now: datetime) -> bool:
    """Whether the terminal is to be asked for its records, by itself, now."""
    if found.agrees:
        return False
    since = None if known.finished_at is None else now - known.finished_at
    if found.missing is None:
        return since is None or since >= _UNTOLD_EVERY
    # What failed would hardly go better at once.
    return not known.is_failed or since is None or since >= _FAILED_AGAIN


def plan(
    known: Reconciliation,
    found: Comparison,
    told: Told,
    *,
    today: date,
    checked: Collection[date],
    most_days: int,
    without: Collection[str] = (),
) -> Plan:
    """What to ask for first. `checked` are days that were listed whole after their end; `without`
    are commands the terminal has not."""
    days = by_days(known, told, today=today, checked=checked, most_days=most_days)
    if "getnewlog" in without or found.restarted:
        return days
    new = told.new if told.new is not None else found.missing
    if found.missing is None or new is None or new <= 0:
        return days
    # Some firmware counts as new whatever was never read by `getnewlog`, pushed or not.
    few = max(_FEW_NEW, _NEW_PER_MISSING * found.missing)
    if known.counted is None:
        few = min(few, _FIRST_MOST_NEW)
    return Plan("new", days.day, days.last_day) if new <= few else days


def by_days(
    known: Reconciliation, told: Told, *, today: date, checked: Collection[date], most_days: int
) -> Plan:
    """The days since the last agreement, `most_days` at most, without those at the start in `checked`."""
    local = parse_wall_clock(told.raw)
    last = today
    if local is not None and abs((local.date() - today).days) <= 1:
        last = max(today, local.date())
    first = last - timedelta(days=most_days)
    if known.agreed_at is not None:
        # A day earlier: whatever the zone, and clocks that were set meanwhile.
        first = max(first, known.agreed_at.date() - timedelta(days=1))
    while first < last and first in checked:
        first += timedelta(days=1)
    return Plan("days", min(first, last), last)


def after(
    phase: Phase, known: Reconciliation, found: Comparison, *, counted: int | None, ignores_days: bool
) -> Phase:
    """The phase after one that gave all it had, of a pull nobody asked for."""
    if phase == "new":
        return "" if found.agrees else "days"
    if phase == "days":
        if ignores_days:
            return "all" if (counted or 0) <= AFFORDABLE else ""
        wants = not found.agrees and found.missing is not None and known.agreed_at is not None
        return "all" if wants and counted is not None and counted <= AFFORDABLE else ""
    return ""


def days_between(first: date, last: date) -> list[date]:
    """Both included."""
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]
