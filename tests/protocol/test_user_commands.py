from __future__ import annotations

from typing import Any

import pytest

from tm20tui.protocol import DeleteUser, EnableUser, SetUserInfo, SetUserName, SetUserProfile, UserName


def test_a_credential_goes_out_as_in_the_reference() -> None:
    assert SetUserInfo("7", "Ann", 11, 0, "1234567").encode() == (
        '{"cmd":"setuserinfo","enrollid":7,"name":"Ann","backupnum":11,"admin":0,"record":1234567}'
    )
    assert '"record":"ab(12)cd"' in SetUserInfo("7", "Ann", 0, 0, "ab(12)cd").encode()


def test_leading_zeros_of_a_password_are_not_lost() -> None:
    assert '"record":"0123"' in SetUserInfo("7", backupnum=10, record="0123").encode()


def test_a_photo_goes_without_its_prefix() -> None:
    photo = SetUserInfo("7", backupnum=50, record="data:image/jpeg;base64,/9j/4AA=")
    assert photo.record == "/9j/4AA="


def test_a_user_without_credentials_needs_no_record() -> None:
    assert (
        SetUserInfo("7", "Ann").encode() == '{"cmd":"setuserinfo","enrollid":7,"name":"Ann","backupnum":13}'
    )


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"backupnum": 0}, "record is required"),
        ({"backupnum": 10, "record": "123456789"}, "1 to 8 digits"),
        ({"backupnum": 11, "record": "12a"}, "1 to 20 digits"),
        ({"backupnum": 50, "record": "not base64!"}, "base64"),
        ({"backupnum": 12, "record": "x"}, "backupnum must be one of"),
        ({"backupnum": 0, "record": "a\0"}, "record must be"),
        ({"admin": 3}, "admin must be 0 to 2"),
        ({"birthday": "02-30"}, "birthday must be MM-DD"),
    ],
)
def test_what_does_not_fit_is_refused(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        SetUserInfo("7", **members)


def test_credentials_appear_in_no_repr_and_no_message() -> None:
    assert "4711" not in repr(SetUserInfo("7", backupnum=10, record="4711", pwd="4711"))
    with pytest.raises(ValueError) as caught:
        SetUserInfo("7", backupnum=10, record="s3cret")
    assert "s3cret" not in str(caught.value)


def test_removing_a_user() -> None:
    assert DeleteUser("7").encode() == '{"cmd":"deleteuser","enrollid":7,"backupnum":13}'
    assert DeleteUser("7", None).encode() == '{"cmd":"deleteuser","enrollid":7}'


def test_enabling_is_written_as_a_number() -> None:
    assert EnableUser("7", enflag=False).encode() == '{"cmd":"enableuser","enrollid":7,"enflag":0}'


def test_names_go_out_counted_and_at_most_49() -> None:
    assert SetUserName((UserName("7", "Ann"),)).encode() == (
        '{"cmd":"setusername","count":1,"record":[{"enrollid":7,"name":"Ann"}]}'
    )
    with pytest.raises(ValueError, match="1 to 49"):
        SetUserName((UserName("7", "Ann"),) * 50)


def test_a_profile_is_measured_in_bytes() -> None:
    SetUserProfile("0", "x" * 200)
    with pytest.raises(ValueError, match="200 bytes"):
        SetUserProfile("7", "é" * 101)
