"""What terminals sent and could not be read: looked at, tried again, thrown away by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, select, update

from tm20tui.errors import NotFound
from tm20tui.store.schema import quarantine
from tm20tui.store.text import storable


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A text that could not be stored. `raw` has no secrets in it; `field` is the member that is wrong.

    `field` is empty when the text as a whole is; `terminal_id` is None when nobody knows
    which terminal it was.
    """

    id: int
    terminal_id: int | None
    sn: str
    raw: str
    field: str
    reason: str
    received_at: datetime


def list_quarantined(
    connection: Connection,
    *,
    terminal_id: int | None = None,
    reason: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Quarantined]:
    """Texts, newest first, before `before_id`; `reason` is part of the reason, the period that of arrival."""
    conditions: list[ColumnElement[bool]] = []
    if terminal_id is not None:
        conditions.append(quarantine.c.terminal_id == terminal_id)
    if reason:
        conditions.append(quarantine.c.reason.icontains(reason, autoescape=True))
    if from_at is not None:
        conditions.append(quarantine.c.received_at >= from_at)
    if to_at is not None:
        conditions.append(quarantine.c.received_at < to_at)
    if before_id is not None:
        conditions.append(quarantine.c.id < before_id)
    query = _QUARANTINED.where(*conditions).order_by(quarantine.c.id.desc()).limit(limit)
    return [Quarantined(*row) for row in connection.execute(query)]


def get_quarantined(connection: Connection, quarantine_id: int) -> Quarantined:
    """One text; `NotFound` when there is none."""
    row = connection.execute(_QUARANTINED.where(quarantine.c.id == quarantine_id)).first()
    if row is None:
        raise NotFound("quarantined text", quarantine_id, field="quarantine_id")
    return Quarantined(*row)


def delete_quarantined(connection: Connection, quarantine_id: int) -> None:
    """Forget a text."""
    connection.execute(delete(quarantine).where(quarantine.c.id == quarantine_id))


def change_reason(connection: Connection, quarantine_id: int, reason: str) -> None:
    """Note why a text cannot be stored now."""
    query = update(quarantine).where(quarantine.c.id == quarantine_id)
    connection.execute(query.values(reason=storable(reason)))


_QUARANTINED = select(
    quarantine.c.id,
    quarantine.c.terminal_id,
    quarantine.c.sn,
    quarantine.c.raw,
    quarantine.c.field,
    quarantine.c.reason,
    quarantine.c.received_at,
)
