"""Frames from a terminal: what it pushes on its own, and its replies to commands.

`decode` is the only way in; it raises nothing but `FrameError`. `encode` of each
message writes what a terminal would send, for the simulators and tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tm20tui.errors import FrameError
from tm20tui.protocol.devinfo import DevInfo, read_devinfo
from tm20tui.protocol.names import SERVER_ONLY
from tm20tui.protocol.records import MAX_NAME, BadRecord, LogRecord, find_rows, read_records
from tm20tui.protocol.text import (
    Echo,
    Fields,
    as_enrollid,
    as_flag,
    as_int,
    as_text,
    clean_text,
    dump,
    excerpt_of,
    parse_piece,
    read_object,
    shown_json,
    storable,
    trimmed_names,
)

MAX_SN: Final = 64
MAX_CMD: Final = 64
_LONGEST_ECHO: Final = 200


@dataclass(frozen=True, slots=True)
class Reg:
    """The first frame of every connection, possibly repeated."""

    sn: str
    """The terminal's serial as sent, trimmed; "" without one, never more than MAX_SN + 1 characters.

    Compare it case-insensitively and trust it as little.
    """
    cpusn: str | None = None
    devinfo: DevInfo = field(default_factory=DevInfo)

    def encode(self) -> str:
        cpusn = {} if self.cpusn is None else {"cpusn": self.cpusn}
        devinfo = self.devinfo.as_row()
        return dump({"cmd": "reg", "sn": self.sn, **cpusn, **({"devinfo": devinfo} if devinfo else {})})


@dataclass(frozen=True, slots=True)
class SendLog:
    """Punches, door events and strangers: one live record or a backlog."""

    sn: str | None
    count: Echo
    """As received, to be echoed; None when absent. Not reliably the number of records."""
    logindex: Echo
    """As received, to be echoed; None when absent. Not a unique key: always 0 on AiFace."""
    records: tuple[LogRecord, ...] = ()
    bad: tuple[BadRecord, ...] = ()

    def encode(self) -> str:
        rows: list[object] = [record.as_row() for record in self.records]
        rows.extend(row for bad in self.bad if (row := _parsed(bad.raw)) is not None)
        head = _present(cmd="sendlog", sn=self.sn, count=self.count, logindex=self.logindex)
        return dump({**head, "record": rows})


@dataclass(frozen=True, slots=True)
class SendUser:
    """One credential of a user, enrolled at the terminal."""

    sn: str | None
    enrollid: str
    """Decimal text as in `LogRecord`; "" when it could not be read (see `problem`)."""
    name: str = ""
    backupnum: int | None = None
    admin: int = 0
    record: str | None = field(default=None, repr=False)
    """A template verbatim, or a password or card number as text; None when absent."""
    is_enabled: bool | None = None
    card: str | None = None
    problem: str | None = None
    """Why nothing can be stored from this frame; it must be acknowledged all the same."""

    def encode(self) -> str:
        row = _present(cmd="senduser", sn=self.sn)
        if self.enrollid:
            row["enrollid"] = int(self.enrollid)
        row["name"] = self.name
        return dump(
            row
            | _present(backupnum=self.backupnum)
            | {"admin": self.admin}
            | _present(
                record=wire_record(self.backupnum, self.record),
                enable=None if self.is_enabled is None else int(self.is_enabled),
                card=self.card,
            )
        )


@dataclass(frozen=True, slots=True)
class SendQrCode:
    """A code or PIN shown to the terminal; the door waits for the answer."""

    sn: str | None
    record: str = field(repr=False)
    """The text of the code; "" when absent."""
    cmd: str = "sendqrcode"
    """`sendqrcode` or `sendpin`; the answer carries the same name."""

    def encode(self) -> str:
        name = "pin" if self.cmd == "sendpin" else "record"
        return dump({**_present(cmd=self.cmd, sn=self.sn), name: self.record})


@dataclass(frozen=True, slots=True)
class UnknownPush:
    """A push we do not know; a generic acknowledgement keeps it from being sent again."""

    cmd: str
    sn: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Its other members, as sent."""

    def encode(self) -> str:
        return dump({**self.fields, **_present(cmd=self.cmd, sn=self.sn)})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a terminal answers to a command, before it is read by `parse_reply`."""

    ret: str
    """The command's name; no other link to it exists."""
    sn: str | None = None
    result: bool | None = None
    """None when absent (`gettime`, some AiFace firmware) or unreadable."""
    reason: str | None = None
    """A number as text, or text."""
    msg: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Its other members, as sent."""

    def encode(self) -> str:
        head = _present(ret=self.ret, sn=self.sn, result=self.result, reason=self.reason, msg=self.msg)
        return dump({**head, **{name: value for name, value in self.fields.items() if name not in head}})


Push: TypeAlias = Reg | SendLog | SendUser | SendQrCode | UnknownPush


def decode(data: str | bytes) -> Push | Reply:
    """Return the message in one WebSocket text of a terminal; raises only `FrameError`."""
    fields = read_object(data)
    ret = as_text(fields.get("ret"), MAX_CMD)
    if ret is not None:
        return read_reply(ret, fields)
    cmd = as_text(fields.get("cmd"), MAX_CMD)
    if cmd is None:
        raise FrameError("neither cmd nor ret", excerpt_of(shown_json(fields, 200)))
    sn = as_text(fields.get("sn"), MAX_SN)
    if cmd == "sendlog":
        records, bad = read_records(find_rows(fields))
        return SendLog(sn, _echo(fields.get("count")), _echo(fields.get("logindex")), records, bad)
    if cmd == "reg":
        return _read_reg(fields)
    if cmd == "senduser":
        return _read_senduser(sn, fields)
    if cmd in ("sendqrcode", "sendpin"):
        return SendQrCode(sn, _code_of(fields), cmd)
    if cmd in SERVER_ONLY:
        # Some AiFace firmware repeats the command's `cmd` where `ret` belongs.
        return read_reply(cmd, fields)
    return UnknownPush(cmd, sn, _others(fields, ("cmd", "sn")))


def read_reply(ret: str, fields: Fields) -> Reply:
    """Return the reply named `ret` in `fields`."""
    reason = fields.get("reason")
    return Reply(
        ret,
        as_text(fields.get("sn"), MAX_SN),
        as_flag(fields.get("result")),
        clean_text(shown_json(reason, 200), 200)
        if isinstance(reason, dict | list | bool)
        else as_text(reason, 200),
        as_text(fields.get("msg"), 200),
        _others(fields, _ENVELOPE),
    )


def wire_record(backupnum: int | None, record: str | None) -> object:
    """Return a credential's record as it goes on the wire: digits of a password or card as a number.

    Digits with a leading zero stay text, or the zero would be lost; devices tolerate it.
    """
    if record is None or backupnum not in (10, 11) or not _is_plain_number(record):
        return record
    return int(record)


def read_record(value: object) -> str | None:
    """Return a credential's record: a template verbatim, a number as text, None when absent."""
    if isinstance(value, str):
        return storable(value) or None
    return as_text(value, 64)


