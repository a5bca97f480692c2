"""The queue of what is asked of terminals: each row one command, from queued to its true outcome.

Every change is guarded by the status it starts from, so that of two who settle one command
the second is told (`Conflict`). Which moves there are is `terminals.command_states`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    bindparam,
    case,
    delete,
    insert,
    select,
    text,
    tuple_,
    update,
)

from tm20tui.errors import Conflict, NotFound
from tm20tui.store.schema import commands, terminals, unknown_commands

if TYPE_CHECKING:
    from tm20tui.protocol import Command
    from tm20tui.store.vault import Vault

CommandStatus = Literal[
    "queued", "sent", "confirmed", "refused", "timed out", "unknown", "expired", "cancelled"
]

_SECRET = frozenset({"record", "card", "pwd", "password", "photo", "image"})
# As the index is declared: that is what lets SQLite use it.
_OPEN = text("commands.status IN ('queued', 'sent')")
_ANY_PRIORITY = -(2**15)
_QUEUED = text("commands.status = 'queued'")
_SENT = text("commands.status = 'sent'")
_SN = (
    select(terminals.c.sn)
    .where(terminals.c.id == commands.c.terminal_id)
    .correlate(commands)
    .scalar_subquery()
)
_COLUMNS = (*commands.c, _SN.label("terminal_sn"))
_DECIDED_LATE = {"settime": frozenset({"cloudtime"})}
"""Members that hold nothing until the command is sent."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One command as it stands.

    `arguments` are the frame's members, credentials left out; `is_sealed` says that there
    are some, kept until the command is settled. Of `priority` the smallest goes first.
    `attempts` counts how often it was sent. `reason` is a sentence for people, empty when
    confirmed. `result` is what the terminal answered, never a credential. `expires_at`
    None means never.
    """

    id: int
    terminal_id: int
    terminal_sn: str
    name: str
    arguments: Mapping[str, Any]
    is_sealed: bool
    priority: int
    status: CommandStatus
    reason: str
    result: Mapping[str, Any]
    attempts: int
    operator: str
    correlation_id: str
    created_at: datetime
    expires_at: datetime | None
    sent_at: datetime | None
    settled_at: datetime | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status not in ("queued", "sent")


@dataclass(frozen=True, slots=True)
class CommandPage:
    """Some commands, newest first, and the id behind which the next page starts; None after the last."""

    commands: tuple[CommandRecord, ...]
    next: int | None


def add_command(
    conn: Connection,
    vault: Vault,
    terminal_id: int,
    command: Command,
    *,
    operator: str,
    correlation_id: str = "",
    now: datetime,
    expires_at: datetime | None = None,
    priority: int = 0,
    refusal: str = "",
) -> CommandRecord:
    """Queue a command for a terminal that exists; with `refusal` it is settled as refused at once."""
    late = _DECIDED_LATE.get(command.name, ())
    row = {name: value for name, value in command.as_row().items() if name not in late}
    shown = {name: value for name, value in row.items() if name not in _SECRET or isinstance(value, list)}
    sealed = vault.seal(json.dumps(row)) if len(shown) < len(row) and not refusal else None
    values = {
        "terminal_id": terminal_id,
        "name": command.name,
        "arguments": json.dumps(shown),
        "arguments_sealed": sealed,
        "priority": priority,
        "status": "refused" if refusal else "queued",
        "reason": refusal,
        "operator": operator[:100],
        "correlation_id": correlation_id[:64],
        "created_at": now,
        "expires_at": expires_at,
        "settled_at": now if refusal else None,
    }
    return get_command(
        conn, conn.execute(insert(commands).values(**values).returning(commands.c.id)).scalar_one()
    )


def claim_next(
    conn: Connection,
    terminal_id: int,
    now: datetime,
    *,
    hold: Collection[str] = (),
    expired: list[CommandRecord] | None = None,
) -> CommandRecord | None:
    """The command to send next; None while one is in flight. Those named in `hold` are passed over.

    When an overdue one is met, all of the terminal's are expired and added to `expired`.
    """
    asked = {"terminal": terminal_id}
    if conn.execute(_IN_FLIGHT, asked).first():
        return None
    query = _NEXT.where(commands.c.name.not_in(hold)) if hold else _NEXT
    row = conn.execute(query, asked).first()
    if row is not None and row.expires_at is not None and row.expires_at <= now:
        overdue = expire_overdue(conn, now, terminal_id)
        if expired is not None:
            expired += overdue
        row = conn.execute(query, asked).first()
    return None if row is None else _record(row)


def open_arguments(conn: Connection, vault: Vault, record: CommandRecord) -> Mapping[str, Any]:
    """All members of the frame, credentials included; `SecretUnreadable` when another key sealed them."""
    if not record.is_sealed:
        return record.arguments
    sealed = conn.scalar(select(commands.c.arguments_sealed).where(commands.c.id == record.id))
    return record.arguments if sealed is None else json.loads(vault.unseal(sealed))


def mark_sent(conn: Connection, command_id: int, now: datetime) -> CommandRecord:
    """It goes out now: to be committed before it does."""
    values = {"status": "sent", "sent_at": now, "attempts": commands.c.attempts + 1}
    return _move(conn, command_id, "queued", values)


def withdraw(conn: Connection, command_id: int) -> CommandRecord:
    """It did not go out after all, for certain: queue it as it was."""
    values = {"status": "queued", "sent_at": None, "attempts": commands.c.attempts - 1}
    return _move(conn, command_id, "sent", values)


def settle(
    conn: Connection,
    command_id: int,
    *,
    was: CommandStatus,
    status: CommandStatus,
    now: datetime,
    reason: str = "",
    result: Mapping[str, Any] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> CommandRecord:
    """Note what became of it; its credentials are dropped. `arguments`: what was sent in the end."""
    values = {"status": status, "reason": reason, "result": json.dumps(result or {})}
    if arguments is not None:
        values["arguments"] = json.dumps(arguments)
    return _move(conn, command_id, was, values | {"settled_at": now, "arguments_sealed": None})


def cancel(conn: Connection, command_id: int, now: datetime) -> CommandRecord:
    """Take back a queued command; `Conflict` when it is anything else."""
    record = get_command(conn, command_id)
    reason = "it was sent before, without an answer" if record.attempts else ""
    return settle(conn, command_id, was="queued", status="cancelled", now=now, reason=reason)


def expire_overdue(conn: Connection, now: datetime, terminal_id: int | None = None) -> list[CommandRecord]:
    """Settle queued commands whose time is up, of one terminal or all; return what they became.

    One that was sent before is unknown: it may have been carried out then.
    """
    was_sent = commands.c.attempts > 0
    query = update(commands).where(_OPEN, _QUEUED, commands.c.expires_at <= now)
    if terminal_id is not None:
        query = query.where(*_open_of(terminal_id))
    query = query.values(
        status=case((was_sent, "unknown"), else_="expired"),
        reason=case(
            (was_sent, "disconnected before it answered, and back too late to be asked again"),
            else_="could not be sent in time",
        ),
        settled_at=now,
        arguments_sealed=None,
    )
    return _list_by_id(conn, list(conn.scalars(query.returning(commands.c.id))))


def end_open(conn: Connection, terminal_id: int, reason: str, now: datetime) -> list[CommandRecord]:
    """Cancel what is queued for a terminal; what is in flight is unknown. Return what they became."""
    was_sent = commands.c.status == "sent"
    query = update(commands).where(*_open_of(terminal_id))
    query = query.values(
        status=case((was_sent, "unknown"), else_="cancelled"),
        reason=reason,
        settled_at=now,
        arguments_sealed=None,
    )
    return _list_by_id(conn, list(conn.scalars(query.returning(commands.c.id))))


def requeue_after_disconnect(
    conn: Connection,
    terminal_id: int,
    now: datetime,
    decide: Callable[[CommandRecord], CommandStatus],
    *,
    reason: str = "disconnected before it answered",
) -> list[CommandRecord]:
    """Settle what was in flight when the connection ended, or queue it again; return what it became.

    `decide` says the status: `queued`, `unknown`, or `sent` for one that stays in flight.
    """
    query = select(*_COLUMNS).where(*_open_of(terminal_id), _SENT).with_for_update()
    became = []
    for record in [_record(row) for row in conn.execute(query)]:
        status = decide(record)
        if status == "queued":
            became.append(_move(conn, record.id, "sent", {"status": "queued", "sent_at": None}))
        elif status != "sent":
            became.append(settle(conn, record.id, was="sent", status=status, now=now, reason=reason))
    return became


def find_in_flight(conn: Connection) -> set[int]:
    """The terminals that were sent a command which is not settled."""
    return set(conn.scalars(select(commands.c.terminal_id).where(_OPEN, _SENT).distinct()))


def open_terminals(conn: Connection) -> set[int]:
    """The terminals for which something is queued."""
    return set(conn.scalars(select(commands.c.terminal_id).where(_OPEN, _QUEUED).distinct()))


def get_command(conn: Connection, command_id: int) -> CommandRecord:
    """One command; `NotFound` when there is none."""
    row = conn.execute(select(*_COLUMNS).where(commands.c.id == command_id)).first()
    if row is None:
        raise NotFound("command", command_id, field="command_id")
    return _record(row)


def list_commands(
    conn: Connection,
    *,
    terminal_id: int | None = None,
    status: CommandStatus | Literal["open"] | None = None,
    name: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> CommandPage:
    """Commands, newest first; `after` is the `next` of the page before."""
    query = select(*_COLUMNS).order_by(commands.c.id.desc()).limit(limit + 1)
    exactly = None if status == "open" else status
    for column, value in (("terminal_id", terminal_id), ("status", exactly), ("name", name)):
        if value is not None:
            query = query.where(commands.c[column] == value)
    if status in ("queued", "sent", "open"):
        query = query.where(_OPEN)
    if after is not None:
        query = query.where(commands.c.id < after)
    records = [_record(row) for row in conn.execute(query)]
    return CommandPage(tuple(records[:limit]), records[limit - 1].id if len(records) > limit else None)


def purge_commands(conn: Connection, before: datetime, limit: int) -> int:
    """Delete a page of the commands that were settled before a moment, oldest first; return how many."""
    page = select(commands.c.id).where(commands.c.settled_at < before).order_by(commands.c.settled_at)
    # As a row, since SQLite would look through the whole table otherwise.
    chosen = tuple_(commands.c.id).in_(page.limit(limit))
    return conn.execute(delete(commands).where(chosen)).rowcount


def known_unknown(conn: Connection, terminal_id: int, firmware: str) -> set[str]:
    """The commands that this terminal said it has not, with this firmware."""
    return set(conn.scalars(select(unknown_commands.c.command).where(*_taught(terminal_id, firmware))))


def learn_unknown(conn: Connection, terminal_id: int, firmware: str, name: str, now: datetime) -> None:
    """Remember that this firmware has no such command."""
    if name not in known_unknown(conn, terminal_id, firmware):
        row = {"terminal_id": terminal_id, "firmware": firmware, "command": name, "learned_at": now}
        conn.execute(insert(unknown_commands), row)


def forget_unknown(conn: Connection, terminal_id: int, firmware: str, name: str) -> None:
    """It has the command after all."""
    taught = *_taught(terminal_id, firmware), unknown_commands.c.command == name
    conn.execute(delete(unknown_commands).where(*taught))


def _list_by_id(conn: Connection, ids: Sequence[int]) -> list[CommandRecord]:
    if not ids:
        return []
    found = select(*_COLUMNS).where(commands.c.id.in_(ids)).order_by(commands.c.id)
    return [_record(row) for row in conn.execute(found)]


def _open_of(terminal_id: int | BindParameter[int]) -> tuple[Any, ...]:
    # The priority says nothing, but makes SQLite prefer the index of open commands to that of all.
    return commands.c.terminal_id == terminal_id, commands.c.priority >= _ANY_PRIORITY, _OPEN


def _taught(terminal_id: int, firmware: str) -> tuple[Any, ...]:
    return unknown_commands.c.terminal_id == terminal_id, unknown_commands.c.firmware == firmware


# Built once: these are run for every command there is.
_TERMINAL: BindParameter[int] = bindparam("terminal", type_=commands.c.terminal_id.type)
_IN_FLIGHT = select(commands.c.id).where(*_open_of(_TERMINAL), _SENT).limit(1)
_NEXT = (
    select(*_COLUMNS)
    .where(*_open_of(_TERMINAL), _QUEUED)
    .order_by(commands.c.priority, commands.c.id)
    .limit(1)
    .with_for_update()
)


def _move(conn: Connection, command_id: int, was: CommandStatus, values: dict[str, Any]) -> CommandRecord:
    guarded = update(commands).where(commands.c.id == command_id, commands.c.status == was)
    row = conn.execute(guarded.values(**values).returning(*_COLUMNS)).first()
    if row is None:
        status = get_command(conn, command_id).status
        raise Conflict(f"command {command_id} is {status}, not {was}", field="command_id")
    return _record(row)


def _record(row: Row[Any]) -> CommandRecord:
    values = dict(row._mapping)
    return CommandRecord(
        arguments=json.loads(values.pop("arguments")),
        is_sealed=values.pop("arguments_sealed") is not None,
        result=json.loads(values.pop("result")),
        **values,
    )
