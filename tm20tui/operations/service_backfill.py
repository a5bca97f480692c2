"""Back-fill: a service is owed punches of the past, counted first, in the background, never twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import trio

from tm20tui.errors import Conflict
from tm20tui.gentle import GentleWriter
from tm20tui.model import Service, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_period
from tm20tui.operations.registry import operation, write_audit
from tm20tui.store import backfilling, services, terminals
from tm20tui.store.backfilling import BackfillCounts as BackfillCounts
from tm20tui.store.backfilling import Period
from tm20tui.tasks import Progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.tasks import TaskRecord

_OPERATION = "services.backfill"
_READ = 2000
_FIRST_STEP = 100


@dataclass(frozen=True, slots=True)
class Backfill:
    """What a back-fill found before it began; `task` does it, None in a dry run and where nothing is owed."""

    service: Service
    counts: BackfillCounts
    task: TaskRecord | None


@operation(_OPERATION, "operator")
async def backfill_service(
    call: Call,
    service_id: int,
    from_at: datetime,
    *,
    to_at: datetime | None = None,
    terminal_id: int | None = None,
    dry_run: bool = False,
) -> Backfill:
    """Owe a service the punches of its terminals with a time from `from_at` on, to `to_at` if given.

    Of one terminal with `terminal_id`. What it is owed or has is left out, and so is what its
    address got through another config: nothing is delivered twice. Interrupted, it goes on
    when it is asked for again. `dry_run` counts alone.

    Raises:
        NotFound: no such service or terminal.
        Conflict: the service does not serve that terminal.
        InvalidInput
    """
    check_period(from_at, to_at)
    period = Period(service_id, from_at, to_at or utc_now(), terminal_id)
    check_period(from_at, period.to_at)

    def count(connection: Connection) -> tuple[Service, BackfillCounts]:
        service = services.get_service(connection, service_id)
        if terminal_id is not None:
            terminal = terminals.get_terminal(connection, terminal_id, with_deleted=True)
            if service.terminal_ids is not None and terminal_id not in service.terminal_ids:
                raise Conflict(f"{service.name} does not serve {terminal.sn}", field="terminal_id")
        return service, backfilling.count_backfill(connection, period)

    service, counts = await call.gateway.database.read(count)
    if dry_run or not counts.owed:
        return Backfill(service, counts, None)
    progress = Progress(0, counts.owed)

    async def work() -> dict[str, Any]:
        return await _owe(call, period, progress)

    task = call.gateway.tasks.start(f"back-fill of {service.name}", work, progress=progress)
    return Backfill(service, counts, task)


async def _owe(call: Call, period: Period, progress: Progress) -> dict[str, Any]:
    database, writer = call.gateway.database, GentleWriter(call.gateway.database, _FIRST_STEP)
    hold = not call.gateway.settings.ingest.deliver_impossible_times
    owed, after, started = 0, None, trio.current_time()
    end = "interrupted"
    try:
        while page := await database.read(backfilling.list_backfill, period, after, _READ):
            start = 0
            while start < len(page):
                ids = [ident for _, ident in page[start : start + writer.size]]
                owed += await writer.write(backfilling.owe_punches, period, ids, hold=hold)
                start += len(ids)
                progress.advance(len(ids))
            after = page[-1]
            call.gateway.dispatcher.news([period.service_id])
        end = "complete"
    finally:
        call.gateway.dispatcher.news([period.service_id])
        facts = {"service_id": period.service_id, "end": end, "owed": owed}
        with trio.CancelScope(shield=True):
            await write_audit(call, _OPERATION, facts, "done", "", trio.current_time() - started)
    return {"owed": owed}
