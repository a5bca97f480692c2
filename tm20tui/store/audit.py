"""Who did what, from where, with what result. It can only grow: the database itself refuses the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, or_, select

from tm20tui.store.schema import audit
from tm20tui.store.text import storable

AuditOutcome = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing an operator did or was refused. `targets` and `arguments` are JSON, without secrets."""

    at: datetime
    operator: str
    role: str
    origin: str
    address: str
    operation: str
    targets: str
    arguments: str
    outcome: AuditOutcome
    reason: str
    duration_seconds: float
    correlation_id: str
    id: int | None = None


def add_entry(connection: Connection, entry: AuditEntry) -> None:
    """Append an entry."""
    values = asdict(entry)
    del values["id"]
    values = {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
    values["operator"], values["address"] = values["operator"][:100], values["address"][:100]
    connection.execute(audit.insert(), values)


def list_entries(
    connection: Connection,
    *,
    before_id: int | None = None,
    limit: int = 100,
    operator: str | None = None,
    operation: str | None = None,
    outcome: str | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    words: Sequence[str] = (),
    terminal_id: int | None = None,
) -> list[AuditEntry]:
    """Entries, newest first, past `before_id`.

    `operation` ending in a dot means all of that noun; each of `words` is somewhere in the
    entry, whatever its case, and those that begin with `!` are not.
    """
    conditions: list[Any] = []
    if before_id is not None:
        conditions.append(audit.c.id < before_id)
    for column, value in (
        (audit.c.operator, operator),
        (audit.c.operation, None if operation is not None and operation.endswith(".") else operation),
        (audit.c.outcome, outcome),
    ):
        if value is not None:
            conditions.append(column == value)
    if operation is not None and operation.endswith("."):
        conditions.append(audit.c.operation.startswith(operation, autoescape=True))
    for word in words:
        found = or_(
            *(
                func.lower(column).contains(word.removeprefix("!").lower(), autoescape=True)
                for column in (
                    *(audit.c.operator, audit.c.address, audit.c.operation, audit.c.targets),
                    *(audit.c.arguments, audit.c.outcome, audit.c.reason, audit.c.correlation_id),
                )
            )
        )
        conditions.append(~found if word.startswith("!") else found)
    if terminal_id is not None:
        # As `targets` is written: compact JSON, so that 12 is not found in 120.
        named = f'"terminal_id":{terminal_id}'
        ends = (audit.c.targets.contains(named + end) for end in (",", "}"))
        conditions.append(or_(*ends))
    if from_at is not None:
        conditions.append(audit.c.at >= from_at)
    if to_at is not None:
        conditions.append(audit.c.at < to_at)
    query = select(audit).where(*conditions).order_by(audit.c.id.desc()).limit(limit)
    return [AuditEntry(**row) for row in connection.execute(query).mappings()]
