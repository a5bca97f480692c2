"""What an operator may say about a schedule, and the sentence for everything else."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedule.factories import schedule
from tm20tui.errors import InvalidInput
from tm20tui.schedule.rules import NAMES, check_overlaps, validate_schedule
from tm20tui.store.schedules import ScheduleDraft

DOCUMENT: dict[str, Any] = {
    "name": "Horaire Standard",
    "weekday": 0,
    "check_in_time": "08:00",
    "check_out_time": "17:00",
    "break_start_time": "12:00",
    "break_end_time": "13:00",
    "tolerance_minutes": 15,
}
NIGHT = {"check_in_time": "22:00", "check_out_time": "06:00"}


def test_the_customers_example_is_accepted() -> None:
    assert validate_schedule(DOCUMENT, existing=None, others=[]) == ScheduleDraft(
        "Horaire Standard", 0, time(8), time(17), time(12), time(13), 15
    )


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"color": "red"}, "color", "unknown field 'color': known are name, weekday"),
        ({"name": 5}, "name", "must be a text, not a number"),
        ({"name": "  "}, "name", "1 to 100 characters"),
        ({"name": "x" * 101}, "name", "1 to 100 characters"),
        ({"name": "a\x1b[2J"}, "name", "no control characters"),
        ({"weekday": 7}, "weekday", r"from 0 \(Monday\) to 6 \(Sunday\)$"),
        ({"weekday": True}, "weekday", "not true or false"),
        ({"weekday": "0"}, "weekday", "not a text"),
        ({"weekday": 1.0}, "weekday", "not a fraction"),
        ({"weekday": None}, "weekday", "not null"),
        ({"check_in_time": "8:00"}, "check_in_time", 'such as "08:00"'),
        ({"check_in_time": "24:00"}, "check_in_time", 'from "00:00" to "23:59"'),
        ({"check_in_time": None}, "check_in_time", 'such as "08:00"'),
        ({"check_out_time": "17:00:60"}, "check_out_time", 'such as "08:00"'),
        ({"check_out_time": "08:00"}, "check_out_time", "must differ from check_in_time"),
        ({"break_end_time": None}, "break_end_time", "required with break_start_time: give both, or null"),
        ({"break_start_time": None}, "break_start_time", "required with break_end_time"),
        ({"break_start_time": "13:00"}, "break_start_time", "must be before break_end_time"),
        ({"break_start_time": "13:30"}, "break_start_time", "must be before break_end_time"),
        ({"break_start_time": "08:00"}, "break_start_time", "inside Monday 08:00–17:00"),
        ({"break_end_time": "17:30"}, "break_end_time", "inside Monday 08:00–17:00"),
        (NIGHT, "break_start_time", r"inside Monday 22:00–06:00 \(\+1\)"),
        (NIGHT | {"break_start_time": "21:00", "break_end_time": "23:00"}, "break_start_time", "inside"),
        (NIGHT | {"break_start_time": "01:00", "break_end_time": "23:00"}, "break_start_time", "before"),
        ({"tolerance_minutes": 241}, "tolerance_minutes", "minutes from 0 to 240"),
        ({"tolerance_minutes": -1}, "tolerance_minutes", "minutes from 0 to 240"),
        ({"effective_from": "2026-02-30"}, "effective_from", 'a date such as "2026-01-31"'),
        ({"effective_from": "20260101"}, "effective_from", "or null"),
        ({"effective_until": "9999-12-31"}, "effective_until", "to 2199-12-31"),
        (
            {"effective_from": "2026-02-02", "effective_until": "2026-02-01"},
            "effective_until",
            "must not be before effective_from",
        ),
        (
            {"effective_from": "2026-06-02", "effective_until": "2026-06-07"},
            "effective_until",
            "leaves no Monday from 2026-06-02",
        ),
        ({"is_active": 1}, "is_active", "true or false, not a number"),
    ],
)
def test_a_wrong_field_is_refused_by_name(changes: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as caught:
        validate_schedule(DOCUMENT | changes, existing=None, others=[])
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize("name", ["name", "weekday", "check_in_time", "check_out_time"])
def test_what_a_schedule_cannot_be_without_is_required(name: str) -> None:
    fields = {key: value for key, value in DOCUMENT.items() if key != name}
    with pytest.raises(InvalidInput, match=f"^{name} is required$"):
        validate_schedule(fields, existing=None, others=[])


@pytest.mark.parametrize(
    "changes",
    [
        NIGHT | {"break_start_time": "01:00", "break_end_time": "01:30"},
        NIGHT | {"break_start_time": "23:45", "break_end_time": "00:15"},
        {"check_in_time": "08:00:30", "check_out_time": "17:00:00"},
        {"check_out_time": "00:00"},
        {"break_start_time": None, "break_end_time": None},
        {"effective_from": "2026-06-01", "effective_until": "2026-06-01"},
        {"effective_from": None, "effective_until": "2026-06-01"},
        {"tolerance_minutes": 0, "is_active": False},
    ],
)
def test_unusual_but_right_schedules_are_accepted(changes: dict[str, Any]) -> None:
    validate_schedule(DOCUMENT | changes, existing=None, others=[])


def test_a_change_keeps_what_it_does_not_name_and_is_checked_as_a_whole() -> None:
    existing = schedule("08:00-17:00", "12:00-13:00", effective_from=date(2026, 1, 1))
    draft = validate_schedule({"tolerance_minutes": 5}, existing=existing, others=[existing])
    assert draft == ScheduleDraft(
        "schedule 1", 0, time(8), time(17), time(12), time(13), 5, effective_from=date(2026, 1, 1)
    )
    with pytest.raises(InvalidInput, match="break_start_time must lie inside"):
        validate_schedule({"check_out_time": "11:00"}, existing=existing, others=[existing])


@pytest.mark.parametrize(
    ("hours", "weekday", "dates", "overlaps"),
    [
        ("09:00-12:00", 0, (None, None), True),
        ("17:00-20:00", 0, (None, None), False),
        ("16:59-20:00", 0, (None, None), True),
        ("08:00-17:00", 1, (None, None), False),
        ("22:00-06:00", 0, (None, None), False),
        ("22:00-06:00", 6, (None, None), False),
        ("22:00-08:01", 6, (None, None), True),
        ("22:00-08:00", 6, (None, None), False),
        ("17:00-16:59", 0, (None, None), False),
        ("18:00-09:00", 6, (None, "2026-05-24"), False),
        ("18:00-09:00", 6, (None, "2026-05-31"), True),
        ("09:00-10:00", 0, (None, "2026-05-31"), False),
        ("09:00-10:00", 0, (None, "2026-06-01"), True),
        ("09:00-10:00", 0, ("2026-06-30", None), False),
        ("09:00-10:00", 0, ("2026-06-29", None), True),
        ("09:00-10:00", 0, ("2026-06-02", "2026-06-08"), True),
    ],
)
def test_hours_may_not_overlap_on_a_day_that_both_have(
    hours: str, weekday: int, dates: tuple[str | None, str | None], overlaps: bool
) -> None:
    june = schedule(
        "08:00-17:00", effective_from=date(2026, 6, 1), effective_until=date(2026, 6, 29), ident=7
    )
    check_in, check_out = hours.split("-")
    fields = {"name": "new", "weekday": weekday, "check_in_time": check_in, "check_out_time": check_out}
    fields |= {"effective_from": dates[0], "effective_until": dates[1]}
    if not overlaps:
        validate_schedule(fields, existing=None, others=[june])
        return
    sentence = r"overlaps schedule 7 'schedule 7' \(Monday 08:00–17:00\): change"
    with pytest.raises(InvalidInput, match=sentence) as caught:
        validate_schedule(fields, existing=None, others=[june])
    assert caught.value.field == "check_in_time"
    validate_schedule(fields | {"is_active": False}, existing=None, others=[june])


def test_the_night_before_is_in_the_way_of_the_morning_whoever_comes_first() -> None:
    night = schedule("22:00-06:00", weekday=6, ident=2)
    with pytest.raises(InvalidInput, match=r"Sunday 22:00–06:00 \(\+1\)"):
        check_overlaps(schedule("05:00-09:00", weekday=0).draft(), [night])
    with pytest.raises(InvalidInput, match="overlaps"):
        check_overlaps(night.draft(), [schedule("05:00-09:00", weekday=0)])
    check_overlaps(schedule("05:00-09:00", weekday=0).draft(), [schedule("04:00-06:00", is_active=False)])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 25), st.integers(0, 61))
days = st.dates().map(str)


@given(
    st.dictionaries(
        st.sampled_from(NAMES) | st.text(max_size=8),
        json_values | clocks | days | st.integers(0, 6),
    ),
    st.sampled_from([None, schedule("22:00-06:00", "01:00-01:30", ident=3)]),
    st.booleans(),
)
def test_whatever_is_said_is_a_draft_or_a_refusal(fields: dict[str, Any], existing: Any, whole: bool) -> None:
    others = [schedule("08:00-12:00"), schedule("20:00-04:00", weekday=6, effective_until=date(2199, 12, 31))]
    try:
        draft = validate_schedule((DOCUMENT if whole else {}) | fields, existing=existing, others=others)
    except InvalidInput:
        return
    assert isinstance(draft, ScheduleDraft)


@pytest.mark.parametrize("fields", [None, [], "name", 3])
def test_what_is_no_object_is_refused(fields: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        validate_schedule(fields, existing=None, others=[])
