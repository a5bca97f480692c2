"""The consoles that are attached, and the end of the server that they look at."""

from __future__ import annotations

from tm20tui.attached import AttachedConsole as AttachedConsole
from tm20tui.errors import NotFound
from tm20tui.locale import N_
from tm20tui.operations.call import Call
from tm20tui.operations.registry import operation, write_audit

DETACHED = N_("detached by {operator}; the server goes on")


@operation("consoles.list", "viewer", writes=False)
async def list_consoles(call: Call) -> list[AttachedConsole]:
    """The consoles that are open on this server: who, since when, from where."""
    return list(call.gateway.attached.all())


@operation("consoles.detach", "admin")
async def detach_console(call: Call, number: int) -> AttachedConsole:
    """Close another operator's console; its `number` is that of the list. The server goes on.

    Raises:
        NotFound
    """
    reason = DETACHED.format(operator=call.operator.name)
    console = call.gateway.attached.end(number, reason)
    if console is None:
        raise NotFound("console", number, field="number")
    return console


@operation("server.stop", "admin")
async def stop_server(call: Call) -> None:
    """Stop this server: what is in flight is finished first, terminals keep what they hold."""
    call.gateway.stop()


async def note_attached(call: Call, told: dict[str, object]) -> None:
    """Write down that a console was opened, with what its client `told`."""
    await write_audit(call, "console.attach", dict(told), "done", "", 0.0)


async def note_detached(call: Call, number: int, how: str, seconds: float) -> None:
    """Write down that a console was open for so many seconds, and how it ended."""
    await write_audit(call, "console.detach", {"console_id": number, "how": how}, "done", "", seconds)
