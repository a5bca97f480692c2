"""Answers of a terminal to the server's commands, as its family gives them.

A handler takes the terminal's memory and the command and returns the fields of a
successful reply, or raises `Refused`. What a family does not know never gets here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tm20tui.simulate.device import FACTORY_LOCK, Device, Listing, Message, log_row, senduser
from tm20tui.simulate.memory import ALL_FINGERS, CARD, EVERYTHING, PHOTO, StoredUser

USERS_PER_PAGE = 40
LOGS_PER_PAGE = 50


class Refused(Exception):
    """The command cannot be carried out: `reason` is the number, `text` what AiFace adds as msg."""

    def __init__(self, text: str, reason: int = 1) -> None:
        self.reason = reason
        super().__init__(text)


def answer(device: Device, message: Message) -> Message | None:
    """The reply to one command; None when this firmware stays silent."""
    name = message["cmd"]
    family = device.family
    if name not in family.commands:
        if not family.answers_unknown:
            return None
        failure: Message = {"ret": name, "sn": device.sn, "result": False, "reason": 1}
        return failure | {"msg": "can not find this command"}
    if name == "reboot":
        device.reboots = True
        return None
    if name == "gettime":
        return {"ret": name, "sn": device.sn, "time": device.clock.text()}
    try:
        fields = _carry_out(device, message)
    except Refused as refusal:
        failure = {"ret": name, "sn": device.sn, "result": False, "reason": refusal.reason}
        if name == "getdevlock":
            failure["ret"] = "setdevlock"
        return failure | ({"msg": str(refusal)} if family.explains_failures else {})
    return {"ret": name, "sn": device.sn, "result": True} | fields


def _carry_out(device: Device, message: Message) -> Message:
    try:
        return _HANDLERS[message["cmd"]](device, message)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused("the format is wrong") from None


# ------------------------------------------------------------------ users


def _user(device: Device, message: Message) -> StoredUser:
    user = device.users.rows.get(_enrollid(message))
    if user is None:
        raise Refused("can not find the user")
    return user


def _enrollid(message: Message) -> int:
    try:
        return int(message["enrollid"])
    except (KeyError, TypeError, ValueError):
        raise Refused("enrollid is missing") from None


def _getuserlist(device: Device, message: Message) -> Message:
    text = device.family.admin_as_text

    def rows() -> list[Any]:
        return [
            {"enrollid": user.enrollid, "admin": str(user.admin) if text else user.admin, "backupnum": n}
            for user, n in device.users.credentials()
        ]

    return _page(device, message, rows, USERS_PER_PAGE)


def _getuserinfo(device: Device, message: Message) -> Message:
    user = _user(device, message)
    backupnum = message.get("backupnum")
    if backupnum is None and device.family.names_records:
        return {
            "enrollid": user.enrollid,
            "name": user.name,
            "department": "",
            "admin": user.admin,
            "enable": int(user.enabled),
            "fpflag": int(any(n <= 9 for n in user.credentials)),
            "fpcnt": sum(n <= 9 for n in user.credentials),
            "faceflag": int(PHOTO in user.credentials),
            "shiftid": 0,
            "card": user.credentials.get(CARD, 0),
        }
    if backupnum is None:
        backupnum = min(user.credentials, default=None)
    if backupnum not in user.credentials:
        raise Refused("can not find the user")
    return {
        "enrollid": user.enrollid,
        "name": user.name,
        "backupnum": backupnum,
        "admin": user.admin,
        "record": user.read(backupnum),
    }


def _setuserinfo(device: Device, message: Message) -> Message:
    enrollid = _enrollid(message)
    backupnum, record = message.get("backupnum"), message.get("record")
    if enrollid <= 0 or not isinstance(backupnum, int) or not isinstance(record, str | int):
        raise Refused("the format is wrong")
    rows = device.users.rows
    if enrollid not in rows and len(rows) >= device.family.capacity:
        raise Refused("the memory is full")
    user = rows.setdefault(enrollid, StoredUser(enrollid))
    user.name = str(message.get("name", user.name))
    user.admin = int(message.get("admin", user.admin))
    if backupnum != EVERYTHING:
        user.credentials[backupnum] = record
    return {"enrollid": enrollid, "backupnum": backupnum} if device.family.names_records else {}


def _deleteuser(device: Device, message: Message) -> Message:
    user = _user(device, message)
    backupnum = message.get("backupnum", EVERYTHING)
    if backupnum == EVERYTHING or (backupnum == ALL_FINGERS and device.family.names_records):
        del device.users.rows[user.enrollid]
    elif backupnum == ALL_FINGERS:
        user.credentials = {n: record for n, record in user.credentials.items() if n > 9}
    else:
        user.credentials.pop(backupnum, None)
    return {}


def _getusername(device: Device, message: Message) -> Message:
    return {"record": _user(device, message).name}


def _setusername(device: Device, message: Message) -> Message:
    rows = message.get("record")
    if not isinstance(rows, list) or len(rows) > 50:
        raise Refused("the format is wrong")
    for row in rows:
        enrollid = _enrollid(row)
        device.users.rows.setdefault(enrollid, StoredUser(enrollid)).name = str(row.get("name", ""))
    return {}


def _enableuser(device: Device, message: Message) -> Message:
    _user(device, message).enabled = bool(message.get("enflag", message.get("enable", 1)))
    return {}


def _cleanuser(device: Device, message: Message) -> Message:
    device.users.rows.clear()
    return {}


def _cleanadmin(device: Device, message: Message) -> Message:
    for user in device.users.rows.values():
        user.admin = 0
    return {}


def _setuserprofile(device: Device, message: Message) -> Message:
    enrollid, text = _enrollid(message), str(message.get("profile", ""))
    if len(text.encode()) > 200:
        raise Refused("the text is too long")
    if enrollid == 0:
        device.stored["profile"] = text
    else:
        _user(device, message).profile = text
    return {"enrollid": enrollid}


def _getuserprofile(device: Device, message: Message) -> Message:
    enrollid = _enrollid(message)
    text = device.stored.get("profile", "") if enrollid == 0 else _user(device, message).profile
    return {"enrollid": enrollid, "record": text}


def _adduser(device: Device, message: Message) -> Message:
    if message.get("cancel"):
        return _canceladduser(device, message)
    enrollid, backupnum = _enrollid(message), int(message.get("backupnum", 0))
    device.enrolling = (enrollid, 0)
    user = device.users.rows.setdefault(enrollid, StoredUser(enrollid))
    user.name = str(message.get("name", user.name))
    user.admin = int(message.get("admin", user.admin))
    user.credentials[backupnum] = None
    device.outbox.append(senduser(device, user, backupnum))
    return {"enrollid": enrollid, "backupnum": backupnum}


def _checkregstatus(device: Device, message: Message) -> Message:
    if device.enrolling is None:
        return {"status": -1, "msg": "no registration"}
    enrollid, step = device.enrolling
    if step >= 2:
        device.enrolling = None
        return {"status": 100, "msg": "done"}
    device.enrolling = (enrollid, step + 1)
    return {"status": step + 1, "msg": "press again"}


def _canceladduser(device: Device, message: Message) -> Message:
    device.enrolling = None
    return {}


# ------------------------------------------------------------------ logs


def _getnewlog(device: Device, message: Message) -> Message:
    logs = device.logs
    start = logs.read_by_getnewlog
    fields = _page(
        device,
        message,
        lambda: [log_row(device, p) for p in logs.since(start)],
        LOGS_PER_PAGE,
        "have no data",
    )
    if device.listings["getnewlog"].position >= len(device.listings["getnewlog"].rows):
        logs.read_by_getnewlog = logs.total
    return fields


def _getalllog(device: Device, message: Message) -> Message:
    first, last = _day(message.get("from"), "0000-00-00"), _day(message.get("to"), "9999-99-99")

    def rows() -> list[Any]:
        kept = device.logs.since(0)
        return [log_row(device, punch) for punch in kept if first <= punch.time[:10] <= last]

    return _page(device, message, rows, LOGS_PER_PAGE, "can not find logs")


def _day(text: object, otherwise: str) -> str:
    """Both ``2025-6-1`` and ``2025-06-01 00:00:00`` as ``2025-06-01``."""
    if not isinstance(text, str) or not text:
        return otherwise
    try:
        year, month, day = (int(part) for part in text.split(" ")[0].split("-"))
    except ValueError:
        raise Refused("the date is wrong") from None
    return f"{year:04}-{month:02}-{day:02}"


def _cleanlog(device: Device, message: Message) -> Message:
    device.lost_pending += device.logs.clear()
    device.listings.clear()
    return {}


def _initsys(device: Device, message: Message) -> Message:
    _cleanuser(device, message)
    return _cleanlog(device, message)


def _page(
    device: Device, message: Message, make_rows: Callable[[], list[Any]], size: int, empty: str | None = None
) -> Message:
    """One page of a listing. `stn` true starts again, anything else goes on; past the end all is 0."""
    name = message["cmd"]
    if "stn" not in message:
        raise Refused("stn is missing")
    if message["stn"]:
        device.listings[name] = Listing(make_rows())
    listing = device.listings.setdefault(name, Listing())
    start = listing.position
    rows = listing.rows[start : start + size]
    listing.position += len(rows)
    if not rows:
        if empty is not None and device.family.explains_failures:
            raise Refused(empty)
        return {"count": 0, "from": 0, "to": 0, "record": []}
    last = listing.position if device.family.counts_exclusive else listing.position - 1
    return {"count": len(listing.rows), "from": start, "to": last, "record": rows}


# ------------------------------------------------------------------ device and doors


def _settime(device: Device, message: Message) -> Message:
    if not device.clock.set(message.get("cloudtime")):
        raise Refused("the time is wrong")
    return {}


def _getdevinfo(device: Device, message: Message) -> Message:
    return dict(device.settings)


def _setdevinfo(device: Device, message: Message) -> Message:
    changes = _body(message)
    if not changes:
        raise Refused("nothing to set")
    device.settings |= {key: int(v) if isinstance(v, bool) else v for key, v in changes.items()}
    return {}


def _getdevlock(device: Device, message: Message) -> Message:
    return dict(device.lock)


def _setdevlock(device: Device, message: Message) -> Message:
    changes = _body(message)
    if not changes:
        raise Refused("nothing to set")
    for key, value in changes.items():
        if key not in FACTORY_LOCK and key not in {"nopentime", "visitortime"}:
            continue
        held = device.lock.get(key)
        if isinstance(held, list) and isinstance(value, list):
            if len(value) > len(held):
                raise Refused("too many rows")
            value = [*value, *held[len(value) :]]
        device.lock[key] = value
    return {}


def _opendoor(device: Device, message: Message) -> Message:
    if message.get("doornum", 1) not in {1, 2, 3, 4}:
        raise Refused("no such door")
    device.doors_opened += 1
    return {}


def _getuserlock(device: Device, message: Message) -> Message:
    user = _user(device, message)
    unlimited = {"starttime": "2000-01-01 00:00:00", "endtime": "2099-12-31 23:59:00"}
    return {"enrollid": user.enrollid, "weekzone": 0, "group": 0} | unlimited | user.lock


def _setuserlock(device: Device, message: Message) -> Message:
    rows = message.get("record")
    if not isinstance(rows, list) or not rows or len(rows) > 40:
        raise Refused("the format is wrong")
    users = [_user(device, row) for row in rows]
    for user, row in zip(users, rows, strict=True):
        user.lock |= {key: value for key, value in row.items() if key != "enrollid"}
    return {}


def _deleteuserlock(device: Device, message: Message) -> Message:
    _user(device, message).lock.clear()
    return {}


def _cleanuserlock(device: Device, message: Message) -> Message:
    for user in device.users.rows.values():
        user.lock.clear()
    return {}


def _keypad(device: Device, message: Message) -> Message:
    device.keypad_locked = message["cmd"] == "disabledevice"
    return {}


def _store(key: str, *names: str) -> Callable[[Device, Message], Message]:
    """A setter that keeps the command's fields (or only `names`) under `key`."""

    def handler(device: Device, message: Message) -> Message:
        changes = _body(message)
        if names and not set(names) <= set(changes):
            raise Refused("the format is wrong")
        device.stored.setdefault(key, {}).update(changes)
        return {}

    return handler


