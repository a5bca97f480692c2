"""What a list of punches shows beside them: each service's share, and who was on time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast
from zoneinfo import ZoneInfo

from tm20tui.errors import InvalidInput
from tm20tui.operations.call import Call
from tm20tui.operations.checks import LARGEST_PAGE
from tm20tui.operations.registry import operation
from tm20tui.schedule.lateness import Judgement as Judgement
from tm20tui.schedule.lateness import assess
from tm20tui.schedule.matching import Punch
from tm20tui.store import schedules
from tm20tui.store.attendance_rows import PunchDelivery as PunchDelivery
from tm20tui.store.attendance_rows import list_deliveries_of
from tm20tui.store.punches import UserPunch, list_owners, list_user_punches
from tm20tui.store.terminals import list_timezones

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A night shift and half the gap to the next reach so far beyond a punch.
_REACH = timedelta(days=3)


@operation("punches.deliveries", "viewer", writes=False)
async def list_shares(call: Call, punch_ids: Sequence[int]) -> dict[int, tuple[PunchDelivery, ...]]:
    """What each service got or is owed of the punches `punch_ids`, at most 500, by punch id.

    Raises:
        InvalidInput
    """
    _check(punch_ids)
    return await call.gateway.database.read(list_deliveries_of, punch_ids)


@operation("punches.judge", "viewer", writes=False)
async def judge_punches(call: Call, punch_ids: Sequence[int]) -> dict[int, Judgement]:
    """Who was on time, late or early, for the punches `punch_ids`, at most 500, by punch id.

    Punches of terminals without schedules, and those whose time is not trusted, are left out.

    Raises:
        InvalidInput
    """
    _check(punch_ids)
    day_starts_at = call.gateway.settings.ingest.day_starts_at

    def read(connection: Connection) -> dict[int, Judgement]:
        owners = list_owners(connection, punch_ids)
        terminal_ids = {terminal_id for terminal_id, _enrollid, _at in owners}
        hours = schedules.list_schedules_of(connection, terminal_ids)
        zones = list_timezones(connection, hours.keys())
        times: dict[tuple[int, str], list[datetime]] = {}
        for terminal_id, enrollid, at in owners:
            if terminal_id in hours:
                times.setdefault((terminal_id, enrollid), []).append(at)
        judged: dict[int, Judgement] = {}
        for (terminal_id, enrollid), moments in times.items():
            found = list_user_punches(
                connection, terminal_id, enrollid, min(moments) - _REACH, max(moments) + _REACH
            )
            assessed = assess(
                hours[terminal_id],
                ZoneInfo(zones[terminal_id]),
                _punches(found),
                day_starts_at=day_starts_at,
            )
            judged.update((one.punch_id, one) for one in assessed.punches)
        wanted = set(punch_ids)
        return {ident: one for ident, one in judged.items() if ident in wanted}

    return await call.gateway.database.read(read)


def _punches(rows: Iterable[UserPunch]) -> list[Punch]:
    return [Punch(row.id, row.at, cast('Literal["in", "out"] | None', row.direction)) for row in rows]


def _check(punch_ids: Sequence[int]) -> None:
    if len(punch_ids) > LARGEST_PAGE:
        raise InvalidInput(f"punch_ids must be at most {LARGEST_PAGE}", field="punch_ids")
