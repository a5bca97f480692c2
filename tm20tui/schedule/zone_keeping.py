"""Access zones of terminals kept up to date: a terminal knows no dates, so what was written goes stale.

A schedule that comes into effect or ends, or is changed, makes the zones that were written before
say something else than the schedules: that is reported, or they are written anew, as configured.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from tm20tui.alarms import Alarms
from tm20tui.errors import InvalidInput
from tm20tui.model import utc_now
from tm20tui.protocol import GetDevLock, TerminalLock
from tm20tui.schedule.zones import ZonePlan, compare_zones, plan_zones
from tm20tui.store.engine import Database
from tm20tui.store.schedules import Schedule, list_schedules
from tm20tui.store.zones import ZoneWrite, list_zone_writes, save_zone_write, set_stale
from tm20tui.terminals.commands import CommandDesk

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ZONES_SECONDS: Final = 120.0
"""How long a connected terminal may take for its zones; they are not kept for later."""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing zones: `status` `confirmed` when they were read back as they were sent."""

    status: str
    reason: str = ""
    differences: tuple[str, ...] = ()


class ZoneKeeper:
    """Writes access zones and watches over those that were written."""

    def __init__(
        self, database: Database, desk: CommandDesk, alarms: Alarms, stale: Literal["report", "resend"]
    ) -> None:
        self._database = database
        self._desk = desk
        self._alarms = alarms
        self._resends = stale == "resend"

    async def write(
        self,
        terminal_id: int,
        plan: ZonePlan,
        *,
        split_breaks: bool,
        margin_minutes: int,
        operator: str,
        correlation_id: str = "",
    ) -> Written:
        """Write a plan to a connected terminal, read it back, and remember it."""
        ask = partial(
            self._desk.ask_and_wait,
            terminal_id,
            operator=operator,
            correlation_id=correlation_id,
            seconds=_ZONES_SECONDS + 10,
            expires_seconds=_ZONES_SECONDS,
        )
        written = (await ask(plan.command())).record
        if written.status != "confirmed":
            return Written(written.status, written.reason)
        record, result = await ask(GetDevLock())
        found = Written("confirmed")
        if not isinstance(result, TerminalLock):
            reason = f"written, but getdevlock {record.status}: {record.reason}"
            found = Written("not read back", reason)
        elif differences := compare_zones(plan, result.settings):
            reason = "the terminal holds something else than it was sent"
            found = Written("different", reason, differences)

        def save(connection: Connection) -> None:
            save_zone_write(
                connection,
                terminal_id,
                split_breaks=split_breaks,
                margin_minutes=margin_minutes,
                dayzone=plan.dayzone,
                weekzone=plan.weekzone,
                status=found.status,
                now=utc_now(),
            )

        await self._database.write(save)
        self._alarms.clear(_key(terminal_id))
        return found

    async def look(self, online: Collection[int], *, on: date | None = None) -> str:
        """Find what is out of date today (`on`), and report it or write it anew."""
        stale = anew = 0
        for one in await self._database.read(list_zone_writes):
            today = on or utc_now().astimezone(ZoneInfo(one.timezone)).date()
            schedules = await self._database.read(list_schedules, one.terminal_id)
            plan, reason = find_stale(one, schedules, today)
            if reason and plan is not None and self._resends and one.terminal_id in online:
                written = await self.write(
                    one.terminal_id,
                    plan,
                    split_breaks=one.split_breaks,
                    margin_minutes=one.margin_minutes,
                    operator="server",
                )
                if written.status == "confirmed":
                    anew += 1
                    continue
                reason = f"{reason}; writing them anew: {written.status} {written.reason}".rstrip()
            if reason != one.stale:
                await self._database.write(set_stale, one.terminal_id, reason)
            if reason:
                stale += 1
                self._alarms.set(_key(one.terminal_id), f"the access zones of {one.terminal_sn}: {reason}")
            else:
                self._alarms.clear(_key(one.terminal_id))
        return f"{stale} out of date, {anew} written anew"


def find_stale(written: ZoneWrite, schedules: Sequence[Schedule], today: date) -> tuple[ZonePlan | None, str]:
    """The plan of today and why what was written is not it; the reason is empty when it is."""
    try:
        plan = plan_zones(
            [schedules],
            on=today,
            split_breaks=written.split_breaks,
            margin_minutes=written.margin_minutes,
        )
    except InvalidInput as error:
        return None, f"the schedules of {today} cannot be written as zones: {error}"
    if (plan.dayzone, plan.weekzone) == (written.dayzone, written.weekzone):
        return plan, ""
    return plan, f"they are of {written.written_at:%Y-%m-%d}, the schedules of {today} say something else"


def _key(terminal_id: int) -> str:
    return f"zones:{terminal_id}"
