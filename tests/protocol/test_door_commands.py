from __future__ import annotations

import pytest

from tm20tui.protocol import SetDevLock, SetQuestionnaire, SetUserLock, UserLock


def test_zones_go_out_as_in_the_reference() -> None:
    command = SetDevLock(
        opendelay=5,
        dayzone=(("08:00~12:00", "13:00~17:30"), ("00:00~00:00",)),
        weekzone=((1, 1, 1, 1, 1, 2, 2),),
    )
    assert command.encode() == (
        '{"cmd":"setdevlock","opendelay":5,'
        '"dayzone":[{"day":[{"section":"08:00~12:00"},{"section":"13:00~17:30"}]},'
        '{"day":[{"section":"00:00~00:00"}]}],'
        '"weekzone":[{"week":[{"day":1},{"day":1},{"day":1},{"day":1},{"day":1},{"day":2},{"day":2}]}]}'
    )


def test_the_input_alarm_keeps_its_capitals() -> None:
    assert SetDevLock(input_alarm=2).encode() == '{"cmd":"setdevlock","InputAlarm":2}'


def test_zones_have_their_limits() -> None:
    for wrong in ((("22:00~06:00",),), (("08:00~09:00",) * 6,), (("08:00~09:00",),) * 9):
        with pytest.raises(ValueError, match="setdevlock dayzone"):
            SetDevLock(dayzone=wrong)
    with pytest.raises(ValueError, match="exactly 7"):
        SetDevLock(weekzone=((1, 1),))
    with pytest.raises(ValueError, match="at least one"):
        SetDevLock()


def test_rights_of_users_go_out_counted_and_named() -> None:
    assert SetUserLock((UserLock("7", 1, group=0),)).encode() == (
        '{"cmd":"setuserlock","count":1,"record":[{"enrollid":7,"weekzone":1,"group":0}]}'
    )
    with pytest.raises(ValueError, match="1 to 40"):
        SetUserLock((UserLock("7", 1),) * 41)
    with pytest.raises(ValueError, match="enrollid is required"):
        SetUserLock((UserLock(weekzone=1),))


def test_several_choices_allow_fewer_items() -> None:
    SetQuestionnaire(radio=True, items=("x",) * 16)
    with pytest.raises(ValueError, match="at most 8"):
        SetQuestionnaire(radio=False, items=("x",) * 9)
    with pytest.raises(ValueError, match="at least one"):
        SetQuestionnaire()
