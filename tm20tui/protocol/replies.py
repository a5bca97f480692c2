"""What a terminal's reply to a command means, as one typed result per command.

`parse_reply` reads; `encode` of each result writes what a terminal would send.
A refusal is a result too (`Refused`); only a reply that says nothing usable
raises `FrameError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from tm20tui.protocol.access import Holiday, LockSettings, Questionnaire, Shift, TerminalSettings, UserLock
from tm20tui.protocol.devinfo import DevInfo
from tm20tui.protocol.pushes import wire_record
from tm20tui.protocol.records import BadRecord, LogRecord
from tm20tui.protocol.text import (
    Fields,
    as_int,
    dump,
)


@dataclass(frozen=True, slots=True)
class Done:
    """The terminal did it."""

    command: str
    fields: Mapping[str, object] = field(default_factory=dict)
    """Whatever else it said, as sent."""

    def encode(self, sn: str | None = None) -> str:
        return _encode(self.command, sn, dict(self.fields))


@dataclass(frozen=True, slots=True)
class Refused:
    """The terminal did not do it."""

    command: str
    reason: str | None = None
    """Mostly "1"; for photos see `values.PHOTO_REASONS`."""
    msg: str | None = None
    """AiFace: why, in English."""

    @property
    def is_unknown_command(self) -> bool:
        """Whether the firmware says it has no such command."""
        return self.msg is not None and "command" in self.msg.lower()

    def encode(self, sn: str | None = None) -> str:
        members: Fields = {"reason": self.reason if as_int(self.reason) is None else as_int(self.reason)}
        return _encode(self.command, sn, members | {"msg": self.msg}, result=False)


class UserRow(NamedTuple):
    """One credential in a listing."""

    enrollid: str
    admin: int
    backupnum: int | None


@dataclass(frozen=True, slots=True)
class UserListPage:
    """One page of `getuserlist`: a row per credential. See `paging.next_page`."""

    count: int
    """The total on real devices, the rows of this page in the document."""
    start: int
    stop: int
    """Exclusive on real devices, inclusive in the document."""
    rows: tuple[UserRow, ...]
    unread: int = 0
    """Rows that could not be read."""

    def encode(self, sn: str | None = None) -> str:
        rows: list[Fields] = [
            {"enrollid": int(row.enrollid), "admin": row.admin, "backupnum": row.backupnum}
            for row in self.rows
        ]
        return _encode("getuserlist", sn, _page(self.count, self.start, self.stop, rows))


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of `getnewlog` or `getalllog`; empty also where the terminal says it has no data."""

    count: int
    start: int
    stop: int
    records: tuple[LogRecord, ...]
    bad: tuple[BadRecord, ...] = ()
    command: str = "getnewlog"

    def encode(self, sn: str | None = None) -> str:
        rows = [record.as_row() for record in self.records]
        return _encode(self.command, sn, _page(self.count, self.start, self.stop, rows))


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user and one of their credentials; which of it is there depends on firmware and request."""

    enrollid: str | None
    name: str = ""
    backupnum: int | None = None
    admin: int = 0
    record: str | None = field(default=None, repr=False)
    """As in `SendUser`."""
    is_enabled: bool | None = None
    card: str | None = None
    department: str | None = None

    def encode(self, sn: str | None = None) -> str:
        members: Fields = {
            "enrollid": None if self.enrollid is None else int(self.enrollid),
            "name": self.name,
            "backupnum": self.backupnum,
            "admin": self.admin,
            "record": wire_record(self.backupnum, self.record),
            "enable": None if self.is_enabled is None else int(self.is_enabled),
            "card": self.card,
            "department": self.department,
        }
        return _encode("getuserinfo", sn, members)


@dataclass(frozen=True, slots=True)
class TerminalTime:
    """The terminal's wall clock, as sent."""

    time: str

    def encode(self, sn: str | None = None) -> str:
        # This reply alone carries no result.
        return _encode("gettime", sn, {"time": self.time}, result=None)


@dataclass(frozen=True, slots=True)
class TerminalInfo:
    """The settings, and what the terminal says about itself (AiFace)."""

    settings: TerminalSettings
    devinfo: DevInfo
    unread: tuple[str, ...] = ()
    """Settings outside of what is documented; their values are in `devinfo.raw`."""

    def encode(self, sn: str | None = None) -> str:
        return _encode("getdevinfo", sn, {**self.devinfo.as_row(), **self.settings.as_row()})


@dataclass(frozen=True, slots=True)
class TerminalLock:
    """The door settings and access zones."""

    settings: LockSettings
    unread: tuple[str, ...] = ()
    """Settings outside of what is documented."""

    def encode(self, sn: str | None = None) -> str:
        return _encode("getdevlock", sn, self.settings.as_row())


@dataclass(frozen=True, slots=True)
class UserLockInfo:
    """When a user may pass."""

    lock: UserLock
    unread: tuple[str, ...] = ()

    def encode(self, sn: str | None = None) -> str:
        return _encode("getuserlock", sn, self.lock.as_row())


@dataclass(frozen=True, slots=True)
class UserNameInfo:
    name: str

    def encode(self, sn: str | None = None) -> str:
        return _encode("getusername", sn, {"record": self.name})


@dataclass(frozen=True, slots=True)
class UserProfile:
    enrollid: str | None
    profile: str

    def encode(self, sn: str | None = None) -> str:
        enrollid = None if self.enrollid is None else int(self.enrollid)
        return _encode("getuserprofile", sn, {"enrollid": enrollid, "record": self.profile})


@dataclass(frozen=True, slots=True)
class HolidayList:
    holidays: tuple[Holiday, ...]
    unread: int = 0
    """Rows that could not be read."""

    def encode(self, sn: str | None = None) -> str:
        return _encode("getholiday", sn, {"holidays": [row.as_row() for row in self.holidays]})


@dataclass(frozen=True, slots=True)
class ShiftList:
    shifts: tuple[Shift, ...]
    unread: int = 0

    def encode(self, sn: str | None = None) -> str:
        return _encode("getshift", sn, {"shifts": [row.as_row() for row in self.shifts]})


@dataclass(frozen=True, slots=True)
class QuestionnaireInfo:
    questionnaire: Questionnaire
    unread: tuple[str, ...] = ()

    def encode(self, sn: str | None = None) -> str:
        return _encode("getquestionnaire", sn, self.questionnaire.as_row())


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """How far a remote enrolment is."""

    status: int
    """0 capturing, 1 to 3 the step, 100 done, below 0 failed."""
    msg: str | None = None

    def encode(self, sn: str | None = None) -> str:
        return _encode("checkregstatus", sn, {"status": self.status, "msg": self.msg})


Result: TypeAlias = (
    Done
    | Refused
    | UserListPage
    | LogPage
    | UserInfo
    | TerminalTime
    | TerminalInfo
    | TerminalLock
    | UserLockInfo
    | UserNameInfo
    | UserProfile
    | HolidayList
    | ShiftList
    | QuestionnaireInfo
    | RegistrationStatus
)


def _page(count: int, start: int, stop: int, rows: list[Fields]) -> Fields:
    return {"count": count, "from": start, "to": stop, "record": rows}


def _encode(command: str, sn: str | None, members: Fields, result: bool | None = True) -> str:
    message: Fields = {"ret": command, "sn": sn, "result": result, **members}
    return dump({name: value for name, value in message.items() if value is not None})
