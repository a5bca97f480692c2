"""Behaviour tables of the firmware families: what one does differently from another.

Times are those measured on real units, in seconds; the fleet's time scale shrinks them.
"""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = frozenset(
    [
        "getuserlist",
        "getuserinfo",
        "setuserinfo",
        "deleteuser",
        "getusername",
        "setusername",
        "enableuser",
        "cleanuser",
        "getnewlog",
        "getalllog",
        "cleanlog",
        "initsys",
        "reboot",
        "cleanadmin",
        "settime",
        "setdevinfo",
        "getdevinfo",
        "opendoor",
        "setdevlock",
        "getdevlock",
        "getuserlock",
        "setuserlock",
        "deleteuserlock",
        "cleanuserlock",
    ]
)
_V24 = frozenset(["gettime", "getquestionnaire", "setquestionnaire", "getholiday", "setholiday"])
_AIFACE = frozenset(
    [
        "setuserprofile",
        "getuserprofile",
        "adduser",
        "checkregstatus",
        "canceladduser",
        "disabledevice",
        "enabledevice",
        "getbelltime",
        "setbelltime",
        "getshift",
        "setshift",
        "lockctrl",
    ]
)


@dataclass(frozen=True, slots=True)
class Family:
    """One firmware family.

    `reg_delay_seconds`: from WebSocket open to `reg`. `live_delay_seconds`: from a
    verified finger to its `sendlog`. `resends`: how often an unacknowledged batch is
    repeated on one connection before the terminal hangs up. `resends_on_traffic`: any
    other exchange repeats it at once. `stores_position`: `logindex` is the storage
    position of the first record, otherwise always 0. `counts_exclusive`: `to` of a page
    is one past its last row. `modes`: verification numbers, repeated by how common they are.
    """

    name: str
    serial_prefix: str
    firmware: str
    modelname: str
    path: str
    fpalgo: str
    logsize: int
    capacity: int
    modes: tuple[int, ...]
    commands: frozenset[str]
    reg_delay_seconds: float
    command_seconds: float
    live_delay_seconds: float = 0.0
    resends: int = 3
    resends_on_traffic: bool = False
    stores_position: bool = True
    counts_exclusive: bool = True
    admin_as_text: bool = True
    answers_unknown: bool = False
    explains_failures: bool = False
    names_records: bool = False
    has_cpusn: bool = False
    repeats_reg_seconds: float | None = None


FAMILIES: dict[str, Family] = {
    "TH600": Family(
        name="TH600",
        serial_prefix="TH6SIM",
        firmware="TH600 V9.9",
        modelname="tfs30",
        path="/",
        fpalgo="thbio3.0",
        logsize=231424,
        capacity=3000,
        modes=(1, 1, 1, 1, 1, 2, 3),
        commands=_COMMON,
        reg_delay_seconds=2.0,
        command_seconds=0.4,
        live_delay_seconds=3.0,
        resends_on_traffic=True,
        has_cpusn=True,
    ),
    "TH900": Family(
        name="TH900",
        serial_prefix="TH9SIM",
        firmware="TH900_click V5.0",
        modelname="tfs30",
        path="/pub/chat",
        fpalgo="thbio3.0",
        logsize=100000,
        capacity=5000,
        modes=(1, 1, 1, 1, 3),
        commands=_COMMON | _V24,
        reg_delay_seconds=0.2,
        command_seconds=0.4,
        live_delay_seconds=1.0,
        repeats_reg_seconds=300.0,
    ),
    "AiFace": Family(
        name="AiFace",
        serial_prefix="AIFSIM",
        firmware="ai518_fp26v_v2.16",
        modelname="AiFace",
        path="/pub/chat",
        fpalgo="thbio3.0",
        logsize=500000,
        capacity=10000,
        modes=(8, 8, 8, 8, 8, 3),
        commands=_COMMON | _V24 | _AIFACE,
        reg_delay_seconds=0.2,
        command_seconds=0.1,
        # A second copy on the same connection would be acknowledged twice, and without a
        # position nobody could tell the second answer from the next record's.
        resends=0,
        stores_position=False,
        counts_exclusive=False,
        admin_as_text=False,
        answers_unknown=True,
        explains_failures=True,
        names_records=True,
    ),
}
