"""On time, late or early, on the right working day, whatever the night and the order of arrival."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedule.factories import (
    KINSHASA,
    MONDAY,
    NIGHTS,
    OFFICE,
    PARIS,
    ROUND_THE_CLOCK,
    SPLIT,
    punches,
    schedule,
    week,
)
from tm20tui.schedule.lateness import Assessment, DaySummary, assess
from tm20tui.schedule.matching import Direction, Punch
from tm20tui.store.schedules import Schedule


def only_day(found: Assessment) -> DaySummary:
    (day,) = found.days
    return day


def test_a_night_shift_is_one_working_day_with_its_hours() -> None:
    found = assess(NIGHTS, KINSHASA, punches("in 22:03 out +06:01"))
    day = only_day(found)
    assert (day.day, day.schedule_id, day.missing, day.breaks) == (MONDAY, 1, (), ())
    assert day.arrived_at == datetime(2026, 6, 1, 21, 3, tzinfo=UTC)
    assert day.left_at == datetime(2026, 6, 2, 5, 1, tzinfo=UTC)
    assert day.worked_seconds == 7 * 3600 + 58 * 60
    assert day.closes_at == datetime(2026, 6, 2, 11, 0, tzinfo=UTC)


SPRING, AUTUMN = date(2026, 3, 28), date(2026, 10, 24)
HOUR = 3600


@pytest.mark.parametrize(
    ("zone", "eve", "hours", "said", "verdicts", "worked"),
    [
        (PARIS, SPRING, "22:00-06:00", "in 22:03 out +06:01", ["on time", "on time"], 6 * HOUR + 58 * 60),
        (PARIS, AUTUMN, "22:00-06:00", "in 22:03 out +06:01", ["on time", "on time"], 8 * HOUR + 58 * 60),
        (KINSHASA, SPRING, "22:00-06:00", "in 22:03 out +06:01", ["on time"] * 2, 7 * HOUR + 58 * 60),
        (KINSHASA, AUTUMN, "22:00-06:00", "in 22:03 out +06:01", ["on time"] * 2, 7 * HOUR + 58 * 60),
        (PARIS, SPRING, "22:00-06:00", "- 22:03 - +06:01", ["on time", "on time"], 6 * HOUR + 58 * 60),
        (PARIS, AUTUMN, "22:00-06:00", "- 22:03 - +06:01", ["on time", "on time"], 8 * HOUR + 58 * 60),
        # 02:30 is skipped: read with the offset before the change, it is 03:30.
        (PARIS, SPRING, "22:00-02:30", "in 22:00 out +03:30", ["on time", "on time"], 4 * HOUR + 1800),
        (PARIS, SPRING, "22:00-02:30", "in 22:00 out +01:59", ["on time", "early"], 3 * HOUR + 59 * 60),
        (PARIS, SPRING, "22:00-02:30", "in 22:00 out +02:30", ["on time", "on time"], 4 * HOUR + 1800),
        # 02:30 comes twice: the first is meant.
        (PARIS, AUTUMN, "22:00-02:30", "in 22:00 out +02:30", ["on time", "on time"], 4 * HOUR + 1800),
        (PARIS, AUTUMN, "22:00-02:30", "in 22:00 out +02:30*", ["on time", "late"], 5 * HOUR + 1800),
        (PARIS, AUTUMN, "22:00-06:00", "in +02:30 out +02:30*", ["late", "early"], HOUR),
    ],
)
def test_a_night_with_a_clock_change_is_judged_by_the_wall_and_paid_by_the_hour(
    zone: ZoneInfo, eve: date, hours: str, said: str, verdicts: list[str], worked: int
) -> None:
    found = assess(week(hours), zone, punches(said, zone=zone, day=eve))
    assert [item.verdict for item in found.punches] == verdicts
    assert {item.day for item in found.punches} == {eve}
    assert only_day(found).worked_seconds == worked


def test_a_shift_that_a_clock_change_would_turn_round_keeps_its_order() -> None:
    sunday = schedule("02:30-03:10", "02:40-02:50", weekday=6)
    found = assess([sunday], PARIS, punches("in 03:30 out 04:00", zone=PARIS, day=date(2026, 3, 29)))
    assert [(item.role, item.verdict, item.minutes) for item in found.punches] == [
        ("arrival", "on time", 0),
        ("departure", "late", 30),
    ]


@pytest.mark.parametrize(
    ("said", "worked", "breaks", "missing"),
    [
        ("in 08:00 out 12:00 in 13:00 out 17:00", 8, 1, ()),
        ("in 08:00 out 17:00", 9, 0, ()),
        ("in 08:00 out 10:00 in 11:00 out 12:00 in 13:00 out 17:00", 7, 2, ()),
        ("in 08:00", 0, 0, ("departure",)),
        ("out 17:00", 0, 0, ("arrival",)),
        ("in 08:00 out 12:00", 4, 0, ("break end", "departure")),
        ("in 08:00 out 12:00 in 13:00", 4, 1, ("departure",)),
        ("out 12:00 in 13:00 out 17:00", 4, 1, ("arrival",)),
        ("in 08:00 in 13:00 out 17:00", 9, 0, ("break start",)),
        ("in 08:00 out 12:00 out 17:00", 9, 0, ("break end",)),
    ],
)
def test_a_day_is_summed_up(said: str, worked: int, breaks: int, missing: tuple[str, ...]) -> None:
    day = only_day(assess(OFFICE, KINSHASA, punches(said)))
    assert (day.worked_seconds, len(day.breaks), day.missing) == (worked * HOUR, breaks, missing)
    assert (day.arrived_at is None, day.left_at is None) == ("arrival" in missing, "departure" in missing)


def test_days_that_are_asked_for_are_summed_up_without_a_punch() -> None:
    days = [MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=5)]
    found = assess(OFFICE, KINSHASA, punches("in 08:00 out 17:00"), days=days)
    assert [(day.day, day.missing) for day in found.days] == [
        (MONDAY, ()),
        (days[1], ("arrival", "departure")),
    ]


def test_only_schedules_in_effect_count() -> None:
    june = schedule(effective_from=date(2026, 6, 1), effective_until=date(2026, 6, 7))
    said = punches("in 08:00 out 17:00")
    assert [item.verdict for item in assess([june], KINSHASA, said).punches] == ["on time", "on time"]
    for changes in (
        {"is_active": False},
        {"effective_from": date(2026, 6, 2)},
        {"effective_until": date(2026, 5, 31)},
    ):
        found = assess([replace(june, **changes)], KINSHASA, said)  # type: ignore[arg-type]
        assert [item.verdict for item in found.punches] == ["no schedule", "no schedule"]
        assert found.days == ()


def test_a_night_shift_that_began_in_effect_ends_in_effect() -> None:
    last = schedule("22:00-06:00", effective_until=MONDAY)
    found = assess([last], KINSHASA, punches("in 22:00 out +06:00"))
    assert [(item.day, item.role) for item in found.punches] == [(MONDAY, "arrival"), (MONDAY, "departure")]


def test_without_a_schedule_the_working_day_is_cut_at_the_hour_that_is_set() -> None:
    found = assess([], KINSHASA, punches("in +03:00 out +05:00"), day_starts_at=time(4))
    assert [(item.day, item.verdict) for item in found.punches] == [
        (MONDAY, "no schedule"),
        (date(2026, 6, 2), "no schedule"),
    ]


def test_impossible_clocks_are_judged_too() -> None:
    dates = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ]
    found = assess(OFFICE, KINSHASA, [Punch(number, at) for number, at in enumerate(dates)])
    assert [item.verdict for item in found.punches] == ["no schedule"] * 3
    with pytest.raises(ValueError, match="aware"):
        Punch(1, datetime(2026, 6, 1))


def test_what_costs_time_is_coming_late_and_going_early() -> None:
    found = assess(OFFICE, KINSHASA, punches("in 08:30 out 11:00 in 12:10 out 18:00"))
    assert [(item.verdict, item.costs_time) for item in found.punches] == [
        ("late", True),
        ("early", True),
        ("early", False),
        ("late", False),
    ]


DIRECTIONS: list[Direction | None] = ["in", "out", None]
some_punches = st.lists(st.tuples(st.integers(0, 4 * 24 * 60), st.sampled_from(DIRECTIONS)), max_size=12).map(
    lambda items: [
        Punch(number, datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=minute), direction)
        for number, (minute, direction) in enumerate(items)
    ]
)


@given(
    some_punches, st.sampled_from([OFFICE, NIGHTS, SPLIT, ROUND_THE_CLOCK]), st.randoms(use_true_random=False)
)
def test_the_order_of_arrival_never_matters(
    said: list[Punch], schedules: list[Schedule], random: object
) -> None:
    shuffled, others = list(said), list(schedules)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    random.shuffle(others)  # type: ignore[attr-defined]
    found = assess(schedules, PARIS, said)
    assert assess(others, PARIS, shuffled) == found
    assert sorted(item.punch_id for item in found.punches) == [
        punch.id for punch in sorted(said, key=lambda p: p.id)
    ]
    for day in found.days:
        mine = [item for item in found.punches if (item.day, item.schedule_id) == (day.day, day.schedule_id)]
        assert mine
        assert 0 <= day.worked_seconds <= (mine[-1].at - mine[0].at).total_seconds()
        roles = [item.role for item in mine if item.role != "extra"]
        expected = ("arrival", "break start", "break end", "departure")
        assert roles == [role for role in expected if role in roles]
