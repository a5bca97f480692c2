"""Pulls that nobody asked for, planned from what is known and written down in one transaction."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from tm20tui.backfill import policy
from tm20tui.backfill.policy import Plan, Told
from tm20tui.backfill.running import begin, read_comparison
from tm20tui.store.commands import known_unknown
from tm20tui.store.reconciliations import find_reconciliation
from tm20tui.store.terminal_days import day_bounds, list_checks
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.store.reconciliations import Reconciliation

_AFTER_MIDNIGHT: Final = timedelta(minutes=10)
"""Clocks of terminals may be slow, and what they kept may be on its way."""


class Tried(NamedTuple):
    """The day that was looked at, and whether it is to be listed."""

    day: date
    is_planned: bool


def plan_pull(
    connection: Connection, terminal_id: int, told: Told, most_days: int, now: datetime
) -> Reconciliation:
    """What a terminal that holds more than is stored is asked for first."""
    terminal = get_terminal(connection, terminal_id, with_deleted=True)
    known, found = read_comparison(connection, terminal_id, told)
    assert found is not None
    zone = ZoneInfo(terminal.timezone)
    today = now.astimezone(zone).date()
    checks = list_checks(connection, terminal_id, today - timedelta(days=most_days), today)
    wanted = policy.plan(
        known,
        found,
        told,
        today=today,
        checked={
            day
            for day, check in checks.items()
            if check.reported is not None
            and not check.missing
            and check.checked_until >= day_bounds(day, zone)[1]
        },
        most_days=most_days,
        without=known_unknown(connection, terminal_id, terminal.firmware),
    )
    return begin(connection, terminal_id, wanted, now, "", "")


def plan_yesterday(connection: Connection, terminal_id: int, tried: date | None, now: datetime) -> Tried:
    """Have the last day that is over listed, unless it was `tried` or all of it is known to be here."""
    terminal = get_terminal(connection, terminal_id, with_deleted=True)
    zone = ZoneInfo(terminal.timezone)
    day = (now - _AFTER_MIDNIGHT).astimezone(zone).date() - timedelta(days=1)
    if day == tried or terminal.first_seen_at >= day_bounds(day, zone)[1]:
        return Tried(day, is_planned=False)
    check = list_checks(connection, terminal_id, day, day).get(day)
    is_known = check is not None and check.checked_until >= day_bounds(day, zone)[1]
    if is_known or find_reconciliation(connection, terminal_id).phase:
        return Tried(day, is_planned=False)
    begin(connection, terminal_id, Plan("days", day, day), now, "", "")
    return Tried(day, is_planned=True)
