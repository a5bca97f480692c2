"""From a terminal's `Reply` to the typed result of the command it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from tm20tui.errors import FrameError
from tm20tui.protocol.access import Holiday, LockSettings, Questionnaire, Shift, TerminalSettings, UserLock
from tm20tui.protocol.devinfo import read_devinfo
from tm20tui.protocol.names import FAILS_AS
from tm20tui.protocol.pushes import Reply, read_record
from tm20tui.protocol.records import MAX_NAME, find_rows, read_records
from tm20tui.protocol.replies import (
    Done,
    HolidayList,
    LogPage,
    QuestionnaireInfo,
    Refused,
    RegistrationStatus,
    Result,
    ShiftList,
    TerminalInfo,
    TerminalLock,
    TerminalTime,
    UserInfo,
    UserListPage,
    UserLockInfo,
    UserNameInfo,
    UserProfile,
    UserRow,
)
from tm20tui.protocol.rows import Row
from tm20tui.protocol.text import as_enrollid, as_flag, as_int, as_text, trimmed_names


def is_reply_to(command_name: str, reply: Reply) -> bool:
    """Return whether `reply` answers the command in flight; names are all there is to go by."""
    if reply.ret == command_name:
        return True
    return reply.result is False and FAILS_AS.get(command_name) == reply.ret


def parse_reply(command_name: str, reply: Reply) -> Result:
    """Return what `reply` means for the command it answers.

    Raises `FrameError` when it neither confirms, refuses nor carries what was
    asked: the outcome of the command is then unknown.
    """
    if command_name in ("getnewlog", "getalllog"):
        return _read_log_page(command_name, reply)
    if reply.result is False:
        return Refused(command_name, reply.reason, reply.msg)
    read = _READERS.get(command_name)
    if read is not None:
        return read(reply)
    if reply.result is None:
        raise _useless(command_name, "no result")
    return Done(command_name, reply.fields)


_R = TypeVar("_R", bound=Row)
# AiFace words for an empty answer.
_NO_DATA: Final = ("no data", "not find log", "no log", "no record")


def _read_log_page(command_name: str, reply: Reply) -> Result:
    msg = (reply.msg or reply.reason or "").lower()
    if reply.result is False:
        if any(words in msg for words in _NO_DATA):
            return LogPage(0, 0, 0, (), (), command_name)
        return Refused(command_name, reply.reason, reply.msg)
    records, bad = read_records(find_rows(reply.fields))
    if reply.result is None and not (records or bad) and "count" not in reply.fields:
        raise _useless(command_name, "neither result nor records")
    count, start, stop = _page_of(reply, len(records) + len(bad))
    return LogPage(count, start, stop, records, bad, command_name)


def _read_user_list(reply: Reply) -> UserListPage:
    rows: list[UserRow] = []
    unread = 0
    found = find_rows(reply.fields)
    if reply.result is None and not found and "count" not in reply.fields:
        raise _useless("getuserlist", "neither result nor users")
    for item in found:
        row = trimmed_names(item) if isinstance(item, dict) else {}
        enrollid = as_enrollid(row.get("enrollid"))
        if enrollid is None:
            unread += 1
        else:
            rows.append(UserRow(enrollid, as_int(row.get("admin")) or 0, as_int(row.get("backupnum"))))
    count, start, stop = _page_of(reply, len(found))
    return UserListPage(count, start, stop, tuple(rows), unread)


def _read_user_info(reply: Reply) -> UserInfo:
    get = reply.fields.get
    enrollid = as_enrollid(get("enrollid"))
    if enrollid is None and reply.result is None:
        raise _useless("getuserinfo", "neither result nor enrollid")
    return UserInfo(
        enrollid,
        as_text(get("name"), MAX_NAME) or "",
        as_int(get("backupnum")),
        as_int(get("admin")) or 0,
        read_record(get("record")),
        as_flag(get("enable")),
        as_text(get("card") or get("cardno"), 64),
        as_text(get("department"), MAX_NAME),
    )


def _read_time(reply: Reply) -> TerminalTime:
    time = as_text(reply.fields.get("time") or reply.fields.get("cloudtime"), 64)
    if time is None:
        raise _useless("gettime", "no time")
    return TerminalTime(time)


def _read_terminal_info(reply: Reply) -> TerminalInfo:
    devinfo = read_devinfo(reply.fields)
    _demand("getdevinfo", reply, devinfo.raw)
    settings, unread = TerminalSettings.from_reported(devinfo.raw)
    return TerminalInfo(settings, devinfo, unread)


def _read_terminal_lock(reply: Reply) -> TerminalLock:
    _demand("getdevlock", reply, reply.fields)
    return TerminalLock(*LockSettings.from_reported(reply.fields))


def _read_user_lock(reply: Reply) -> UserLockInfo:
    _demand("getuserlock", reply, reply.fields)
    rows = find_rows(reply.fields)
    # Printed flat; a row as in setuserlock costs nothing to accept.
    inner = rows[0] if len(rows) == 1 and isinstance(rows[0], dict) else {}
    return UserLockInfo(*UserLock.from_reported({**trimmed_names(inner), **reply.fields}))


def _read_user_name(reply: Reply) -> UserNameInfo:
    get = reply.fields.get
    _demand("getusername", reply, reply.fields)
    return UserNameInfo(as_text(get("record") or get("name"), MAX_NAME) or "")


def _read_user_profile(reply: Reply) -> UserProfile:
    get = reply.fields.get
    _demand("getuserprofile", reply, reply.fields)
    text = get("record") or get("profile")
    return UserProfile(as_enrollid(get("enrollid")), as_text(text, MAX_NAME) or "")


def _read_holidays(reply: Reply) -> HolidayList:
    return HolidayList(*_read_rows("getholiday", Holiday, reply, "holidays"))


def _read_shifts(reply: Reply) -> ShiftList:
    return ShiftList(*_read_rows("getshift", Shift, reply, "shifts"))


def _read_questionnaire(reply: Reply) -> QuestionnaireInfo:
    _demand("getquestionnaire", reply, reply.fields)
    try:
        return QuestionnaireInfo(*Questionnaire.from_reported(reply.fields))
    except ValueError as error:
        raise _useless("getquestionnaire", str(error)) from None


def _read_registration(reply: Reply) -> RegistrationStatus:
    status = as_int(reply.fields.get("status"))
    if status is None:
        raise _useless("checkregstatus", "no status")
    return RegistrationStatus(status, reply.msg)


_READERS: Final[Mapping[str, Callable[[Reply], Result]]] = {
    "getuserlist": _read_user_list,
    "getuserinfo": _read_user_info,
    "gettime": _read_time,
    "getdevinfo": _read_terminal_info,
    "getdevlock": _read_terminal_lock,
    "getuserlock": _read_user_lock,
    "getusername": _read_user_name,
    "getuserprofile": _read_user_profile,
    "getholiday": _read_holidays,
    "getshift": _read_shifts,
    "getquestionnaire": _read_questionnaire,
    "checkregstatus": _read_registration,
}


def _page_of(reply: Reply, rows: int) -> tuple[int, int, int]:
    get = reply.fields.get
    start = as_int(get("from"))
    count, stop = as_int(get("count")), as_int(get("to"))
    start = 0 if start is None else start
    return (
        rows if count is None else count,
        start,
        start + rows if stop is None else stop,
    )


def _read_rows(
    command_name: str, row_type: type[_R], reply: Reply, member: str
) -> tuple[tuple[_R, ...], int]:
    items = reply.fields.get(member)
    if items is None and reply.result is None:
        raise _useless(command_name, f"neither result nor {member}")
    rows: list[_R] = []
    unread = 0
    for item in items if isinstance(items, list) else []:
        try:
            rows.append(row_type.from_row(item))
        except ValueError:
            unread += 1
    return tuple(rows), unread


def _demand(command_name: str, reply: Reply, fields: Mapping[str, object]) -> None:
    if reply.result is None and not fields:
        raise _useless(command_name, "neither result nor data")


def _useless(command_name: str, what: str) -> FrameError:
    return FrameError(f"the reply to {command_name} has {what}")