def _show(key: str, **factory: Any) -> Callable[[Device, Message], Message]:
    def handler(device: Device, message: Message) -> Message:
        stored: Message = device.stored.get(key, {})
        return factory | stored

    return handler


def _body(message: Message) -> Message:
    return {key: value for key, value in message.items() if key not in {"cmd", "sn"}}


_HANDLERS: dict[str, Callable[[Device, Message], Message]] = {
    "getuserlist": _getuserlist,
    "getuserinfo": _getuserinfo,
    "setuserinfo": _setuserinfo,
    "deleteuser": _deleteuser,
    "getusername": _getusername,
    "setusername": _setusername,
    "enableuser": _enableuser,
    "cleanuser": _cleanuser,
    "cleanadmin": _cleanadmin,
    "setuserprofile": _setuserprofile,
    "getuserprofile": _getuserprofile,
    "adduser": _adduser,
    "checkregstatus": _checkregstatus,
    "canceladduser": _canceladduser,
    "getnewlog": _getnewlog,
    "getalllog": _getalllog,
    "cleanlog": _cleanlog,
    "initsys": _initsys,
    "settime": _settime,
    "getdevinfo": _getdevinfo,
    "setdevinfo": _setdevinfo,
    "getdevlock": _getdevlock,
    "setdevlock": _setdevlock,
    "opendoor": _opendoor,
    "getuserlock": _getuserlock,
    "setuserlock": _setuserlock,
    "deleteuserlock": _deleteuserlock,
    "cleanuserlock": _cleanuserlock,
    "disabledevice": _keypad,
    "enabledevice": _keypad,
    "lockctrl": _store("lockctrl", "ctrl"),
    "setquestionnaire": _store("questionnaire"),
    "getquestionnaire": _show("questionnaire", title="", radio=True, items=[], schedules=[]),
    "setholiday": _store("holiday", "holidays"),
    "getholiday": _show("holiday", holidays=[]),
    "setbelltime": _store("belltime", "belltimes"),
    "getbelltime": _show("belltime", belltimes=[]),
    "setshift": _store("shift", "shifts"),
    "getshift": _show("shift", shifts=[]),
}
