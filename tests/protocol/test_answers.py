from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tm20tui.protocol import (
    acknowledge,
    format_cloudtime,
    log_accepted,
    qrcode_answer,
    reg_accepted,
    reg_refused,
    user_accepted,
)

NOW = "2025-06-01 08:00:00"


def test_reg_is_accepted_with_time_and_wishes() -> None:
    assert reg_accepted(NOW, False) == f'{{"ret":"reg","result":true,"cloudtime":"{NOW}","nosenduser":false}}'
    assert reg_accepted(None) == '{"ret":"reg","result":true}'


def test_reg_is_refused_with_words_for_the_screen() -> None:
    assert (
        reg_refused("nicht zugelassen für\n")
        == '{"ret":"reg","result":false,"reason":"nicht zugelassen für"}'
    )


def test_sendlog_is_accepted_with_the_echo_first() -> None:
    assert (
        log_accepted(3, 900, NOW)
        == f'{{"ret":"sendlog","result":true,"count":3,"logindex":900,"cloudtime":"{NOW}"}}'
    )
    assert log_accepted(1, 0, None, 0, "Not allowed now") == (
        '{"ret":"sendlog","result":true,"count":1,"logindex":0,"access":0,"message":"Not allowed now"}'
    )


def test_zero_is_echoed_and_absence_is_not() -> None:
    assert log_accepted(0, 0) == '{"ret":"sendlog","result":true,"count":0,"logindex":0}'
    assert log_accepted(None, None) == '{"ret":"sendlog","result":true}'


def test_senduser_is_accepted() -> None:
    assert user_accepted(NOW, "7", 11) == (
        f'{{"ret":"senduser","result":true,"cloudtime":"{NOW}","enrollid":7,"backupnum":11}}'
    )
    assert user_accepted() == '{"ret":"senduser","result":true}'


def test_a_code_is_answered_with_access() -> None:
    assert qrcode_answer("AI07", True, "10", "Ann", "ok", "ok") == (
        '{"ret":"sendqrcode","sn":"AI07","result":true,"access":1,"enrollid":10,'
        '"username":"Ann","message":"ok","voice":"ok"}'
    )
    assert qrcode_answer(None, False, None, None, "no", cmd="sendpin") == (
        '{"ret":"sendpin","result":true,"access":0,"message":"no"}'
    )


def test_anything_else_is_acknowledged_by_name() -> None:
    assert acknowledge("sendgps") == '{"ret":"sendgps","result":true}'


def test_cloudtime_is_wall_time_without_zone() -> None:
    moment = datetime(2025, 6, 1, 8, 0, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert format_cloudtime(moment) == "2025-06-01 08:00:05"
    assert format_cloudtime(moment.astimezone(UTC)) == "2025-06-01 06:00:05"
