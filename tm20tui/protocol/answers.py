"""What the server answers to a terminal's pushes, as text ready to send.

`sendlog` and `senduser` have no refusal here on purpose: a terminal keeps a
refused batch and sends it for ever. Denial is `access=0` with result true.
"""

from __future__ import annotations

from datetime import datetime

from tm20tui.protocol.text import Echo, Fields, clean_text, dump

MAX_MESSAGE = 200
_ECHOED = ("count", "logindex")


def reg_accepted(cloudtime: str | None, nosenduser: bool | None = None) -> str:
    """Return the answer to an admitted `reg`.

    `cloudtime` (see `format_cloudtime`) sets the terminal's clock; None leaves it.
    `nosenduser` true asks it not to push newly enrolled users.
    """
    return _answer("reg", cloudtime=cloudtime, nosenduser=nosenduser)


def reg_refused(reason: str) -> str:
    """Return the refusal of a `reg`; the terminal shows `reason` and asks again about every 20 s."""
    return dump({"ret": "reg", "result": False, "reason": clean_text(reason, MAX_MESSAGE)})


def log_accepted(
    count: Echo,
    logindex: Echo,
    cloudtime: str | None = None,
    access: int | None = None,
    message: str | None = None,
) -> str:
    """Return the acknowledgement of a `sendlog`; call it only after the records are stored.

    `count` and `logindex` are those received; None only where they were absent.
    `access` 1 or 0 decides a single fresh record on a terminal that waits for it.
    """
    return _answer(
        "sendlog", count=count, logindex=logindex, cloudtime=cloudtime, access=access, message=message
    )


def user_accepted(
    cloudtime: str | None = None, enrollid: str | None = None, backupnum: int | None = None
) -> str:
    """Return the acknowledgement of a `senduser`; AiFace also takes its `enrollid` and `backupnum` back."""
    return _answer("senduser", cloudtime=cloudtime, enrollid=_number(enrollid), backupnum=backupnum)


def qrcode_answer(
    sn: str | None,
    access: bool,
    enrollid: str | None = None,
    username: str | None = None,
    message: str | None = None,
    voice: str | None = None,
    *,
    cmd: str = "sendqrcode",
) -> str:
    """Return the answer to a `sendqrcode` or `sendpin`; denial is result true with access 0."""
    answer: Fields = {"ret": cmd}
    if sn is not None:
        answer["sn"] = sn
    answer.update(result=True, access=int(access))
    return dump(
        answer
        | _members({"enrollid": _number(enrollid), "username": username, "message": message, "voice": voice})
    )


def acknowledge(cmd: str, result: bool = True) -> str:
    """Return the answer that ends any other push; `result` false: there is nothing to offer (otacheck)."""
    return dump({"ret": clean_text(cmd, 64), "result": result})


def format_cloudtime(wall: datetime) -> str:
    """Return `wall` as terminals want it, YYYY-MM-DD HH:MM:SS; the caller has converted it to local time."""
    return f"{wall.year:04}-{wall.month:02}-{wall.day:02} {wall.hour:02}:{wall.minute:02}:{wall.second:02}"


def _answer(ret: str, **members: object) -> str:
    return dump({"ret": ret, "result": True, **_members(members)})


def _members(members: Fields) -> Fields:
    return {
        name: clean_text(value, MAX_MESSAGE) if isinstance(value, str) and name not in _ECHOED else value
        for name, value in members.items()
        if value is not None
    }


def _number(enrollid: str | None) -> int | None:
    return int(enrollid) if enrollid else None
