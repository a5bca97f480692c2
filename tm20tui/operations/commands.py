"""What was asked of terminals: list, look at, take back; and ask for anything harmless by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, get_args

from tm20tui.errors import InvalidInput
from tm20tui.operations.asking import WAIT_SECONDS, ask, make_command
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_limit, check_word
from tm20tui.operations.registry import operation
from tm20tui.protocol import COMMANDS, Command
from tm20tui.store import commands
from tm20tui.store.commands import CommandPage, CommandStatus
from tm20tui.store.commands import CommandRecord as CommandRecord
from tm20tui.store.terminals import get_terminal
from tm20tui.terminals.commands import SET_TIME

if TYPE_CHECKING:
    from sqlalchemy import Connection

STATUSES: tuple[str, ...] = get_args(CommandStatus)

_ERASING = frozenset({"cleanlog", "cleanuser", "cleanadmin", "initsys"})
# Listings have one cursor per terminal, which the server's own reading needs; credentials and
# leavers go through the users of a site, so that the server knows what a terminal holds.
_OF_THE_SERVER = frozenset(
    {"getuserlist", "getnewlog", "getalllog", "setuserinfo", "deleteuser", "cleanuserlock", "setschedule"}
)
ASKABLE: Final[tuple[str, ...]] = tuple(name for name in COMMANDS if name not in _ERASING | _OF_THE_SERVER)
"""The commands that may be asked by name."""

NEED_CONNECTION: Final = frozenset({"opendoor", "lockctrl", "adduser", "checkregstatus", "canceladduser"})
"""Commands for somebody who stands at the terminal now: never kept for later."""
REBOOT_EXPIRES_SECONDS: Final = 600.0
"""A terminal that comes back later than that was probably switched on just now."""


@operation("commands.list", "viewer", writes=False)
async def list_commands(
    call: Call,
    *,
    terminal_id: int | None = None,
    status: str | None = None,
    name: str | None = None,
    after: int | None = None,
    limit: int = 50,
) -> CommandPage:
    """What was asked of terminals, newest first; of one terminal, `status` or command name.

    The status `open` stands for whatever is not settled: queued or sent.

    Raises:
        NotFound, InvalidInput
    """
    check_limit(limit)
    check_word(status, "status", (*STATUSES, "open"))

    def read(connection: Connection) -> CommandPage:
        if terminal_id is not None:
            get_terminal(connection, terminal_id, with_deleted=True)
        chosen: Any = status
        return commands.list_commands(
            connection, terminal_id=terminal_id, status=chosen, name=name, after=after, limit=limit
        )

    return await call.gateway.database.read(read)


@operation("commands.get", "viewer", writes=False)
async def get_command(call: Call, command_id: int) -> CommandRecord:
    """One command by its `command_id`, as it stands.

    Raises:
        NotFound
    """
    return await call.gateway.database.read(commands.get_command, command_id)


@operation("commands.cancel", "operator")
async def cancel_command(call: Call, command_id: int) -> CommandRecord:
    """Take back the command `command_id`.

    Raises:
        NotFound
        Conflict: it is not queued (any more).
    """
    return await call.gateway.commands.cancel(command_id)


@operation("commands.ask", "operator")
async def ask_command(
    call: Call,
    terminal_id: int,
    name: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> CommandRecord:
    """Ask a terminal for a command by its name, with `arguments` as the protocol names them.

    Waits up to `wait_seconds` for a connected terminal; for one that is away it is kept.
    What erases, lists or touches credentials has operations of its own.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is blocked, or not connected where the command is not kept for later.
    """
    if name in _ERASING:
        raise InvalidInput(f"{name} is asked with the operation terminals.{name}", field="name")
    if name not in ASKABLE:
        raise InvalidInput(f"name must be one of {', '.join(ASKABLE)}", field="name")
    given = arguments or {}
    if name == "settime":
        if given:
            raise InvalidInput(
                "settime takes no arguments: it sets the time of the server", field="arguments"
            )
        command: Command = SET_TIME
    else:
        command = make_command(COMMANDS[name], given)
    return await ask(
        call,
        terminal_id,
        command,
        wait_seconds=wait_seconds,
        needs_connection=name in NEED_CONNECTION,
        expires_seconds=REBOOT_EXPIRES_SECONDS if name == "reboot" else None,
    )
