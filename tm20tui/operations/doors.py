"""Doors opened, held, and who may pass when; holidays, questions, bells and shifts of a terminal.

Each waits up to `wait_seconds` for a connected terminal and returns the command as it
stands; for one that is away it is kept, a day at most. A door is never opened later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tm20tui.operations.asking import WAIT_SECONDS, ask, make_command
from tm20tui.operations.call import Call
from tm20tui.operations.checks import check_word
from tm20tui.operations.registry import operation
from tm20tui.protocol import (
    GetBellTime,
    GetDevLock,
    GetHoliday,
    GetQuestionnaire,
    GetShift,
    LockCtrl,
    OpenDoor,
    SetBellTime,
    SetDevLock,
    SetHoliday,
    SetQuestionnaire,
    SetShift,
)
from tm20tui.store.commands import CommandRecord

DoorMode = Literal["normal", "open", "closed"]

_MODES = ("normal", "open", "closed")


@operation("terminals.door", "operator")
async def open_door(
    call: Call, terminal_id: int, *, doornum: int | None = None, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Open the door now; `doornum` 1 to 4 is one of a controller's, all of them when left out.

    Waits up to `wait_seconds`. It expires after 15 s, so that no door opens by surprise.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    command = make_command(OpenDoor, {"doornum": doornum})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds, needs_connection=True)


@operation("terminals.hold_door", "operator")
async def hold_door(
    call: Call, terminal_id: int, mode: DoorMode, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Hold the door: `mode` open, closed, or normal again; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput
        Conflict: the terminal is not connected.
    """
    check_word(mode, "mode", _MODES)
    command = LockCtrl(_MODES.index(mode))
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds, needs_connection=True)


@operation("terminals.lock", "operator")
async def read_lock(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Ask for the settings of the door and its access zones; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetDevLock(), wait_seconds=wait_seconds)


@operation("terminals.set_lock", "operator")
async def set_lock(
    call: Call, terminal_id: int, settings: Mapping[str, Any], *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Change the `settings` of the door that are given (opendelay, dayzone, ...); of lists the first items.

    Waits up to `wait_seconds`.

    Raises:
        NotFound, Conflict
        InvalidInput: names the setting and what is allowed.
    """
    return await ask(call, terminal_id, make_command(SetDevLock, settings), wait_seconds=wait_seconds)


@operation("terminals.holidays", "operator")
async def read_holidays(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Ask for the holidays that the terminal knows; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetHoliday(), wait_seconds=wait_seconds)


@operation("terminals.set_holidays", "operator")
async def set_holidays(
    call: Call,
    terminal_id: int,
    holidays: Sequence[Mapping[str, Any]],
    *,
    wait_seconds: float = WAIT_SECONDS,
) -> CommandRecord:
    """Set 1 to 30 `holidays`: name, startday and endday (MM-DD), shift, dayzone; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    command = make_command(SetHoliday, {"holidays": list(holidays)})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds)


@operation("terminals.questionnaire", "operator")
async def read_questionnaire(
    call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Ask for the choice that the terminal offers after a punch; waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetQuestionnaire(), wait_seconds=wait_seconds)


@operation("terminals.set_questionnaire", "operator")
async def set_questionnaire(
    call: Call, terminal_id: int, settings: Mapping[str, Any], *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Change the `settings` of the choice after a punch (title, items, ...); waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, make_command(SetQuestionnaire, settings), wait_seconds=wait_seconds)


@operation("terminals.bells", "operator")
async def read_bells(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Ask for the bell times (AiFace); waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetBellTime(), wait_seconds=wait_seconds)


@operation("terminals.set_bells", "operator")
async def set_bells(
    call: Call, terminal_id: int, bells: Sequence[Mapping[str, Any]], *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Set the `bells` in the form that the terminal reports them (AiFace); waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    command = make_command(SetBellTime, {"belltimes": list(bells)})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds)


@operation("terminals.shifts", "operator")
async def read_shifts(call: Call, terminal_id: int, *, wait_seconds: float = WAIT_SECONDS) -> CommandRecord:
    """Ask for the named shifts (AiFace); waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    return await ask(call, terminal_id, GetShift(), wait_seconds=wait_seconds)


@operation("terminals.set_shifts", "operator")
async def set_shifts(
    call: Call, terminal_id: int, shifts: Sequence[Mapping[str, Any]], *, wait_seconds: float = WAIT_SECONDS
) -> CommandRecord:
    """Set up to 8 named `shifts` of up to 3 sections (AiFace); waits up to `wait_seconds`.

    Raises:
        NotFound, InvalidInput, Conflict
    """
    command = make_command(SetShift, {"shifts": list(shifts)})
    return await ask(call, terminal_id, command, wait_seconds=wait_seconds)
