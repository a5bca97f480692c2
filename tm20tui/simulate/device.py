"""Everything one terminal is and holds, as its commands see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tm20tui.simulate.clock import WallClock
from tm20tui.simulate.firmware import Family
from tm20tui.simulate.ledger import Punch
from tm20tui.simulate.memory import LogStore, StoredUser, UserTable

Message = dict[str, Any]

FACTORY_LOCK: Message = {
    "opendelay": 5,
    "doorsensor": 0,
    "alarmdelay": 0,
    "threat": 0,
    "InputAlarm": 0,
    "antpass": 0,
    "interlock": 0,
    "mutiopen": 0,
    "tryalarm": 0,
    "tamper": 0,
    "wgformat": 0,
    "wgoutput": 0,
    "cardoutput": 0,
    "dayzone": [{"day": [{"section": "00:00~00:00"}] * 5}] * 8,
    "weekzone": [{"week": [{"day": 0}] * 7}] * 8,
    "lockgroup": [{"group": 0}] * 5,
}


@dataclass
class Listing:
    """Cursor of one paged listing; a terminal has one per command, shared by whoever asks."""

    rows: list[Any] = field(default_factory=list)
    position: int = 0


@dataclass
class Device:
    """Everything a command can read or change on one terminal."""

    family: Family
    sn: str
    clock: WallClock
    users: UserTable
    logs: LogStore
    settings: Message = field(
        default_factory=lambda: {
            "deviceid": 1,
            "language": 0,
            "volume": 6,
            "screensaver": 1,
            "verifymode": 0,
            "sleep": 0,
            "userfpnum": 3,
            "loghint": 1000,
            "reverifytime": 0,
        }
    )
    lock: Message = field(default_factory=lambda: dict(FACTORY_LOCK))
    stored: dict[str, Any] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    enrolling: tuple[int, int] | None = None
    lost_pending: int = 0
    reboots: bool = False
    keypad_locked: bool = False
    has_thermometer: bool = False
    doors_opened: int = 0
    outbox: list[Message] = field(default_factory=list)

    def devinfo(self) -> Message:
        """Contents of `devinfo`, in the shape of the family."""
        family, held = self.family, self.users.counts()
        info: Message = {
            "modelname": family.modelname,
            "usersize": family.capacity,
            "fpsize": family.capacity,
            "cardsize": family.capacity,
            "pwdsize": family.capacity,
            "logsize": family.logsize,
            "useduser": held["useduser"],
            "usedfp": held["usedfp"],
            "usedcard": held["usedcard"],
            "usedpwd": held["usedpwd"],
            "usedlog": self.logs.total,
            "usednewlog": self.logs.total - self.logs.read_by_getnewlog,
            "fpalgo": family.fpalgo,
            "firmware": family.firmware,
            "time": self.clock.text(),
            "mac": f"00-01-A9-{self.sn[-6:-4]}-{self.sn[-4:-2]}-{self.sn[-2:]}",
        }
        if family.names_records:
            info |= {
                "manufacturer": "",
                "facesize": family.capacity,
                "usedface": held["usedface"],
                "palmsize": 0,
                "usedpalm": 0,
                "usedrtlog": len(self.logs.pending),
                "netinuse": 1,
                "usb4g": 0,
                "intercom": 0,
                "floors": 0,
                "acces_stimes": 0,
                "facetemplate": 1,
                "dislanguage": 0,
                "ntp": 0,
                "timezone": "GMT+0",
                "curip": "192.168.001.020",
            }
        return info


def log_row(device: Device, punch: Punch) -> Message:
    """A stored record as `sendlog` and the log listings show it."""
    row: Message = {"enrollid": punch.enrollid}
    if device.family.names_records:
        row["name"] = device.users.name_of(punch.enrollid)
    row |= {"time": punch.time, "mode": punch.mode, "inout": punch.inout, "event": punch.event}
    if device.has_thermometer:
        row["temp"] = 36.0 + punch.enrollid % 10 / 10
    return row


def senduser(device: Device, user: StoredUser, backupnum: int) -> Message:
    """The frame that tells the server of a credential taken at the terminal."""
    return {
        "cmd": "senduser",
        "sn": device.sn,
        "enrollid": user.enrollid,
        "name": user.name,
        "backupnum": backupnum,
        "admin": user.admin,
        "record": user.read(backupnum),
    }
