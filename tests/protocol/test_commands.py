from __future__ import annotations

import pytest

from tests.protocol import examples
from tm20tui.errors import FrameError
from tm20tui.protocol import (
    COMMANDS,
    Command,
    Reply,
    UnknownCommand,
    decode_command,
    decode_server_frame,
    reg_accepted,
)

APPENDIX_A = """
getuserlist getuserinfo setuserinfo deleteuser getusername setusername enableuser cleanuser
getnewlog getalllog cleanlog initsys reboot cleanadmin settime gettime setdevinfo getdevinfo
opendoor setdevlock getdevlock getuserlock setuserlock deleteuserlock cleanuserlock getquestionnaire
setquestionnaire getholiday setholiday setuserprofile getuserprofile adduser checkregstatus
canceladduser disabledevice enabledevice getbelltime setbelltime getshift setshift lockctrl
"""


def test_every_command_of_the_matrix_exists_and_the_customers_own() -> None:
    assert {*APPENDIX_A.split(), "setschedule"} == set(COMMANDS)
    assert {command.name for command in examples.COMMANDS} == set(COMMANDS)


@pytest.mark.parametrize("command", examples.COMMANDS, ids=Command.encode)
def test_every_command_is_read_back(command: Command) -> None:
    assert decode_command(command.encode()) == command


def test_a_command_is_read_with_the_tolerance_of_all_frames() -> None:
    padded = '\ufeff{ "cmd ":" opendoor ", "doornum " : "1",}\0'
    assert decode_command(padded) == COMMANDS["opendoor"].from_row({"doornum": 1})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"cmd":"setbell"}', "no such command: setbell"),
        ('{"cmd":"opendoor","doornum":9}', "doornum must be 1 to 4"),
        ('{"cmd":"getuserinfo"}', "enrollid is missing"),
        ('{"ret":"reg","result":true}', "an answer"),
        ("{}", "neither cmd nor ret"),
        ("", "empty"),
    ],
)
def test_what_is_no_command_says_why(text: str, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        decode_command(text)


def test_a_terminal_can_tell_commands_answers_and_nonsense_apart() -> None:
    assert isinstance(decode_server_frame('{"cmd":"reboot"}'), Command)
    answer = decode_server_frame(reg_accepted("2025-06-01 08:00:00"))
    assert isinstance(answer, Reply)
    assert (answer.ret, answer.result, answer.fields["cloudtime"]) == ("reg", True, "2025-06-01 08:00:00")
    unknown = decode_server_frame('{"cmd":"setbell","day":1}')
    assert isinstance(unknown, UnknownCommand)
    assert (unknown.cmd, unknown.fields) == ("setbell", {"day": 1})
