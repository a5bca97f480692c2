"""What terminals hold and the server does not: pulled by hand, and shown by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tm20tui.backfill.completeness import DayCompleteness as DayCompleteness
from tm20tui.backfill.completeness import read_completeness
from tm20tui.backfill.policy import Plan
from tm20tui.backfill.pulling import Pulled
from tm20tui.errors import Conflict, InvalidInput, Unavailable
from tm20tui.model import utc_now
from tm20tui.operations.asking import is_connected
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.store.reconciliations import Phase, find_reconciliation
from tm20tui.store.terminals import get_terminal
from tm20tui.tasks import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal
    from tm20tui.tasks import TaskRecord

_SHOWN_DAYS = 7
_MOST_DAYS = 92
_MOST_DAYS_PULLED = 3660


@dataclass(frozen=True, slots=True)
class Completeness:
    """A terminal's days, oldest first, and how far it is reconciled.

    `agreed_at`: all it held then is stored, but for `unaccounted` records that it counts and does not
    give; None while its counters never agreed. `pulling`: what it is being asked for now, empty when
    nothing. `last_pull` says in a sentence what came of the last pull, which ended `last_pull_at`.
    """

    terminal_id: int
    terminal_sn: str
    timezone: str
    days: tuple[DayCompleteness, ...]
    agreed_at: datetime | None
    unaccounted: int
    pulling: Phase
    last_pull: str
    last_pull_at: datetime | None


@operation("terminals.completeness", "viewer", writes=False)
async def show_completeness(
    call: Call, terminal_id: int, *, from_day: date | None = None, to_day: date | None = None
) -> Completeness:
    """Whether all that a terminal recorded is stored and delivered, by local day: the last week by default.

    The days `from_day` to `to_day` are both included, 92 at most. A day says how many records the
    terminal reported, how many are stored, delivered and owed, and why it is not complete.

    Raises:
        NotFound, InvalidInput
    """
    terminal = await call.gateway.database.read(get_terminal, terminal_id, with_deleted=True)
    today = utc_now().astimezone(ZoneInfo(terminal.timezone)).date()
    _check_years(from_day, to_day)
    last = to_day or max(today, from_day or today)
    first = from_day or last - timedelta(days=_SHOWN_DAYS - 1)
    _check_days(first, last, _MOST_DAYS)
    view = call.gateway.roster.find_view(terminal_id)
    online = view is not None and view.state == "online"
    since = view.connected_at if view is not None and online else None
    return await call.gateway.database.read(_read, terminal, first, last, since)


@operation("terminals.pull_new", "operator")
async def pull_new(call: Call, terminal_id: int) -> TaskRecord:
    """Ask a connected terminal for the records it counts as new; the task tells what came.

    Raises:
        NotFound
        Conflict: the terminal is not connected.
    """
    terminal = await _connected(call, terminal_id)
    today = utc_now().astimezone(ZoneInfo(terminal.timezone)).date()
    # What an interruption costs is looked for by days: new records are given once.
    first = today - timedelta(days=call.gateway.settings.backfill.days)
    return _start(call, terminal, Plan("new", first, today), "new records")


@operation("terminals.pull_all", "operator")
async def pull_all(
    call: Call, terminal_id: int, *, from_day: date | None = None, to_day: date | None = None
) -> TaskRecord:
    """Ask a connected terminal for all its records, or those of some days; the task tells what came.

    The days `from_day` to `to_day` (today when left out) are both included. What is stored already
    is not stored again.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    if from_day is None and to_day is not None:
        raise InvalidInput("from_day must be given with to_day", field="from_day")
    _check_years(from_day, to_day)
    terminal = await _connected(call, terminal_id)
    if from_day is None:
        return _start(call, terminal, Plan("all"), "all records")
    last = to_day or max(from_day, utc_now().astimezone(ZoneInfo(terminal.timezone)).date())
    _check_days(from_day, last, _MOST_DAYS_PULLED)
    return _start(call, terminal, Plan("days", from_day, last), f"records of {from_day} to {last}")


def _start(call: Call, terminal: Terminal, wanted: Plan, what: str) -> TaskRecord:
    progress = Progress()
    work = partial(_pull, call, terminal, wanted, progress)
    return call.gateway.tasks.start(f"{what} of {terminal.sn}", work, progress=progress)


async def _pull(call: Call, terminal: Terminal, wanted: Plan, progress: Progress) -> dict[str, Any]:
    def tell(pulled: Pulled) -> None:
        progress.done = pulled.records
        progress.total = None if pulled.total is None else max(pulled.total, pulled.records)

    outcome = await call.gateway.backfill.pull(
        terminal.id,
        wanted,
        operator=call.operator.name,
        correlation_id=call.correlation_id,
        tell=tell,
    )
    if not outcome.is_whole:
        raise Unavailable(outcome.sentence)
    pulled = outcome.pulled
    return {
        "terminal_sn": terminal.sn,
        "outcome": outcome.sentence,
        "records": pulled.records,
        "stored": pulled.stored,
        "already_there": pulled.duplicates,
        "quarantined": pulled.quarantined,
    }


async def _connected(call: Call, terminal_id: int) -> Terminal:
    terminal = await call.gateway.database.read(get_terminal, terminal_id)
    if not is_connected(call.gateway, terminal_id):
        raise Conflict(
            f"{terminal.sn} is not connected: what it holds is compared by itself when it is back",
            field="terminal_id",
        )
    return terminal


def _check_years(*days: date | None) -> None:
    for field, day in zip(("from_day", "to_day"), days, strict=True):
        if day is not None and not 2000 <= day.year <= 2100:
            raise InvalidInput(f"{field} must be from the year 2000 to 2100", field=field)


def _check_days(first: date, last: date, most: int) -> None:
    if first > last:
        raise InvalidInput("from_day must not be after to_day", field="from_day")
    if (last - first).days >= most:
        raise InvalidInput(f"from_day to to_day must be {most} days at most", field="to_day")


def _read(
    connection: Connection, terminal: Terminal, first: date, last: date, online_since: datetime | None
) -> Completeness:
    days = read_completeness(connection, terminal.id, first, last, now=utc_now(), online_since=online_since)
    known = find_reconciliation(connection, terminal.id)
    return Completeness(
        terminal_id=terminal.id,
        terminal_sn=terminal.sn,
        timezone=terminal.timezone,
        days=tuple(days),
        agreed_at=known.agreed_at,
        unaccounted=known.unaccounted,
        pulling=known.phase,
        last_pull=known.outcome,
        last_pull_at=known.finished_at,
    )
