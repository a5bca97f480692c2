"""What became of telling a terminal its schedules, from the command's outcome alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.schedule.factories import NOW, schedule
from tm20tui.schedule.outcomes import find_sending, judge_sending
from tm20tui.schedule.wire import set_schedule
from tm20tui.store.commands import CommandRecord

UNKNOWN = "does not know setschedule (firmware ai518): can not find this command"


def sending(**values: Any) -> CommandRecord:
    row: dict[str, Any] = {
        "id": 1,
        "terminal_id": 1,
        "terminal_sn": "ZX1",
        "name": "setschedule",
        "arguments": set_schedule(schedule()).as_row(),
        "is_sealed": False,
        "priority": 0,
        "status": "queued",
        "reason": "",
        "result": {},
        "attempts": 0,
        "operator": "ann",
        "correlation_id": "",
        "created_at": NOW,
        "expires_at": None,
        "sent_at": None,
        "settled_at": None,
    }
    return CommandRecord(**(row | values))


@pytest.mark.parametrize(
    ("status", "reason", "firmware", "expected", "says"),
    [
        ("confirmed", "", "TH600", "confirmed", ""),
        ("refused", "reason 1", "TH600", "refused", "reason 1"),
        ("refused", UNKNOWN, "ai518", "not known", UNKNOWN),
        ("timed out", "no answer within 20 s", "TH600 V9.9", "not known", "TH600 V9.9 is silent about"),
        ("timed out", "no answer within 20 s", "", "not known", "such firmware is silent about"),
        # It would have said so: the schedule may be there or not.
        ("timed out", "no answer within 20 s", "ai518", "pending", "timed out: no answer within 20 s"),
        ("queued", "", "TH600", "pending", "waits for the terminal"),
        ("sent", "", "TH600", "pending", "not answered yet"),
        ("unknown", "disconnected", "TH600", "pending", "unknown: disconnected"),
        ("expired", "could not be sent in time", "TH600", "pending", "expired: could not"),
        ("cancelled", "", "TH600", "pending", "cancelled"),
    ],
)
def test_each_outcome(status: Any, reason: str, firmware: str, expected: str, says: str) -> None:
    outcome = judge_sending(sending(status=status, reason=reason), firmware)
    assert outcome.status == expected
    assert says in outcome.reason
    assert bool(says) == bool(outcome.reason)


def test_only_a_sending_of_the_schedule_as_it_is_counts() -> None:
    newest, older = sending(id=2), sending(id=1)
    assert find_sending(schedule(), [newest, older]) is newest
    assert find_sending(schedule("09:00-17:00"), [newest]) is None
    assert find_sending(replace(schedule(), updated_at=NOW + timedelta(seconds=1)), [newest]) is None
    assert find_sending(schedule(), []) is None
