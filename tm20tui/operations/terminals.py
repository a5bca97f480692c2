"""Terminals: what is stored of them together with what is live, approval, name and direction."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.model import ADMISSIONS, DIRECTION_POLICIES, Admission, Terminal, utc_now
from tm20tui.operations.call import Call
from tm20tui.operations.directions import recompute_directions
from tm20tui.operations.registry import operation
from tm20tui.snapshot import TerminalState, state_of
from tm20tui.store import terminal_removal, terminals
from tm20tui.store.terminal_removal import Removal
from tm20tui.terminals.roster import SessionView

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.gateway import Gateway
    from tm20tui.tasks import TaskRecord

_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class TerminalView:
    """A terminal and, while it is connected, its session.

    `state`: `online`, `offline` (not connected, or mute), `waiting` for an operator's
    approval, `blocked`, `deleted`. `last_seen_at` is None for a terminal that never was heard.
    """

    terminal: Terminal
    session: SessionView | None
    state: TerminalState | Literal["deleted"]
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class TerminalChange:
    """A terminal after a change; `task` recomputes its directions, None when nothing has to be."""

    view: TerminalView
    task: TaskRecord | None


@dataclass(frozen=True, slots=True)
class DeletedTerminal:
    """A terminal that is gone; `cancelled` commands and loads of users were under way and are over."""

    terminal: Terminal
    cancelled: int


@operation("terminals.list", "viewer", writes=False)
async def list_terminals(
    call: Call, *, admission: str | None = None, deleted: bool = False
) -> list[TerminalView]:
    """Every terminal by id, or those of one admission; with `deleted` those that were deleted instead."""
    if admission is not None and admission not in ADMISSIONS:
        raise InvalidInput(f"admission must be one of {', '.join(ADMISSIONS)}", field="admission")
    stored = await call.gateway.database.read(terminals.list_terminals, admission=admission, deleted=deleted)
    sessions = call.gateway.roster.views()
    return [_view(terminal, sessions.get(terminal.id)) for terminal in stored]


@operation("terminals.get", "viewer", writes=False)
async def get_terminal(call: Call, terminal_id: int) -> TerminalView:
    """One terminal; `NotFound` when there is none."""
    return _now(call.gateway, await call.gateway.database.read(terminals.get_terminal, terminal_id))


@operation("terminals.approve", "operator")
async def approve_terminal(call: Call, terminal_id: int) -> TerminalView:
    """Let a terminal in; it sends what it kept when it registers next.

    Raises:
        NotFound
        Conflict: the configuration blocks its serial.
    """
    terminal = await call.gateway.database.read(terminals.get_terminal, terminal_id)
    blocked = {sn.casefold() for sn in call.gateway.settings.terminals.blocked}
    if terminal.sn.casefold() in blocked:
        raise Conflict(f"{terminal.sn} is in terminals.blocked of the configuration: remove it there first")
    return await _admit(call.gateway, terminal_id, "approved")


@operation("terminals.block", "operator")
async def block_terminal(call: Call, terminal_id: int) -> TerminalView:
    """Refuse a terminal from now on; a live connection of it is closed.

    Raises:
        NotFound
    """
    return await _admit(call.gateway, terminal_id, "blocked")


@operation("terminals.change", "operator")
async def change_terminal(
    call: Call, terminal_id: int, *, name: str | None = None, direction_policy: str | None = None
) -> TerminalChange:
    """Change what is given. A new policy applies at once, and to the punches there are in the background.

    Raises:
        NotFound, InvalidInput
    """
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = _checked_name(name)
    if direction_policy is not None:
        if direction_policy not in DIRECTION_POLICIES:
            allowed = ", ".join(DIRECTION_POLICIES)
            raise InvalidInput(f"direction_policy must be one of {allowed}", field="direction_policy")
        changes["direction_policy"] = direction_policy
    before, after = await call.gateway.database.write(_change, terminal_id, changes)
    call.gateway.roster.refresh(after)
    task = None
    if before.direction_policy != after.direction_policy:
        recompute = partial(recompute_directions, call.gateway, terminal_id, before.direction_policy)
        task = call.gateway.tasks.start(f"directions of {after.sn}", recompute)
    return TerminalChange(_now(call.gateway, after), task)


@operation("terminals.delete", "admin")
async def delete_terminal(call: Call, terminal_id: int, confirm: str) -> DeletedTerminal:
    """Delete a terminal; `confirm` is its serial. Its punches stay, and are delivered as ever.

    It is disconnected, on no list any more, and what was asked of it is cancelled. When it dials in
    again it is like an unknown one (`terminals.admission`); once let in it is what it was, with its
    name, site, schedules and users, and what it sends again is not stored twice. To keep it out,
    block it instead.

    Raises:
        NotFound
        InvalidInput: `confirm` is not its serial.
    """
    gateway = call.gateway
    removal = await gateway.database.write(_delete, terminal_id, confirm)
    terminal = removal.terminal
    gateway.roster.refresh(terminal)
    gateway.commands.announce(removal.commands)
    if removal.load is not None:
        with suppress(NotFound, Conflict):
            gateway.tasks.cancel(removal.load.task_id)
    gateway.alarms.forget_terminal(terminal.id, terminal.sn)
    return DeletedTerminal(terminal, len(removal.commands) + (removal.load is not None))


async def _admit(gateway: Gateway, terminal_id: int, admission: Admission) -> TerminalView:
    _, terminal = await gateway.database.write(_change, terminal_id, {"admission": admission})
    gateway.roster.refresh(terminal)
    return _now(gateway, terminal)


def _change(connection: Connection, terminal_id: int, changes: dict[str, Any]) -> tuple[Terminal, Terminal]:
    before = terminals.get_terminal(connection, terminal_id)
    return before, terminals.update_terminal(connection, terminal_id, changes)


def _delete(connection: Connection, terminal_id: int, confirm: str) -> Removal:
    terminal = terminals.get_terminal(connection, terminal_id)
    if confirm.strip().casefold() != terminal.sn.casefold():
        raise InvalidInput(f"confirm must be the terminal's serial, {terminal.sn}", field="confirm")
    return terminal_removal.delete_terminal(connection, terminal_id, utc_now())


def _checked_name(name: str) -> str:
    name = name.strip()
    if len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidInput(f"name must be one line of at most {_NAME_LENGTH} characters", field="name")
    return name


def _now(gateway: Gateway, terminal: Terminal) -> TerminalView:
    return _view(terminal, gateway.roster.find_view(terminal.id))


def _view(terminal: Terminal, session: SessionView | None) -> TerminalView:
    seen = terminal.last_seen_at if session is None else session.last_heard_at
    state = "deleted" if terminal.deleted_at is not None else state_of(terminal, session)
    return TerminalView(terminal, session, state, seen)
