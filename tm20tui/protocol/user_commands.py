"""Commands about users, their names, credentials and rights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Self

from tm20tui.protocol import values
from tm20tui.protocol.command import Command
from tm20tui.protocol.kinds import EnrollId, Flag, Int, Text, Time
from tm20tui.protocol.pushes import read_record, wire_record
from tm20tui.protocol.records import as_image
from tm20tui.protocol.rows import Row, Rows
from tm20tui.protocol.text import Fields


@dataclass(frozen=True, slots=True)
class GetUserList(Command):
    """List credentials, a page at a time; see `next_page`. One listing at a time per terminal."""

    name = "getuserlist"
    idempotent = True

    stn: Annotated[bool, Flag()] = True
    """True starts a listing, false asks for its next page."""


@dataclass(frozen=True, slots=True)
class GetUserInfo(Command):
    name = "getuserinfo"
    timeout_seconds = 25.0
    idempotent = True

    enrollid: Annotated[str, EnrollId()]
    backupnum: Annotated[int | None, Int(among=values.CREDENTIALS)] = None
    """None: the first credential on TH units, the user without credentials on AiFace."""


@dataclass(frozen=True, slots=True)
class SetUserInfo(Command):
    """Create or change one credential of a user. Done does not prove that a face was enrolled."""

    name = "setuserinfo"
    timeout_seconds = 25.0
    idempotent = True

    enrollid: Annotated[str, EnrollId()]
    username: Annotated[str | None, Text(100, wire="name")] = None
    backupnum: Annotated[int, Int(among=values.CREDENTIALS | {values.WHOLE_USER})] = values.WHOLE_USER
    """13 (Topdata): the user without credentials, no `record`."""
    admin: Annotated[int | None, Int(0, 2)] = None
    record: Annotated[str | None, Text(400_000)] = field(default=None, repr=False)
    """A template verbatim, digits of a password (at most 8) or card (at most 20), a JPEG in base64."""
    card: Annotated[str | None, Text(20, digits=True)] = None
    """AiFace; as text, so leading zeros stay. So for the rest of the members."""
    pwd: Annotated[str | None, Text(8, digits=True)] = field(default=None, repr=False)
    enable: Annotated[bool | None, Flag(number=True)] = None
    verifymode: Annotated[int | None, Int(0, 255)] = None
    shiftid: Annotated[int | None, Int(0, 255)] = None
    zoneid: Annotated[int | None, Int(0, 255)] = None
    groupid: Annotated[int | None, Int(0, 255)] = None
    birthday: Annotated[str | None, Time(("%m-%d",), "MM-DD")] = None
    starttime: Annotated[str | None, Time()] = None
    endtime: Annotated[str | None, Time()] = None
    department: Annotated[str | None, Text(100)] = None
    aliasid: Annotated[str | None, Text(64)] = None

    def check_whole(self) -> None:
        record = self.record
        if not record:
            if self.backupnum != values.WHOLE_USER:
                raise ValueError(f"setuserinfo record is required where backupnum is {self.backupnum}")
            return
        if self.backupnum in values.NUMERIC_CREDENTIALS:
            digits = 8 if self.backupnum == values.PASSWORD else 20
            if not (record.isascii() and record.isdigit() and len(record) <= digits):
                raise ValueError(f"setuserinfo record must be 1 to {digits} digits")
        elif self.backupnum == values.PHOTO:
            if record[:5].lower() == "data:":
                record = record[record.find(",") + 1 :]
                object.__setattr__(self, "record", record)
            if as_image(record) is None:
                raise ValueError("setuserinfo record must be a JPEG in base64")

    def as_row(self) -> Fields:
        row = Command.as_row(self)
        if self.record is not None:
            row["record"] = wire_record(self.backupnum, self.record)
        return row

    @classmethod
    def from_row(cls, row: object) -> Self:
        if isinstance(row, dict) and "record" in row:
            row = {**row, "record": read_record(row["record"])}
        # Named because slots make a second class, which an argument-less super() does not find.
        return super(SetUserInfo, cls).from_row(row)


@dataclass(frozen=True, slots=True)
class DeleteUser(Command):
    name = "deleteuser"
    idempotent = True

    enrollid: Annotated[str, EnrollId()]
    backupnum: Annotated[
        int | None, Int(among=values.CREDENTIALS | {values.ALL_FINGERPRINTS, values.WHOLE_USER})
    ] = values.WHOLE_USER
    """13 removes the user on TH; AiFace wants 12 (Evo) or None (ai518)."""


@dataclass(frozen=True, slots=True)
class GetUserName(Command):
    name = "getusername"
    idempotent = True

    enrollid: Annotated[str, EnrollId()]


@dataclass(frozen=True, slots=True)
class UserName(Row):
    enrollid: Annotated[str, EnrollId()]
    name: Annotated[str, Text(100)]


@dataclass(frozen=True, slots=True)
class SetUserName(Command):
    name = "setusername"
    idempotent = True

    record: Annotated[tuple[UserName, ...], Rows(UserName, 49)]


@dataclass(frozen=True, slots=True)
class EnableUser(Command):
    """Enable or, with `enflag` false, disable a user."""

    name = "enableuser"
    idempotent = True

    enrollid: Annotated[str, EnrollId()]
    enflag: Annotated[bool, Flag(number=True)]


@dataclass(frozen=True, slots=True)
class CleanUser(Command):
    """Remove every user."""

    name = "cleanuser"


@dataclass(frozen=True, slots=True)
class CleanAdmin(Command):
    """Make every administrator a user."""

    name = "cleanadmin"


@dataclass(frozen=True, slots=True)
class SetUserProfile(Command):
    name = "setuserprofile"
    idempotent = True

    enrollid: Annotated[str, EnrollId(zero=True)]
    """ "0" is the text shown to everybody."""
    profile: Annotated[str, Text(200, octets=200)]


@dataclass(frozen=True, slots=True)
class GetUserProfile(Command):
    name = "getuserprofile"
    idempotent = True

    enrollid: Annotated[str, EnrollId(zero=True)]


@dataclass(frozen=True, slots=True)
class AddUser(Command):
    """Start enrolling at the terminal (AiFace); poll with CheckRegStatus, the result comes as senduser."""

    name = "adduser"

    enrollid: Annotated[str, EnrollId()]
    backupnum: Annotated[int, Int(among=values.CREDENTIALS)]
    admin: Annotated[int, Int(0, 2)] = 0
    username: Annotated[str | None, Text(100, wire="name")] = None
    flag: Annotated[int | None, Int(0, 255)] = 10
    """10 is automatic."""


@dataclass(frozen=True, slots=True)
class CheckRegStatus(Command):
    name = "checkregstatus"
    idempotent = True


@dataclass(frozen=True, slots=True)
class CancelAddUser(Command):
    name = "canceladduser"
    idempotent = True
