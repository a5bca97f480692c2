"""A terminal asked about itself, its clock and its settings.

Each waits up to `wait_seconds` for a connected terminal and returns the command as it
stands; for one that is away it is kept, a day at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tm20tui.operations.asking import WAIT_SECONDS, ask, make_command
from tm20tui.operations.call import Call
from tm20tui.operations.commands import REBOOT_EXPIRES_SECONDS
from tm20tui.operations.registry import operation
from tm20tui.protocol import Command, DisableDevice, EnableDevice, GetDevInfo, GetTime, Reboot, SetDevInfo
from tm20tui.store.commands import CommandRecord
from tm20tui.store.terminals import get_terminal
from tm20tui.terminals.commands import SET_TIME


@dataclass(frozen=True, slots=True)
class ClockAnswer:
    """A command about the clock, and the drift known after it.

    `drift_seconds` is terminal clock minus server clock as of `drift_at`: measured when the
    terminal told its time, 0 when it confirmed that it was set; None when never known.
    """

    command: CommandRecord
    drift_seconds: float | None
    drift_at: datetime | None


@operation("terminals.time", "operator")
async def set_time(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> ClockAnswer:
    """Set the clock to the time of the site at the moment of sending; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await _clock(call, terminal_id, SET_TIME, wait_seconds)


@operation("terminals.read_time", "operator")
async def read_time(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> ClockAnswer:
    """Ask for the time and measure how far the clock is off; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await _clock(call, terminal_id, GetTime(), wait_seconds)


@operation("terminals.reboot", "operator")
async def reboot(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Restart the terminal; confirmed once it is back, which `wait_seconds` may be too short for.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(
        call, terminal_id, Reboot(), wait_seconds=wait_seconds, expires_seconds=REBOOT_EXPIRES_SECONDS
    )


@operation("terminals.info", "operator")
async def read_info(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Ask for the terminal's settings and counters; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetDevInfo(), wait_seconds=wait_seconds)


@operation("terminals.configure", "operator")
async def configure(
    call: Call, terminal_id: int, settings: Mapping[str, Any], *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Change the `settings` that are given (volume, language, ...); waits up to `wait_seconds`.

    Raises:
        NotFound, Conflict
        InvalidInput: names the setting and what is allowed.
    """
    return await ask(call, terminal_id, make_command(SetDevInfo, settings), wait_seconds=wait_seconds)


@operation("terminals.disable_keypad", "operator")
async def disable_keypad(
    call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Lock the keypad until it is enabled again; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, DisableDevice(), wait_seconds=wait_seconds)


@operation("terminals.enable_keypad", "operator")
async def enable_keypad(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Unlock the keypad; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, EnableDevice(), wait_seconds=wait_seconds)


async def _clock(call: Call, terminal_id: int, command: Command, wait_seconds: float) -> ClockAnswer:
    record = await ask(call, terminal_id, command, wait_seconds=wait_seconds)
    terminal = await call.gateway.database.read(get_terminal, terminal_id)
    return ClockAnswer(record, terminal.drift_seconds, terminal.drift_at)
