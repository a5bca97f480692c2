"""Forgets, now and then, what is old of deliveries: what was sent, how, and with which answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tm20tui.gentle import GentleWriter
from tm20tui.model import utc_now
from tm20tui.settings import DeliverySettings
from tm20tui.store import retention
from tm20tui.store.engine import Database
from tm20tui.store.signing import forget_lapsed_signing

if TYPE_CHECKING:
    from sqlalchemy import Connection

_READ: Final = 2000

Look = Callable[["Connection", datetime, retention.Position | None, int], list[retention.Position]]
Delete = Callable[["Connection", Sequence[int]], int]


async def forget_old_deliveries(
    database: Database, keep: DeliverySettings, writer: GentleWriter | None = None
) -> str:
    """Delete what is older than its days, in steps that no punch waits for; what is owed or failed stays."""
    now, writer = utc_now(), writer or GentleWriter(database)
    await database.write(forget_lapsed_signing, now)

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    async def forget(look: Look, delete: Delete, days: int) -> int:
        return await _forget(database, writer, look, delete, before(days))

    bodies = await forget(retention.list_old_bodies, retention.empty_bodies, keep.body_keep_days)
    tries = await forget(retention.list_old_attempts, retention.delete_attempts, keep.attempt_keep_days)
    batches = await forget(retention.list_old_batches, retention.delete_batches, keep.batch_keep_days)
    sent = await _forget_sent(database, writer, before(keep.sent_keep_days))
    return f"{sent} deliveries, {batches} batches, {tries} attempts, {bodies} bodies"


async def _forget(
    database: Database, writer: GentleWriter, look: Look, delete: Delete, before: datetime
) -> int:
    total, last = 0, None
    while page := await database.read(look, before, last, _READ):
        total += await _in_steps(writer, delete, [ident for _, ident in page])
        last = page[-1]
    return total


async def _forget_sent(database: Database, writer: GentleWriter, before: datetime) -> int:
    def delete(connection: Connection, ids: Sequence[int]) -> int:
        return retention.delete_deliveries(connection, ids, before)

    total, after_id = 0, 0
    while True:
        found = await database.read(retention.list_old_deliveries, before, after_id, _READ)
        total += await _in_steps(writer, delete, found.punch_ids)
        if found.next_id is None:
            return total
        after_id = found.next_id


async def _in_steps(writer: GentleWriter, delete: Delete, ids: Sequence[int]) -> int:
    total, start = 0, 0
    while start < len(ids):
        step = ids[start : start + writer.size]
        total += await writer.write(delete, list(step))
        start += len(step)
    return total
