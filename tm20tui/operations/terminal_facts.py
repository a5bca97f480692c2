"""What is known of one terminal beside its record: what it sent, and whether it may forget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tm20tui.errors import InvalidInput
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit
from tm20tui.operations.erasing import registered_at, what_is_unsafe
from tm20tui.operations.registry import operation
from tm20tui.store.journal import Message as Message
from tm20tui.store.journal import list_messages as read_messages
from tm20tui.store.safekeeping import get_safekeeping
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages, newest first. The next page is past the last of them, if there are `more`."""

    messages: tuple[Message, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class ErasingOutlook:
    """Whether a terminal may be told to erase its records.

    `held` is what it said it holds, None when it did not say; `stored` what came from it;
    `undelivered` its punches that a service is owed. `refusal` says why not, empty if it may.
    """

    held: int | None
    stored: int
    undelivered: int
    refusal: str


@operation("terminals.messages", "viewer", writes=False)
async def list_messages(
    call: Call,
    terminal_id: int,
    *,
    before_id: int | None = None,
    before_at: datetime | None = None,
    limit: int = 100,
) -> MessagePage:
    """What a terminal sent, newest first, as far as it is kept (ingest.frame_keep_days), without secrets.

    The next page is past the message `before_id` that was received at `before_at`.

    Raises:
        NotFound, InvalidInput
    """
    check_limit(limit)
    if (before_id is None) != (before_at is None):
        raise InvalidInput("before_id and before_at are given together", field="before_at")

    def read(connection: Connection) -> list[Message]:
        get_terminal(connection, terminal_id, with_deleted=True)
        return read_messages(
            connection, terminal_id, before_id=before_id, before_at=before_at, limit=limit + 1
        )

    found = await call.gateway.database.read(read)
    return MessagePage(tuple(found[:limit]), len(found) > limit)


@operation("terminals.erasable", "viewer", writes=False)
async def foresee_erasing(call: Call, terminal_id: int) -> ErasingOutlook:
    """Whether a terminal may be told to erase its records: what it holds beside what is stored here.

    Raises:
        NotFound
    """
    kept = await call.gateway.database.read(get_safekeeping, terminal_id, registered_at(call, terminal_id))
    refusal = what_is_unsafe(kept)
    if not call.gateway.settings.security.allow_dangerous:
        refusal = "it needs security.allow_dangerous = true in the configuration"
    return ErasingOutlook(kept.held, kept.stored, kept.undelivered, refusal)
