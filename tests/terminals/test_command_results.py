"""Which reply answers which command, what it means, and what of it may be kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tm20tui.protocol import (
    Command,
    GetDevInfo,
    GetDevLock,
    GetHoliday,
    GetNewLog,
    GetTime,
    GetUserInfo,
    GetUserList,
    GetUserName,
    OpenDoor,
    Reply,
    SetUserInfo,
    UserInfo,
    decode,
)
from tm20tui.terminals.command_results import is_answer, judge

SN = "ZXAB21004711"
PHOTO = SetUserInfo("7", backupnum=50, record="/9j/4AA=")


def reply(**members: Any) -> Reply:
    read = decode(json.dumps(members))
    assert isinstance(read, Reply)
    return read


@pytest.mark.parametrize(
    ("command", "members", "answers"),
    [
        (OpenDoor(), {"ret": "opendoor", "result": True}, True),
        (OpenDoor(), {"ret": "opendoor", "sn": SN.lower(), "result": True}, True),
        (OpenDoor(), {"ret": "opendoor", "sn": "SOMEBODYELSE", "result": True}, False),
        (OpenDoor(), {"ret": "gettime", "time": "2026-06-02 08:00:00"}, False),
        (GetTime(), {"cmd": "gettime", "time": "2026-06-02 08:00:00"}, True),
        (GetDevLock(), {"ret": "setdevlock", "result": False, "reason": 1}, True),
        (GetUserInfo("7"), {"ret": "getuserinfo", "result": True, "enrollid": 7}, True),
        (GetUserInfo("7"), {"ret": "getuserinfo", "result": True, "enrollid": "8"}, False),
        (GetUserInfo("7"), {"ret": "getuserinfo", "result": False, "reason": 1}, True),
        (GetUserInfo("7"), {"ret": "getuserinfo", "result": False, "enrollid": 0}, True),
    ],
)
def test_a_reply_answers_by_name_terminal_and_user(
    command: Command, members: dict[str, Any], answers: bool
) -> None:
    assert is_answer(command, SN, reply(**members)) is answers


@pytest.mark.parametrize(
    ("command", "members", "reason"),
    [
        (OpenDoor(), {"reason": 1}, "reason 1"),
        (OpenDoor(), {"reason": "door is broken"}, "door is broken"),
        (OpenDoor(), {}, "without a reason"),
        (GetUserInfo("7"), {"reason": 1, "msg": "can not find the user"}, "can not find the user"),
        (GetUserInfo("7"), {"reason": 3, "msg": "busy"}, "busy (reason 3)"),
        (PHOTO, {"reason": 5}, "no face in the photo (reason 5)"),
        (PHOTO, {"reason": 99}, "reason 99"),
    ],
)
def test_a_refusal_carries_the_terminals_reason(
    command: Command, members: dict[str, Any], reason: str
) -> None:
    verdict = judge(command, reply(ret=command.name, result=False, **members), "v1")
    assert (verdict.event, verdict.reason, verdict.is_unknown_command) == ("refuse", reason, False)


def test_a_command_that_the_firmware_has_not_is_said_so() -> None:
    said = reply(ret="getholiday", result=False, reason=1, msg="can not find this command")
    verdict = judge(GetHoliday(), said, "ai518_v1")
    assert verdict.is_unknown_command
    assert verdict.reason == "does not know getholiday (firmware ai518_v1): can not find this command"
    assert "firmware not told" in judge(GetHoliday(), said, "").reason


def test_a_reply_that_says_nothing_leaves_the_outcome_unknown() -> None:
    verdict = judge(OpenDoor(), reply(ret="opendoor"), "v1")
    assert (verdict.event, verdict.result) == ("lose", None)
    assert "no result" in verdict.reason


@pytest.mark.parametrize(
    ("command", "members", "kept"),
    [
        (GetTime(), {"time": "2026-06-02 08:00:00"}, {"time": "2026-06-02 08:00:00"}),
        (OpenDoor(), {"result": True}, {}),
        (GetDevInfo(), {"result": True, "volume": 6, "language": 0}, {"volume": 6, "language": 0}),
        (GetUserName("7"), {"result": True, "record": "Ann"}, {"record": "Ann"}),
        (
            GetUserList(),
            {"result": True, "count": 1, "from": 0, "to": 1, "record": [{"enrollid": 7, "backupnum": 0}]},
            {"count": 1, "from": 0, "to": 1, "record": [{"enrollid": 7, "admin": 0, "backupnum": 0}]},
        ),
        (
            GetNewLog(),
            {
                "result": True,
                "count": 1,
                "from": 0,
                "to": 1,
                "record": [{"enrollid": 7, "time": "2026-06-02 08:00:00", "image": "/9j/4AA="}],
            },
            {"count": 1, "from": 0, "to": 1, "record": 1},
        ),
        (SetUserInfo("7", "Ann"), {"result": True, "enrollid": 7, "record": "c0ffee"}, {"enrollid": 7}),
        (OpenDoor(), {"result": True, "x": "y" * 100_000}, {"omitted": "too large to keep"}),
    ],
)
def test_a_result_is_kept_in_the_words_of_the_wire(
    command: Command, members: dict[str, Any], kept: dict[str, Any]
) -> None:
    verdict = judge(command, reply(ret=command.name, sn=SN, **members), "v1")
    assert (verdict.event, verdict.kept) == ("confirm", kept)


@pytest.mark.parametrize("members", [{"backupnum": 0, "record": "c0ffee(9)"}, {"card": "c0ffee"}])
def test_a_credential_is_in_the_typed_result_alone(members: dict[str, Any]) -> None:
    said = reply(ret="getuserinfo", result=True, enrollid=7, name="Ann", admin=1, **members)
    verdict = judge(GetUserInfo("7"), said, "v1")
    assert isinstance(verdict.result, UserInfo)
    assert "c0ffee" in (verdict.result.record or verdict.result.card or "")
    assert "c0ffee" not in repr(verdict.kept)
    assert verdict.kept["name"] == "Ann"
