"""Punches for people and scripts: lists by simple words, one explained, whole periods page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, cast

from tm20tui.errors import InvalidInput
from tm20tui.model import SYNC_STATUSES, AttendanceLog, SyncStatus
from tm20tui.operations.attendance import list_attendance
from tm20tui.operations.call import Call
from tm20tui.operations.checks import LARGEST_PAGE, check_limit, check_period, check_word
from tm20tui.operations.registry import operation
from tm20tui.operations.why import PunchStory as PunchStory
from tm20tui.operations.why import find_frame, tell_deliveries
from tm20tui.store import attendance, history, services, terminals
from tm20tui.store.attendance import AttendanceFilters, AttendancePage, Position

if TYPE_CHECKING:
    from sqlalchemy import Connection


_NOT_OWED = "no service was owed it when it came; one that is added later takes it over"
_FORGOTTEN = "it was sent, so long ago that it is not kept any more to whom (delivery.sent_keep_days)"


@operation("punches.list", "viewer", writes=False)
async def list_punches(
    call: Call,
    *,
    terminal_id: int | None = None,
    terminal_sn: str | None = None,
    enrollid: str | None = None,
    name: str | None = None,
    status: str | None = None,
    service_id: int | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    after_id: int | None = None,
    after_time: datetime | None = None,
    limit: int = 100,
) -> AttendancePage:
    """A page of punches: newest first, or for the statuses pending and failed the oldest first.

    Of one terminal (`terminal_id`, or `terminal_sn` whatever its case), one user
    (`enrollid`), or of users with `name` in their names, with the `status` pending, sent or
    failed, over all services or for one (`service_id`), in [`from_at`, `to_at`) by their own
    time. The next page is behind
    `after_id`, in a period also `after_time`: both are in this page's `next`.

    Raises:
        NotFound: no such terminal or service.
        InvalidInput
    """
    filters = await _filters(call, terminal_id, terminal_sn, enrollid, status, service_id, from_at, to_at)
    filters = replace(filters, name=name or None)
    after = None if after_id is None else Position(after_id, after_time)
    return await list_attendance(call, filters, after, limit)


@operation("punches.export", "viewer", writes=False)
async def export_punches(
    call: Call,
    from_at: datetime,
    to_at: datetime,
    *,
    terminal_id: int | None = None,
    terminal_sn: str | None = None,
    enrollid: str | None = None,
    status: str | None = None,
    service_id: int | None = None,
    page_size: int = LARGEST_PAGE,
) -> AsyncGenerator[tuple[AttendanceLog, ...], None]:
    """Every punch of the period [`from_at`, `to_at`), newest first, in pages of at most `page_size`.

    Returns an asynchronous generator (close it: `aclosing`): pages are read as asked for, so a year
    needs no more memory than a page. Of one terminal (`terminal_id` or `terminal_sn`), one
    user (`enrollid`), with the `status` pending, sent or failed, over all services or for
    one (`service_id`). What has no readable time is in no period.

    Raises:
        NotFound, InvalidInput: before the first page.
    """
    check_limit(page_size)
    filters = await _filters(call, terminal_id, terminal_sn, enrollid, status, service_id, from_at, to_at)
    return _pages(call, filters, page_size)


@operation("punches.why", "viewer", writes=False)
async def explain_punch(call: Call, punch_id: int) -> PunchStory:
    """One punch from the frame that brought it to every service: each attempt, and what happens next.

    Raises:
        NotFound
    """
    rounds = {status.service_id: status.next_round_at for status in call.gateway.dispatcher.status()}
    keep_days = call.gateway.settings.ingest.frame_keep_days

    def read(connection: Connection) -> PunchStory:
        log = attendance.get_attendance(connection, punch_id)
        stories = tell_deliveries(connection, history.list_deliveries_of(connection, punch_id), rounds)
        frame = find_frame(connection, log)
        note = "" if stories else _NOT_OWED if log.sync_status != "sent" else _FORGOTTEN
        kept = f"the message that brought it is not kept any more (ingest.frame_keep_days = {keep_days})"
        return PunchStory(log, frame, "" if frame is not None else kept, tuple(stories), note)

    return await call.gateway.database.read(read)


async def _pages(
    call: Call, filters: AttendanceFilters, page_size: int
) -> AsyncGenerator[tuple[AttendanceLog, ...], None]:
    position: Position | None = None
    while True:
        page = await call.gateway.database.read(attendance.list_attendance, filters, position, page_size)
        if page.logs:
            yield page.logs
        if page.next is None:
            return
        position = page.next


async def _filters(
    call: Call,
    terminal_id: int | None,
    terminal_sn: str | None,
    enrollid: str | None,
    status: str | None,
    service_id: int | None,
    from_at: datetime | None,
    to_at: datetime | None,
) -> AttendanceFilters:
    check_period(from_at, to_at)
    check_word(status, "status", SYNC_STATUSES)
    filters = AttendanceFilters(
        terminal_id=terminal_id,
        enrollid=enrollid,
        status=cast("SyncStatus | None", status),
        from_at=from_at,
        to_at=to_at,
        service_id=service_id,
    )

    def resolve(connection: Connection) -> AttendanceFilters:
        found = filters
        if terminal_sn is not None:
            terminal = terminals.find_terminal(connection, terminal_sn)
            if terminal is None:
                raise InvalidInput(f"no terminal has the serial {terminal_sn!r}", field="terminal_sn")
            if terminal_id not in (None, terminal.id):
                raise InvalidInput("terminal_sn is of another terminal than terminal_id", field="terminal_sn")
            found = replace(filters, terminal_id=terminal.id)
        if found.terminal_id is not None:
            terminals.get_terminal(connection, found.terminal_id, with_deleted=True)
        if service_id is not None:
            services.get_service(connection, service_id)
        return found

    return await call.gateway.database.read(resolve)
