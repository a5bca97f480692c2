"""Commands about a terminal's records, clock and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tm20tui.protocol.access import TerminalSettings
from tm20tui.protocol.command import Command, require_one
from tm20tui.protocol.kinds import RANGE_END, Flag, Time


@dataclass(frozen=True, slots=True)
class GetNewLog(Command):
    """Read the records not read before. Reading marks them as read, so a lost page is not repeated."""

    name = "getnewlog"

    stn: Annotated[bool, Flag()] = True


@dataclass(frozen=True, slots=True)
class GetAllLog(Command):
    """Read all records, or those of the days `start` to `stop`, both included."""

    name = "getalllog"
    idempotent = True

    stn: Annotated[bool, Flag()] = True
    start: Annotated[str | None, Time(RANGE_END, "YYYY-MM-DD, or with HH:MM:SS", wire="from")] = None
    stop: Annotated[str | None, Time(RANGE_END, "YYYY-MM-DD, or with HH:MM:SS", wire="to")] = None

    def check_whole(self) -> None:
        if self.start is not None and self.stop is not None and self.start[:10] > self.stop[:10]:
            raise ValueError("getalllog to must not be before from")


@dataclass(frozen=True, slots=True)
class CleanLog(Command):
    """Remove every record. Some firmware then pushes every user once."""

    name = "cleanlog"


@dataclass(frozen=True, slots=True)
class InitSys(Command):
    """Remove users and records; the settings stay. Some firmware does not reply."""

    name = "initsys"


@dataclass(frozen=True, slots=True)
class Reboot(Command):
    """Restart; the only confirmation is the reconnection."""

    name = "reboot"
    replies = False


@dataclass(frozen=True, slots=True)
class SetTime(Command):
    """Set the clock. Not idempotent: sent again later, it sets it wrong."""

    name = "settime"

    cloudtime: Annotated[str, Time()]
    """Local wall time, see `format_cloudtime`."""


@dataclass(frozen=True, slots=True)
class GetTime(Command):
    name = "gettime"
    idempotent = True


@dataclass(frozen=True, slots=True)
class GetDevInfo(Command):
    name = "getdevinfo"
    idempotent = True


@dataclass(frozen=True, slots=True)
class SetDevInfo(TerminalSettings, Command):
    """Change the settings that are not None."""

    name = "setdevinfo"
    idempotent = True

    def check_whole(self) -> None:
        require_one(self)


@dataclass(frozen=True, slots=True)
class DisableDevice(Command):
    """Lock the keypad during bulk work."""

    name = "disabledevice"
    idempotent = True


@dataclass(frozen=True, slots=True)
class EnableDevice(Command):
    """Unlock the keypad."""

    name = "enabledevice"
    idempotent = True
