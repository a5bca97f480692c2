"""Days as people live them: what each punch was, in words."""

from __future__ import annotations

import pytest

from tests.schedule.factories import KINSHASA, MONDAY, NIGHTS, OFFICE, ROUND_THE_CLOCK, SPLIT, punches, week
from tm20tui.schedule.lateness import Assessment, assess
from tm20tui.store.schedules import Schedule

PLAIN = week("08:00-17:00", days=5)


def told(found: Assessment) -> list[str]:
    """Each punch in words: its day unless Monday, its role, its verdict."""
    lines = []
    for item in found.punches:
        parts = [item.role, item.verdict or "-"]
        if item.day != MONDAY:
            parts.insert(0, f"{item.day:%a}")
        lines.append(" ".join([*parts, str(item.minutes)] if item.minutes else parts))
    return lines


@pytest.mark.parametrize(
    ("schedules", "said", "expected"),
    [
        pytest.param(
            OFFICE,
            "in 08:00 out 12:00 in 13:00 out 17:00",
            "arrival on time, break start on time, break end on time, departure on time",
            id="a day as planned",
        ),
        pytest.param(
            OFFICE,
            "- 08:00 - 12:00 - 13:00 - 17:00",
            "arrival on time, break start on time, break end on time, departure on time",
            id="a day as planned, without directions",
        ),
        pytest.param(
            PLAIN, "in 08:15:59 out 16:45", "arrival on time, departure on time", id="just within tolerance"
        ),
        pytest.param(PLAIN, "in 08:16 out 16:44", "arrival late 16, departure early 16", id="just outside"),
        pytest.param(PLAIN, "in 07:30 out 18:00", "arrival early 30, departure late 60", id="long day"),
        pytest.param(
            week("08:00-17:00", tolerance=0),
            "in 08:00:59 out 16:59:01",
            "arrival on time, departure on time",
            id="seconds of a started minute",
        ),
        pytest.param(
            OFFICE,
            "in 08:00 out 11:30 in 13:45 out 17:00",
            "arrival on time, break start early 30, break end late 45, departure on time",
            id="a long break",
        ),
        pytest.param(
            OFFICE,
            "in 08:00 out 09:30 in 09:40 out 12:05 in 12:55 out 17:00",
            "arrival on time, extra -, extra -, break start on time, break end on time, departure on time",
            id="a smoke before the break",
        ),
        pytest.param(OFFICE, "in 10:35 out 17:00", "arrival late 155, departure on time", id="very late"),
        pytest.param(OFFICE, "- 12:55 - 17:00", "arrival late 295, departure on time", id="half a day"),
        pytest.param(
            OFFICE,
            "- 08:00 - 12:00 - 13:00",
            "arrival on time, break start on time, break end on time",
            id="the departure was forgotten",
        ),
        pytest.param(
            OFFICE,
            "- 12:00 - 13:00 - 17:00",
            "break start on time, break end on time, departure on time",
            id="the arrival was forgotten",
        ),
        pytest.param(
            OFFICE, "in 08:00 out 12:02", "arrival on time, break start on time", id="still at lunch"
        ),
        pytest.param(
            OFFICE, "in 08:00 out 15:00", "arrival on time, departure early 120", id="gone for the day"
        ),
        pytest.param(
            OFFICE,
            "in 08:00 in 13:00 out 17:00",
            "arrival on time, break end on time, departure on time",
            id="the start of the break was forgotten",
        ),
        pytest.param(
            OFFICE,
            "in 08:00 out 12:00 out 17:00",
            "arrival on time, break start on time, departure on time",
            id="the end of the break was forgotten",
        ),
        pytest.param(PLAIN, "- 07:58", "arrival on time", id="one punch in the morning"),
        pytest.param(PLAIN, "- 17:03", "departure on time", id="one punch in the evening"),
        pytest.param(
            PLAIN,
            "- 08:00:00 - 08:00:12 - 17:00",
            "arrival on time, extra -, departure on time",
            id="a scan twice",
        ),
        pytest.param(
            OFFICE,
            "in 08:00 - 12:00:00 - 12:00:12 - 12:30",
            "arrival on time, break start on time, extra -, break end early 30",
            id="a scan twice at the break",
        ),
        pytest.param(
            PLAIN,
            "in 08:00 in 08:03 out 17:00 out 17:02",
            "arrival on time, extra -, extra -, departure on time",
            id="twice the same way",
        ),
        pytest.param(
            PLAIN,
            "out 07:50 in 08:00 out 17:00 in 17:04",
            "extra -, arrival on time, departure on time, extra -",
            id="through the gate and back",
        ),
        pytest.param(
            PLAIN,
            "in 01:59 in 02:00 out 22:59 out 23:00",
            "extra no schedule, arrival early 360, departure late 359, extra no schedule",
            id="six hours around a shift",
        ),
        pytest.param(
            PLAIN,
            "in +++++08:00 out +++++17:00",
            "Sat extra no schedule, Sat extra no schedule",
            id="a day off",
        ),
        pytest.param(NIGHTS, "in 22:03 out +06:01", "arrival on time, departure on time", id="a night shift"),
        pytest.param(
            NIGHTS,
            "- 22:03 - +06:01 - +21:55 - ++06:30",
            "arrival on time, departure on time, Tue arrival on time, Tue departure late 30",
            id="two night shifts, without directions",
        ),
        pytest.param(
            NIGHTS, "in +00:30 out +05:00", "arrival late 150, departure early 60", id="late past midnight"
        ),
        pytest.param(
            NIGHTS,
            "in 22:00 in +22:00 out ++06:00",
            "arrival on time, Tue arrival on time, Tue departure on time",
            id="a forgotten check-out blocks nothing",
        ),
        pytest.param(
            week("22:00-06:00", "01:30-02:00"),
            "- 22:00 - +01:30 - +02:00 - +06:00",
            "arrival on time, break start on time, break end on time, departure on time",
            id="a break past midnight",
        ),
        pytest.param(
            ROUND_THE_CLOCK,
            "- 05:55 - 14:05 - +13:55 - +22:02 - ++21:58 - +++06:03",
            "arrival on time, departure on time, Tue arrival on time, Tue departure on time, "
            "Wed arrival on time, Wed departure on time",
            id="shifts without a gap, without directions",
        ),
        pytest.param(
            ROUND_THE_CLOCK,
            "in 05:55 out 14:05 in 21:50 out +06:20",
            "arrival on time, departure on time, arrival on time, departure late 20",
            id="shifts without a gap",
        ),
        pytest.param(
            SPLIT,
            "- 08:02 - 12:04 - 13:50 - 18:01",
            "arrival on time, departure on time, arrival on time, departure on time",
            id="a split day",
        ),
        pytest.param(
            SPLIT,
            "in 08:00 out 13:01 in 13:02 out 18:00",
            "arrival on time, departure late 61, arrival early 58, departure on time",
            id="in the gap",
        ),
    ],
)
def test_each_punch_is_judged(schedules: list[Schedule], said: str, expected: str) -> None:
    assert ", ".join(told(assess(schedules, KINSHASA, punches(said)))) == expected
