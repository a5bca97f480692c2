"""Every command by its name, and the reading of what a server sends to a terminal.

Making a command with a wrong value raises ValueError naming the member and what
is allowed, so that nothing unsound can be queued.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tm20tui.errors import FrameError
from tm20tui.protocol.command import Command
from tm20tui.protocol.door_commands import (
    CleanUserLock,
    DeleteUserLock,
    GetBellTime,
    GetDevLock,
    GetHoliday,
    GetQuestionnaire,
    GetShift,
    GetUserLock,
    LockCtrl,
    OpenDoor,
    SetBellTime,
    SetDevLock,
    SetHoliday,
    SetQuestionnaire,
    SetShift,
    SetUserLock,
)
from tm20tui.protocol.pushes import MAX_CMD, Reply, read_reply
from tm20tui.protocol.schedule_command import SetSchedule
from tm20tui.protocol.terminal_commands import (
    CleanLog,
    DisableDevice,
    EnableDevice,
    GetAllLog,
    GetDevInfo,
    GetNewLog,
    GetTime,
    InitSys,
    Reboot,
    SetDevInfo,
    SetTime,
)
from tm20tui.protocol.text import Fields, as_text, excerpt_of, read_object, shown_json
from tm20tui.protocol.user_commands import (
    AddUser,
    CancelAddUser,
    CheckRegStatus,
    CleanAdmin,
    CleanUser,
    DeleteUser,
    EnableUser,
    GetUserInfo,
    GetUserList,
    GetUserName,
    GetUserProfile,
    SetUserInfo,
    SetUserName,
    SetUserProfile,
)

_TYPES: Final[tuple[type[Command], ...]] = (
    GetUserList,
    GetUserInfo,
    SetUserInfo,
    DeleteUser,
    GetUserName,
    SetUserName,
    EnableUser,
    CleanUser,
    CleanAdmin,
    SetUserProfile,
    GetUserProfile,
    AddUser,
    CheckRegStatus,
    CancelAddUser,
    GetNewLog,
    GetAllLog,
    CleanLog,
    InitSys,
    Reboot,
    SetTime,
    GetTime,
    GetDevInfo,
    SetDevInfo,
    DisableDevice,
    EnableDevice,
    OpenDoor,
    SetDevLock,
    GetDevLock,
    GetUserLock,
    SetUserLock,
    DeleteUserLock,
    CleanUserLock,
    LockCtrl,
    GetHoliday,
    SetHoliday,
    GetQuestionnaire,
    SetQuestionnaire,
    GetBellTime,
    SetBellTime,
    GetShift,
    SetShift,
    SetSchedule,
)

COMMANDS: Final[Mapping[str, type[Command]]] = {command.name: command for command in _TYPES}
"""Every command the server can send, by its `cmd`."""


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A command that a terminal would not understand: no such name, or members it cannot take."""

    cmd: str
    problem: str
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)


def decode_command(data: str | bytes) -> Command:
    """Return the command in one text of a server; raises only `FrameError`, also for an unknown name."""
    message = decode_server_frame(data)
    if isinstance(message, Command):
        return message
    reason = message.problem if isinstance(message, UnknownCommand) else "an answer, not a command"
    raise FrameError(reason, excerpt_of(data if isinstance(data, str) else repr(data[:200])))


def decode_server_frame(data: str | bytes) -> Command | UnknownCommand | Reply:
    """Return what a server sent to a terminal: a command, one it cannot obey, or the answer to a push."""
    fields = read_object(data)
    ret = as_text(fields.get("ret"), MAX_CMD)
    if ret is not None:
        return read_reply(ret, fields)
    cmd = as_text(fields.get("cmd"), MAX_CMD)
    if cmd is None:
        raise FrameError("neither cmd nor ret", excerpt_of(shown_json(fields, 200)))
    members: Fields = {name: value for name, value in fields.items() if name != "cmd"}
    command = COMMANDS.get(cmd)
    if command is None:
        return UnknownCommand(cmd, f"no such command: {cmd}", members)
    try:
        return command.from_row(members)
    except ValueError as error:
        return UnknownCommand(cmd, str(error), members)
