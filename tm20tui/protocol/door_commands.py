"""Commands about the door: who may pass when, holidays, questions, bells and shifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from tm20tui.protocol.access import Holiday, LockSettings, Questionnaire, Shift, UserLock
from tm20tui.protocol.command import Command, require_one
from tm20tui.protocol.kinds import EnrollId, Flag, Int, JsonObjects
from tm20tui.protocol.rows import Rows


@dataclass(frozen=True, slots=True)
class OpenDoor(Command):
    """Open the door now."""

    name = "opendoor"

    doornum: Annotated[int | None, Int(1, 4)] = None
    """Only for controllers of four doors; None opens all."""


@dataclass(frozen=True, slots=True)
class SetDevLock(LockSettings, Command):
    """Change the settings that are not None; of lists only the leading items."""

    name = "setdevlock"
    idempotent = True

    def check_whole(self) -> None:
        require_one(self)


@dataclass(frozen=True, slots=True)
class GetDevLock(Command):
    name = "getdevlock"
    idempotent = True


@dataclass(frozen=True, slots=True)
class GetUserLock(Command):
    name = "getuserlock"
    idempotent = True

    enrollid: Annotated[str, EnrollId()]


@dataclass(frozen=True, slots=True)
class SetUserLock(Command):
    """One result for all rows."""

    name = "setuserlock"
    idempotent = True

    record: Annotated[tuple[UserLock, ...], Rows(UserLock, 40)]

    def check_whole(self) -> None:
        if any(row.enrollid is None for row in self.record):
            raise ValueError("setuserlock record enrollid is required in every row")


@dataclass(frozen=True, slots=True)
class DeleteUserLock(Command):
    name = "deleteuserlock"
    idempotent = True

    enrollid: Annotated[str, EnrollId()]


@dataclass(frozen=True, slots=True)
class CleanUserLock(Command):
    name = "cleanuserlock"


@dataclass(frozen=True, slots=True)
class LockCtrl(Command):
    """Hold the door (AiFace): 0 normal, 1 always open, 2 always closed."""

    name = "lockctrl"
    idempotent = True

    ctrl: Annotated[int, Int(0, 2)]


@dataclass(frozen=True, slots=True)
class GetHoliday(Command):
    name = "getholiday"
    idempotent = True

    stn: Annotated[bool, Flag()] = True


@dataclass(frozen=True, slots=True)
class SetHoliday(Command):
    """A frame must stay under 3000 bytes on old firmware."""

    name = "setholiday"
    idempotent = True

    holidays: Annotated[tuple[Holiday, ...], Rows(Holiday, 30)]


@dataclass(frozen=True, slots=True)
class GetQuestionnaire(Command):
    name = "getquestionnaire"
    idempotent = True

    stn: Annotated[bool, Flag()] = True


@dataclass(frozen=True, slots=True)
class SetQuestionnaire(Questionnaire, Command):
    name = "setquestionnaire"
    idempotent = True

    def check_whole(self) -> None:
        require_one(self)
        Questionnaire.check_whole(self)


@dataclass(frozen=True, slots=True)
class GetBellTime(Command):
    """AiFace only, as are bells and shifts in general."""

    name = "getbelltime"
    idempotent = True


@dataclass(frozen=True, slots=True)
class SetBellTime(Command):
    """The members of a bell are not documented; what `getbelltime` replied can be sent back."""

    name = "setbelltime"
    idempotent = True

    belltimes: Annotated[tuple[Mapping[str, object], ...], JsonObjects(64)]


@dataclass(frozen=True, slots=True)
class GetShift(Command):
    name = "getshift"
    idempotent = True


@dataclass(frozen=True, slots=True)
class SetShift(Command):
    name = "setshift"
    idempotent = True

    shifts: Annotated[tuple[Shift, ...], Rows(Shift, 8)]