_ENVELOPE: Final = ("cmd", "ret", "sn", "result", "reason", "msg")


def _read_reg(fields: Fields) -> Reg:
    nested = fields.get("devinfo")
    inner = trimmed_names(nested) if isinstance(nested, dict) else {}
    # Without a usable serial it is still a `reg`, and can be refused in words.
    sn = as_text(fields.get("sn") or inner.get("sn"), MAX_SN + 1) or ""
    cpusn = as_text(fields.get("cpusn") or inner.get("cpusn"), MAX_SN)
    return Reg(sn, cpusn, read_devinfo(fields))


def _read_senduser(sn: str | None, fields: Fields) -> SendUser:
    enrollid = as_enrollid(fields.get("enrollid"))
    missing = fields.get("enrollid") is None
    return SendUser(
        sn,
        enrollid or "",
        as_text(fields.get("name"), MAX_NAME) or "",
        as_int(fields.get("backupnum")),
        as_int(fields.get("admin")) or 0,
        read_record(fields.get("record")),
        as_flag(fields.get("enable")),
        as_text(fields.get("card") or fields.get("cardno"), 64),
        None if enrollid else "enrollid is missing" if missing else "enrollid must be 1 to 30 digits",
    )


def _code_of(fields: Fields) -> str:
    for name in ("record", "qrcode", "qr", "pin"):
        code = as_text(fields.get(name), 4096)
        if code is not None:
            return code
    return ""


def _echo(value: object) -> Echo:
    """Whatever was received, so that it can be sent back; only what no terminal would check is dropped."""
    if type(value) is int:
        return value if value.bit_length() <= _LONGEST_ECHO else None
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_ECHO else None
    return value if isinstance(value, float) and abs(value) < 1e15 else None


def _others(fields: Mapping[str, object], names: tuple[str, ...]) -> Fields:
    return {name: value for name, value in fields.items() if name not in names}


def _present(**members: object) -> Fields:
    return {name: value for name, value in members.items() if value is not None}


def _parsed(raw: str) -> object:
    try:
        return parse_piece(raw)[0]
    except (ValueError, RecursionError):
        return None


def _is_plain_number(record: str) -> bool:
    return record.isascii() and record.isdigit() and len(record) <= 30 and (record == "0" or record[0] != "0")
