"""How operations ask something of a terminal: arguments checked, queued, waited for.

What comes back is the command as it stands: confirmed, refused, timed out or unknown when it
was settled in time; queued or sent when it was not, to be looked at again with `commands.get`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tm20tui.errors import Conflict, InvalidInput
from tm20tui.operations.call import Call
from tm20tui.protocol import Command
from tm20tui.protocol.rows import Row, Rows, members_of
from tm20tui.store.terminals import get_terminal

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway
    from tm20tui.store.commands import CommandRecord

C = TypeVar("C", bound=Command)

WAIT_SECONDS: Final = 25.0
"""How long an operation waits for a connected terminal, unless told otherwise."""
LONGEST_WAIT_SECONDS: Final = 300.0


async def ask(
    call: Call,
    terminal_id: int,
    command: Command,
    *,
    wait_seconds: float,
    needs_connection: bool = False,
    expires_seconds: float | None = None,
) -> CommandRecord:
    """Queue a command and wait for a connected terminal; for one that is away, do not wait.

    Raises:
        NotFound: no such terminal.
        Conflict: the terminal is blocked, or not connected where the command `needs_connection`.
    """
    if not 0 <= wait_seconds <= LONGEST_WAIT_SECONDS:
        raise InvalidInput(f"wait_seconds must be from 0 to {LONGEST_WAIT_SECONDS:g}", field="wait_seconds")
    terminal = await call.gateway.database.read(get_terminal, terminal_id)
    if terminal.admission == "blocked":
        raise Conflict(f"{terminal.sn} is blocked: approve it first", field="terminal_id")
    connected = is_connected(call.gateway, terminal_id)
    if needs_connection and not connected:
        raise Conflict(
            f"{terminal.sn} is not connected, and {command.name} is not kept for later", field="terminal_id"
        )
    desk = call.gateway.commands
    record = await desk.ask(
        terminal_id,
        command,
        operator=call.operator.name,
        correlation_id=call.correlation_id,
        expires_seconds=expires_seconds,
    )
    if record.is_settled or not connected or wait_seconds == 0:
        return record
    return await desk.wait(record.id, wait_seconds)


def is_connected(gateway: Gateway, terminal_id: int) -> bool:
    """Whether the terminal is registered and was heard lately."""
    session = gateway.roster.find_view(terminal_id)
    return session is not None and session.state == "online"


def make_command(kind: type[C], given: Mapping[str, Any]) -> C:
    """A command from its members as the wire names them; None is as good as left out.

    Raises:
        InvalidInput: a member is wrong, unknown or missing; says which and what is allowed.
    """
    members = {member.wire: member for member in members_of(kind)}
    _refuse_unknown(kind.name, given, members)
    values: dict[str, Any] = {}
    for wire, member in members.items():
        value = given.get(wire)
        if value is None:
            if member.is_required:
                raise InvalidInput(f"{wire} is required", field=wire)
            continue
        if isinstance(member.kind, Rows):
            _check_rows(wire, value, member.kind.row_type)
        try:
            values[member.attribute] = member.kind.check(member.kind.from_wire(value))
        except ValueError as error:
            raise InvalidInput(f"{wire} {error}", field=wire) from None
    try:
        return kind(**values)
    except ValueError as error:
        raise InvalidInput(str(error).removeprefix(f"{kind.name} "), field=_named(error, members)) from None


def _check_rows(wire: str, value: object, row_type: type[Row]) -> None:
    known = {member.wire: member for member in members_of(row_type)}
    for row in value if isinstance(value, list) else [value]:
        if not isinstance(row, dict):
            raise InvalidInput(f"{wire} must be a list of objects with {', '.join(known)}", field=wire)
        _refuse_unknown(wire, row, known, field=wire)


def _refuse_unknown(
    owner: str, given: Mapping[str, Any], known: Mapping[str, Any], field: str | None = None
) -> None:
    for name in given:
        if name not in known:
            words = ", ".join(known) or "none"
            shown = str(name)[:60]
            raise InvalidInput(f"{owner} has no {shown!r}: known are {words}", field=field or shown)


def _named(error: ValueError, members: Mapping[str, Any]) -> str | None:
    """The member that a message is about, if any."""
    return next((word for word in str(error).split() if word in members), None)
