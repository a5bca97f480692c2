"""What makes a terminal forget: only where it is allowed, named by its serial, and nothing gets lost.

Refused while a punch that the terminal holds may not be stored here, or is owed to a service.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from tm20tui.errors import Conflict, InvalidInput
from tm20tui.operations.asking import WAIT_SECONDS, ask
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation
from tm20tui.protocol import CleanAdmin, CleanLog, CleanUser, Command, InitSys
from tm20tui.store.commands import CommandRecord
from tm20tui.store.safekeeping import Safekeeping, get_safekeeping
from tm20tui.store.terminals import get_terminal, update_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.model import Terminal

_EXPIRES_SECONDS: Final = 60.0
_RECORD_COUNTERS = ("usedlog", "usednewlog", "usedrtlog")


@operation("terminals.cleanlog", "admin")
async def clean_log(
    call: Call, terminal_id: int, confirm: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Erase every record of a terminal; `confirm` is its serial. Waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: not allowed by security.allow_dangerous, a punch is not safe yet, or not connected.
    """
    record = await _erase(call, terminal_id, CleanLog(), confirm, wait_seconds)
    return await _note(call, record)


@operation("terminals.cleanuser", "admin")
async def clean_users(
    call: Call, terminal_id: int, confirm: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Erase every user of a terminal; `confirm` is its serial. Waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: not allowed by security.allow_dangerous, a punch is not safe yet, or not connected.
    """
    return await _erase(call, terminal_id, CleanUser(), confirm, wait_seconds)


@operation("terminals.cleanadmin", "admin")
async def clean_admins(
    call: Call, terminal_id: int, confirm: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Make every administrator of a terminal a user; `confirm` is its serial. Waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: not allowed by security.allow_dangerous, a punch is not safe yet, or not connected.
    """
    return await _erase(call, terminal_id, CleanAdmin(), confirm, wait_seconds)


@operation("terminals.initsys", "admin")
async def initialise(
    call: Call, terminal_id: int, confirm: str, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Erase users and records of a terminal; `confirm` is its serial. Some firmware does not answer.

    Waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: not allowed by security.allow_dangerous, a punch is not safe yet, or not connected.
    """
    record = await _erase(call, terminal_id, InitSys(), confirm, wait_seconds)
    return await _note(call, record)


async def _erase(
    call: Call, terminal_id: int, command: Command, confirm: str, wait_seconds: float
) -> CommandRecord:
    if not call.gateway.settings.security.allow_dangerous:
        raise Conflict(f"{command.name} needs security.allow_dangerous = true in the configuration")
    terminal, kept = await call.gateway.database.read(_look, terminal_id, registered_at(call, terminal_id))
    if confirm != terminal.sn:
        raise InvalidInput(f"confirm must be the terminal's serial, {terminal.sn}", field="confirm")
    unsafe = what_is_unsafe(kept)
    if unsafe:
        raise Conflict(f"{command.name} is refused: {unsafe}", field="terminal_id")
    return await ask(
        call,
        terminal_id,
        command,
        wait_seconds=wait_seconds,
        needs_connection=True,
        expires_seconds=_EXPIRES_SECONDS,
    )


def what_is_unsafe(kept: Safekeeping) -> str:
    """Why erasing could lose a punch, empty when it cannot."""
    if kept.held is None:
        return "the terminal did not say how many records it holds"
    if kept.was_erased:
        return "it holds fewer records than before, and those are not compared with what is stored yet"
    if kept.held > kept.stored:
        return f"the terminal held {kept.held} records when it registered, {kept.stored} of it are stored"
    if kept.undelivered == 1:
        return "1 of its punches is not delivered: retry or discard it first"
    if kept.undelivered:
        return f"{kept.undelivered} of its punches are not delivered: retry or discard them first"
    return ""


async def _note(call: Call, record: CommandRecord) -> CommandRecord:
    """What a terminal said of its records no longer holds once it erased them."""
    if record.status == "confirmed":
        await call.gateway.database.write(_forget_counters, record.terminal_id)
    return record


def registered_at(call: Call, terminal_id: int) -> datetime | None:
    """When the terminal connected that is there now; None while it is away."""
    live = call.gateway.roster.find_view(terminal_id)
    return None if live is None else live.connected_at


def _look(
    connection: Connection, terminal_id: int, registered_at: datetime | None
) -> tuple[Terminal, Safekeeping]:
    return get_terminal(connection, terminal_id), get_safekeeping(connection, terminal_id, registered_at)


def _forget_counters(connection: Connection, terminal_id: int) -> None:
    capacity = dict(get_terminal(connection, terminal_id).capacity)
    capacity |= {name: 0 for name in _RECORD_COUNTERS if name in capacity}
    update_terminal(connection, terminal_id, {"capacity": capacity})
