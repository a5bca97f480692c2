"""The terminals' WebSocket-and-JSON protocol, without any I/O.

Text from a terminal goes through `decode` (and, where that fails on a
`sendlog`, through `salvage`); text to it comes from the answers and commands.
Names and numbers are those of the wire.
"""

from tm20tui.protocol.answers import (
    acknowledge,
    format_cloudtime,
    log_accepted,
    qrcode_answer,
    reg_accepted,
    reg_refused,
    user_accepted,
)
from tm20tui.protocol.pushes import (
    DevInfo,
    Push,
    Reg,
    Reply,
    SendLog,
    SendQrCode,
    SendUser,
    UnknownPush,
    decode,
)
from tm20tui.protocol.records import BadRecord, LogRecord
from tm20tui.protocol.salvage import Salvaged, salvage

__all__ = [
    "BadRecord",
    "DevInfo",
    "LogRecord",
    "Push",
    "Reg",
    "Reply",
    "Salvaged",
    "SendLog",
    "SendQrCode",
    "SendUser",
    "UnknownPush",
    "acknowledge",
    "decode",
    "format_cloudtime",
    "log_accepted",
    "qrcode_answer",
    "reg_accepted",
    "reg_refused",
    "salvage",
    "user_accepted",
]
