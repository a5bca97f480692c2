from __future__ import annotations

import pytest

from tm20tui.protocol import Holiday, LockSettings, Questionnaire, Shift, ShiftSection


def test_settings_reported_by_a_terminal_are_read_part_by_part() -> None:
    settings, unread = LockSettings.from_reported(
        {"opendelay": "5", "threat": 9, "weekzone": [{"week": [{"day": 1}] * 7}], "dayzone": "?", "x": 1}
    )
    assert settings == LockSettings(opendelay=5, weekzone=((1,) * 7,))
    assert unread == ("threat", "dayzone")


def test_holidays_and_shifts_are_checked() -> None:
    with pytest.raises(ValueError, match="startday must be MM-DD"):
        Holiday("x", "2025-01-01", "01-01")
    with pytest.raises(ValueError, match="sections must have 1 to 3 rows"):
        Shift("Day", sections=(ShiftSection("08:00", "12:00"),) * 4)


@pytest.mark.parametrize("schedule", ["08:00-09:00*1", "00:00-00:00*0", "08:00-09:00*16"])
def test_question_periods(schedule: str) -> None:
    assert Questionnaire(schedules=(schedule,)).schedules == (schedule,)


@pytest.mark.parametrize("schedule", ["08:00~09:00*1", "8:00-09:00*1", "08:00-09:00", "24:00-09:00*1"])
def test_other_question_periods_are_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"HH:MM-HH:MM\*N"):
        Questionnaire(schedules=(schedule,))
