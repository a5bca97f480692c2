from __future__ import annotations

import pytest

from tm20tui.protocol import COMMANDS, Command, GetUserList, OpenDoor, Reboot, SetDevInfo, SetUserInfo


def test_a_command_names_itself_first() -> None:
    assert GetUserList().encode() == '{"cmd":"getuserlist","stn":true}'
    assert Reboot().encode() == '{"cmd":"reboot"}'
    assert OpenDoor(1).encode() == '{"cmd":"opendoor","doornum":1}'


def test_waiting_and_repeating_follow_the_protocol() -> None:
    assert not Reboot.replies
    assert all(command.replies for name, command in COMMANDS.items() if name != "reboot")
    assert GetUserList.timeout_seconds == 20
    assert SetUserInfo.timeout_seconds == 25
    never_blindly = {name for name, command in COMMANDS.items() if not command.idempotent}
    assert {"reboot", "initsys", "cleanuser", "cleanlog", "cleanadmin", "cleanuserlock"} <= never_blindly
    assert {"settime", "opendoor", "adduser", "getnewlog"} <= never_blindly
    assert {"setuserinfo", "deleteuser", "getuserlist", "setdevlock"}.isdisjoint(never_blindly)


def test_a_wrong_value_names_command_member_and_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="opendoor doornum must be 1 to 4, not 9"):
        OpenDoor(9)
    with pytest.raises(ValueError, match="setdevinfo needs at least one setting"):
        SetDevInfo()


def test_commands_are_frozen_and_equal_by_value() -> None:
    with pytest.raises(AttributeError):
        OpenDoor(1).doornum = 2  # type: ignore[misc]
    assert OpenDoor(1) == OpenDoor(1)
    assert len({OpenDoor(1), OpenDoor(1), OpenDoor()}) == 2
    assert isinstance(OpenDoor(), Command)
