"""Schedules as access zones: split at midnight, numbered from 1, within the terminal's limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from tests.schedule.factories import MONDAY, OFFICE, schedule, week
from tm20tui.errors import InvalidInput
from tm20tui.protocol.access import LockSettings
from tm20tui.schedule.zones import NEVER, ZonePlan, compare_zones, plan_zones
from tm20tui.store.schedules import Schedule


def days_of(plan: ZonePlan, number: int = 1) -> list[str]:
    return [" ".join(plan.dayzone[day - 1]) for day in plan.weekzone[number - 1]]


@pytest.mark.parametrize(
    ("schedules", "options", "expected"),
    [
        (OFFICE, {}, ["08:00~17:00"] * 5 + [NEVER] * 2),
        (OFFICE, {"split_breaks": True}, ["08:00~12:00 13:00~17:00"] * 5 + [NEVER] * 2),
        (OFFICE, {"margin_minutes": 30}, ["07:30~17:30"] * 5 + [NEVER] * 2),
        (
            [schedule("22:00-06:00", weekday=6)],
            {},
            ["00:00~06:00"] + [NEVER] * 5 + ["22:00~23:59"],
        ),
        (week("22:00-06:00"), {}, ["00:00~06:00 22:00~23:59"] * 7),
        (week("14:00-00:00", days=1), {}, ["14:00~23:59"] + [NEVER] * 6),
        (
            week("14:00-00:00", days=1),
            {"margin_minutes": 10},
            ["13:50~23:59", "00:00~00:10"] + [NEVER] * 5,
        ),
        (
            week("00:05-08:00", days=1),
            {"margin_minutes": 10},
            ["00:00~08:10"] + [NEVER] * 5 + ["23:55~23:59"],
        ),
        (
            [*week("06:00-14:00"), *week("14:00-22:00", first_id=11), *week("22:00-06:00", first_id=21)],
            {},
            ["00:00~23:59"] * 7,
        ),
        (
            [schedule("22:00-06:00", "23:30-00:30")],
            {"split_breaks": True},
            ["22:00~23:30", "00:30~06:00"] + [NEVER] * 5,
        ),
        (
            [schedule(check_in_time=time(8, 0, 30), check_out_time=time(17, 0, 30))],
            {},
            ["08:00~17:01"] + [NEVER] * 6,
        ),
        (
            [*OFFICE, schedule("10:00-11:00", weekday=6, is_active=False)],
            {},
            ["08:00~17:00"] * 5 + [NEVER] * 2,
        ),
        (
            [*OFFICE, schedule("10:00-11:00", weekday=6, effective_from=date(2026, 7, 1))],
            {},
            ["08:00~17:00"] * 5 + [NEVER] * 2,
        ),
    ],
)
def test_a_week_becomes_day_zones(
    schedules: list[Schedule], options: dict[str, Any], expected: list[str]
) -> None:
    assert days_of(plan_zones([schedules], on=MONDAY, **options)) == expected


def test_days_alike_share_a_day_zone_across_weeks_and_the_command_is_the_documented_one() -> None:
    plan = plan_zones([OFFICE, week("08:00-17:00", days=6)], on=MONDAY)
    assert plan == ZonePlan((("08:00~17:00",), (NEVER,)), ((1, 1, 1, 1, 1, 2, 2), (1, 1, 1, 1, 1, 1, 2)))
    row: Any = plan.command().as_row()
    assert set(row) == {"dayzone", "weekzone"}
    assert row["dayzone"][0] == {"day": [{"section": "08:00~17:00"}] + [{"section": NEVER}] * 4}
    assert row["weekzone"][1] == {"week": [{"day": number} for number in (1, 1, 1, 1, 1, 1, 2)]}


def hourly(count: int, weekday: int = 0) -> list[Schedule]:
    return [schedule(f"{hour:02}:00-{hour:02}:30", weekday=weekday, ident=hour + 1) for hour in range(count)]


@pytest.mark.parametrize(
    ("weeks", "sentence"),
    [
        ([hourly(6)], "Monday needs 6 sections, a day zone of a terminal holds 5"),
        ([OFFICE] * 9, "1 to 8 week zones, not 9"),
        ([], "1 to 8 week zones, not 0"),
        ([OFFICE, []], "week zone 2 has no active schedule on 2026-06-01: it would close every day"),
        (
            [
                [schedule(f"{day:02}:00-20:00", weekday=day) for day in range(7)],
                [schedule(f"{10 + day:02}:00-20:00", weekday=day) for day in range(2)],
            ],
            "need 10 different day zones, a terminal holds 8",
        ),
    ],
)
def test_what_a_terminal_cannot_hold_is_refused_with_the_limit(
    weeks: list[list[Schedule]], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        plan_zones(weeks, on=MONDAY)


@pytest.mark.parametrize(
    "weeks",
    [
        [[item for day in range(7) for item in hourly(1 + day % 5, day)]],
        [week(f"{7 + number:02}:00-20:00") for number in range(8)],
    ],
)
def test_a_terminal_can_be_filled_to_its_limits(weeks: list[list[Schedule]]) -> None:
    assert compare_zones(plan_zones(weeks, on=MONDAY), plan_zones(weeks, on=MONDAY).command()) == ()


def test_a_margin_has_bounds() -> None:
    with pytest.raises(InvalidInput, match="margin_minutes must be from 0 to 240"):
        plan_zones([OFFICE], on=MONDAY, margin_minutes=-1)


PLAN = plan_zones([OFFICE], on=MONDAY, split_breaks=True)


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({}, ()),
        ({"dayzone": (*PLAN.dayzone, ("01:00~02:00",))}, ()),
        ({"dayzone": (("13:00~17:00", NEVER, "08:00~12:00"), ())}, ()),
        (
            {"dayzone": (("08:00~12:00",), (NEVER,))},
            ("day zone 1: sent 08:00~12:00, 13:00~17:00, the terminal holds 08:00~12:00",),
        ),
        (
            {"dayzone": (PLAN.dayzone[0], ("09:00~10:00",))},
            ("day zone 2: sent never, the terminal holds 09:00~10:00",),
        ),
        ({"dayzone": PLAN.dayzone[:1]}, ("day zone 2: the terminal reports none",)),
        ({"weekzone": None}, ("week zone 1: the terminal reports none",)),
        (
            {"weekzone": ((2, 1, 1, 1, 1, 1, 2),)},
            (
                "week zone 1, Monday: sent day zone 1, the terminal holds 2",
                "week zone 1, Saturday: sent day zone 2, the terminal holds 1",
            ),
        ),
    ],
)
def test_what_was_read_back_is_compared_by_meaning(
    changes: dict[str, Any], differences: tuple[str, ...]
) -> None:
    sent = LockSettings(dayzone=PLAN.dayzone, weekzone=PLAN.weekzone)
    assert compare_zones(PLAN, replace(sent, **changes)) == differences
    assert compare_zones(PLAN, PLAN.command()) == ()
