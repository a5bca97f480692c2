from __future__ import annotations

import pytest

from tm20tui.protocol import GetAllLog, GetNewLog, SetDevInfo, SetTime


def test_logs_are_asked_for_by_day() -> None:
    assert GetAllLog(start="2025-06-01", stop="2025-06-30").encode() == (
        '{"cmd":"getalllog","stn":true,"from":"2025-06-01","to":"2025-06-30"}'
    )
    assert GetAllLog(stn=False).encode() == '{"cmd":"getalllog","stn":false}'
    assert GetNewLog().encode() == '{"cmd":"getnewlog","stn":true}'
    with pytest.raises(ValueError, match="to must not be before from"):
        GetAllLog(start="2025-06-02", stop="2025-06-01")


def test_the_clock_is_set_by_cloudtime() -> None:
    assert SetTime("2025-06-01 08:00:00").encode() == '{"cmd":"settime","cloudtime":"2025-06-01 08:00:00"}'
    with pytest.raises(ValueError, match="settime cloudtime must be YYYY-MM-DD HH:MM:SS"):
        SetTime("2025-06-01T08:00:00Z")


def test_only_the_settings_named_are_changed() -> None:
    assert SetDevInfo(volume=0).encode() == '{"cmd":"setdevinfo","volume":0}'
    with pytest.raises(ValueError, match="volume must be 0 to 10"):
        SetDevInfo(volume=11)
