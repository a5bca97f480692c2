"""Inventories: what terminals hold of users beside what they shall, now and time and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tm20tui.errors import InvalidInput, NotFound
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit
from tm20tui.operations.registry import operation, to_json
from tm20tui.store.inventories import TerminalInventory as TerminalInventory
from tm20tui.store.inventories import list_inventories, save_inventory
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tm20tui.tasks import TaskRecord

_LONGEST_MINUTES = 10_080


@dataclass(frozen=True, slots=True)
class StatePage:
    """Some terminals by id; the next page is after `next_after_id`, None after the last."""

    terminals: tuple[TerminalInventory, ...]
    next_after_id: int | None


@operation("users.state", "viewer", writes=False)
async def list_user_states(
    call: Call,
    *,
    terminal_id: int | None = None,
    drifted: bool | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> StatePage:
    """What each approved terminal holds of users beside what it shall, as of its last inventory.

    One terminal, or only those where something is (or nothing is) `drifted`. Which users it is
    about `terminals.users` lists with the result `not verified`.

    Raises:
        NotFound: no such terminal.
        InvalidInput
    """
    check_limit(limit)
    if terminal_id is not None:
        await call.gateway.database.read(get_terminal, terminal_id)
    found = await call.gateway.database.read(
        list_inventories, terminal_id=terminal_id, drifted=drifted, after_id=after_id, limit=limit + 1
    )
    page = tuple(found[:limit])
    return StatePage(page, page[-1].terminal_id if len(found) > limit else None)


@operation("users.take_inventory", "operator")
async def take_user_inventory(call: Call, terminal_id: int, *, accept: bool = False) -> TaskRecord:
    """List the users of a connected terminal now, in the background, and compare; see `users.state`.

    What is not as it shall be is repaired or reported as `users.drift` says. `accept` takes it
    as right that there are far fewer than before, and ends that alarm.

    Raises:
        NotFound: no such terminal.
    """
    terminal = await call.gateway.database.read(get_terminal, terminal_id)
    office = call.gateway.users

    async def work() -> object:
        return to_json(await office.stocktaking.take(terminal_id, accept=accept))

    return call.gateway.tasks.start(f"inventory of {terminal.sn}", work)


@operation("users.inventory_interval", "operator")
async def set_inventory_interval(
    call: Call, terminal_id: int, *, minutes: int | None = None
) -> TerminalInventory:
    """Have the users of a terminal listed every so many `minutes`: 0 only when asked.

    Left out, as the setting `users.inventory_minutes` says.

    Raises:
        NotFound: no such approved terminal.
        InvalidInput
    """
    if minutes is not None and not 0 <= minutes <= _LONGEST_MINUTES:
        raise InvalidInput(f"minutes must be from 0 to {_LONGEST_MINUTES}", field="minutes")

    def change(connection: Connection) -> TerminalInventory:
        if not list_inventories(connection, terminal_id=terminal_id):
            raise NotFound("approved terminal", terminal_id, field="terminal_id")
        save_inventory(connection, terminal_id, {"interval_minutes": minutes})
        return list_inventories(connection, terminal_id=terminal_id)[0]

    return await call.gateway.database.write(change)
