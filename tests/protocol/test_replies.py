from __future__ import annotations

from typing import Any

import pytest

from tm20tui import protocol as p

RECORD = p.LogRecord("7", "", "2025-06-01 07:59:58", 1, 0, 0, None, None, None, None)

RESULTS: list[tuple[str, Any]] = [
    ("setuserinfo", p.Done("setuserinfo", {"enrollid": 7, "backupnum": 0})),
    ("deleteuser", p.Refused("deleteuser", "1", "can not find the user")),
    ("getuserlist", p.UserListPage(6, 0, 6, (p.UserRow("7", 1, 0), p.UserRow("7", 1, 11)))),
    ("getuserlist", p.UserListPage(0, 0, 0, ())),
    ("getnewlog", p.LogPage(1, 0, 1, (RECORD,))),
    ("getalllog", p.LogPage(1, 0, 1, (RECORD,), command="getalllog")),
    ("getuserinfo", p.UserInfo("7", "Ann", 11, 0, "1234567")),
    ("getuserinfo", p.UserInfo("7", "Ann", is_enabled=True, card="99", department="IT")),
    ("gettime", p.TerminalTime("2025-06-01 08:00:00")),
    (
        "getdevinfo",
        p.TerminalInfo(p.TerminalSettings(volume=6), p.DevInfo("AiFace", capacities={"usersize": 3})),
    ),
    ("getdevlock", p.TerminalLock(p.LockSettings(opendelay=5, weekzone=((1,) * 7,)))),
    ("getuserlock", p.UserLockInfo(p.UserLock("7", 1, group=0))),
    ("getusername", p.UserNameInfo("Ann")),
    ("getuserprofile", p.UserProfile("7", "text")),
    ("getholiday", p.HolidayList((p.Holiday("New Year", "01-01", "01-01"),))),
    ("getshift", p.ShiftList((p.Shift("Day"),))),
    ("getquestionnaire", p.QuestionnaireInfo(p.Questionnaire(title="?", radio=True, items=("a", "b")))),
    ("checkregstatus", p.RegistrationStatus(-1, "failed")),
]


@pytest.mark.parametrize(("name", "result"), RESULTS, ids=lambda value: str(value)[:60])
def test_what_a_terminal_writes_is_read_back(name: str, result: Any) -> None:
    reply = p.decode(result.encode("Z1"))
    assert isinstance(reply, p.Reply)
    assert reply.sn == "Z1"
    assert p.parse_reply(name, reply) == result


def test_replies_look_like_those_of_the_reference() -> None:
    assert p.TerminalTime("2025-06-01 08:00:00").encode("Z1") == (
        '{"ret":"gettime","sn":"Z1","time":"2025-06-01 08:00:00"}'
    )
    assert p.Refused("deleteuser", "1").encode() == '{"ret":"deleteuser","result":false,"reason":1}'
    assert p.UserListPage(0, 0, 0, ()).encode() == (
        '{"ret":"getuserlist","result":true,"count":0,"from":0,"to":0,"record":[]}'
    )


def test_a_firmware_that_lacks_a_command_is_recognised() -> None:
    assert p.Refused("x", None, "can not find this command").is_unknown_command
    assert not p.Refused("x", "1", "can not find the user").is_unknown_command


def test_a_template_is_not_in_a_repr() -> None:
    assert "s3cret" not in repr(p.UserInfo("7", record="s3cret"))
