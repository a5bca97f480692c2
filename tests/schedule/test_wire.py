"""The customer's `setschedule`, member by member."""

from __future__ import annotations

import json
from datetime import time

import pytest

from tests.schedule.factories import schedule
from tm20tui.protocol import SetSchedule
from tm20tui.schedule.wire import set_schedule


def test_the_customers_members_are_sent() -> None:
    command = set_schedule(schedule("08:00-17:00", "12:00-13:00"))
    assert json.loads(command.encode()) == {
        "cmd": "setschedule",
        "weekday": 0,
        "check_in": "08:00",
        "check_out": "17:00",
        "break_start": "12:00",
        "break_end": "13:00",
        "tolerance": 15,
    }
    assert SetSchedule.from_row(command.as_row()) == command


def test_without_a_break_its_members_are_left_out_and_seconds_are_kept() -> None:
    command = set_schedule(schedule("22:00-06:00", check_in_time=time(22, 0, 30), weekday=6))
    assert command.as_row() == {"weekday": 6, "check_in": "22:00:30", "check_out": "06:00", "tolerance": 15}


def test_a_member_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="weekday must be 0 to 6"):
        SetSchedule(weekday=7, check_in="08:00", check_out="17:00")
