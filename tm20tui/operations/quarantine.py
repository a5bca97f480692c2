"""What terminals sent and could not be read: look, read again with the reader of now, discard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tm20tui.errors import Conflict, FrameError
from tm20tui.ingest.frames import LogFrame, Receipt, UserFrame
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_line, check_period
from tm20tui.operations.registry import operation
from tm20tui.protocol import BadRecord, LogRecord, SendLog, SendUser, decode, salvage
from tm20tui.protocol.records import read_records
from tm20tui.protocol.text import read_object
from tm20tui.store import quarantine, terminals
from tm20tui.store.quarantine import Quarantined as Quarantined

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """Some texts, newest first; the next page is before `next_before_id`, None when this was the last."""

    items: tuple[Quarantined, ...]
    next_before_id: int | None


@dataclass(frozen=True, slots=True)
class QuarantineRetry:
    """What reading a text again came to.

    `stored` punches are new, `duplicates` were there already, `events` are of doors and
    strangers, `users` users. `unreadable` counts what still cannot be stored, with the
    `reason`; only when there is nothing of that is the text gone (`is_removed`).
    """

    item: Quarantined
    stored: int
    duplicates: int
    events: int
    users: int
    unreadable: int
    reason: str
    is_removed: bool


@dataclass(frozen=True, slots=True)
class Reread:
    """What the present reader finds in a text: records, or a user, or nothing and why."""

    records: tuple[LogRecord, ...] = ()
    bad: tuple[BadRecord, ...] = ()
    user: SendUser | None = None
    reason: str = ""


@operation("quarantine.list", "viewer", writes=False)
async def list_quarantine(
    call: Call,
    *,
    terminal_id: int | None = None,
    reason: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> QuarantinePage:
    """A page of texts that could not be stored, newest first.

    Of one terminal (`terminal_id`), with `reason` in their reason, received in
    [`from_at`, `to_at`).

    Raises:
        NotFound: no such terminal.
        InvalidInput
    """
    check_limit(limit)
    check_period(from_at, to_at)

    def read(connection: Connection) -> list[Quarantined]:
        if terminal_id is not None:
            terminals.get_terminal(connection, terminal_id, with_deleted=True)
        return quarantine.list_quarantined(
            connection,
            terminal_id=terminal_id,
            reason=reason,
            from_at=from_at,
            to_at=to_at,
            before_id=before_id,
            limit=limit + 1,
        )

    found = await call.gateway.database.read(read)
    page = tuple(found[:limit])
    return QuarantinePage(page, page[-1].id if len(found) > limit else None)


@operation("quarantine.get", "viewer", writes=False)
async def get_quarantined(call: Call, quarantine_id: int) -> Quarantined:
    """One text that could not be stored; `NotFound` when there is none."""
    return await call.gateway.database.read(quarantine.get_quarantined, quarantine_id)


@operation("quarantine.retry", "operator")
async def retry_quarantined(call: Call, quarantine_id: int) -> QuarantineRetry:
    """Read a text again and store what is good, as if it came now from its terminal.

    It leaves quarantine when all of it is stored; else it stays, with the reason of now.
    A user's credential cannot come back this way: its content was never kept.

    Raises:
        NotFound
        Conflict: nobody knows which terminal it came from.
    """
    item, terminal = await call.gateway.database.read(_find, quarantine_id)
    found = read_again(item.raw)
    receipt = await _store(call, item, terminal, found)
    unreadable = len(found.bad) + receipt.quarantined + bool(found.reason)
    reason = found.reason or (found.bad[0].reason if found.bad else "")
    if receipt.quarantined:
        reason = "a record was set aside again: see the newest of the quarantine"
    elif found.bad and found.bad[0].field:
        reason = f"{found.bad[0].field} {reason}"
    if unreadable:
        await call.gateway.database.write(quarantine.change_reason, quarantine_id, reason)
        item = replace(item, reason=reason)
    else:
        await call.gateway.database.write(quarantine.delete_quarantined, quarantine_id)
    return QuarantineRetry(
        item=item,
        stored=receipt.stored,
        duplicates=receipt.duplicates,
        events=receipt.events,
        users=int(found.user is not None),
        unreadable=unreadable,
        reason=reason,
        is_removed=not unreadable,
    )


@operation("quarantine.discard", "operator")
async def discard_quarantined(call: Call, quarantine_id: int, *, reason: str = "") -> Quarantined:
    """Throw a text away for good; returns it. The `reason` is for the audit.

    Raises:
        NotFound, InvalidInput
    """
    check_line(reason, "reason", 500)

    def discard(connection: Connection) -> Quarantined:
        item = quarantine.get_quarantined(connection, quarantine_id)
        quarantine.delete_quarantined(connection, quarantine_id)
        return item

    return await call.gateway.database.write(discard)


def read_again(raw: str) -> Reread:
    """Read a quarantined text: a whole frame, one record of one, or what is left of a broken frame."""
    try:
        push = decode(raw)
    except FrameError as error:
        return _read_pieces(raw, error.reason)
    if isinstance(push, SendLog):
        nothing = "" if push.records or push.bad else "there is no record in it"
        return Reread(push.records, push.bad, reason=nothing)
    if isinstance(push, SendUser):
        if push.problem:
            return Reread(reason=push.problem)
        # The contents were cut before the text was kept: what stands there now is no credential.
        return Reread(user=replace(push, record=None, card=None))
    return Reread(reason="it is neither a sendlog nor a senduser: there is nothing to store in it")


def _read_pieces(raw: str, reason: str) -> Reread:
    try:
        row = read_object(raw)
    except FrameError:
        found = salvage(raw)
        if found is None or not (found.records or found.bad):
            return Reread(reason=reason)
        return Reread(found.records, found.bad)
    records, bad = read_records([row])
    return Reread(records, bad)


def _find(connection: Connection, quarantine_id: int) -> tuple[Quarantined, Terminal]:
    item = quarantine.get_quarantined(connection, quarantine_id)
    if item.terminal_id is not None:
        return item, terminals.get_terminal(connection, item.terminal_id, with_deleted=True)
    terminal = terminals.find_terminal(connection, item.sn) if item.sn else None
    if terminal is None:
        raise Conflict("nobody knows which terminal it came from, so it cannot be stored")
    return item, terminal


async def _store(call: Call, item: Quarantined, terminal: Terminal, found: Reread) -> Receipt:
    writer = call.gateway.writer
    if found.user is not None:
        return await writer.submit(UserFrame(terminal, item.received_at, found.user, item.raw))
    if not found.records:
        return Receipt()
    zone = ZoneInfo(terminal.timezone)
    return await writer.submit(LogFrame(terminal, zone, item.received_at, found.records, (), item.raw))
