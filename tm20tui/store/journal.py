"""What terminals sent, as it was received: the journal of raw messages, without secrets."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from tm20tui.store.schema import frames

_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """One text of a terminal; `body` is cut to 4,000 characters, `length` is of the whole."""

    id: int
    received_at: datetime
    body: str
    length: int


def list_messages(
    conn: Connection,
    terminal_id: int,
    *,
    before_id: int | None = None,
    before_at: datetime | None = None,
    limit: int = 100,
) -> list[Message]:
    """A terminal's messages, newest first, past the one of `before_id` that came at `before_at`."""
    query = select(frames).where(frames.c.terminal_id == terminal_id)
    if before_id is not None and before_at is not None:
        same = and_(frames.c.received_at == before_at, frames.c.id < before_id)
        query = query.where(or_(frames.c.received_at < before_at, same))
    query = query.order_by(frames.c.received_at.desc(), frames.c.id.desc()).limit(limit)
    return [_message(row.id, row.received_at, bytes(row.body)) for row in conn.execute(query)]


def _message(ident: int, received_at: datetime, body: bytes) -> Message:
    text = zlib.decompress(body).decode("utf-8", "replace")
    return Message(ident, received_at, text[:_LONGEST], len(text))
