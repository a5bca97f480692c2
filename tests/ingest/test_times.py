"""Wall clocks in zones: clock changes, impossible times, and what is never guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm20tui.ingest.times import (
    IN_THE_FUTURE,
    SKIPPED_HOUR,
    TOO_OLD,
    UNREADABLE,
    Earlier,
    Reading,
    choose_fold,
    parse_wall_clock,
    read_time,
    repeated_hour,
)

PARIS = ZoneInfo("Europe/Paris")
KINSHASA = ZoneInfo("Africa/Kinshasa")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def read(text: str, zone: ZoneInfo = PARIS, now: datetime = NOW) -> Reading:
    return read_time(text, zone, now, earliest=date(2017, 1, 1), future=timedelta(hours=24))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-06-02 07:41:00", KINSHASA, "2026-06-02 06:41:00"),
        ("2026-06-02 08:00:00", PARIS, "2026-06-02 06:00:00"),
        ("2026-01-02 08:00:00", PARIS, "2026-01-02 07:00:00"),
        ("2026-1-2 8:00:00", PARIS, "2026-01-02 07:00:00"),
        ("2026/01/02 08:00:00", PARIS, "2026-01-02 07:00:00"),
        ("2026-01-02T08:00:00", PARIS, "2026-01-02 07:00:00"),
        ("2026-01-02 08:00", PARIS, "2026-01-02 07:00:00"),
    ],
)
def test_local_time_becomes_utc(text: str, zone: ZoneInfo, expected: str) -> None:
    assert read(text, zone) == Reading(utc(expected))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000-00-00 00:00:00",
        "2026-02-30 08:00:00",
        "yesterday",
        "2026-01-02",
        "2026-01-02 25:00:00",
        "9" * 64,
    ],
)
def test_what_is_no_time_is_kept_as_unreadable(text: str) -> None:
    assert read(text) == Reading(None, problem=UNREADABLE)


def test_a_clock_that_lost_its_battery_is_too_old() -> None:
    assert read("2000-01-01 00:00:12") == Reading(utc("1999-12-31 23:00:12"), problem=TOO_OLD)


def test_a_clock_a_year_ahead_is_in_the_future() -> None:
    assert read("2027-11-24 12:00:00").problem == IN_THE_FUTURE


def test_years_old_backlog_is_trusted() -> None:
    assert read("2019-03-04 08:00:00").problem is None


def test_the_hour_that_spring_skips_is_flagged_and_read_before_the_change() -> None:
    assert read("2026-03-29 02:30:00") == Reading(utc("2026-03-29 01:30:00"), problem=SKIPPED_HOUR)


def test_the_hour_that_autumn_repeats_names_two_instants() -> None:
    assert read("2026-10-25 02:30:00") == Reading(
        utc("2026-10-25 00:30:00"), later_utc=utc("2026-10-25 01:30:00")
    )


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


NIGHT = read("2026-10-25 02:30:00")
HALF_PAST_TWO = local("2026-10-25 02:30:00")


@pytest.mark.parametrize(
    ("earlier", "fold"),
    [
        (None, 0),
        (Earlier(local("2026-10-25 02:10:00"), 0), 0),
        (Earlier(local("2026-10-25 02:50:00"), 0), 1),
        (Earlier(local("2026-10-25 02:30:00"), 0, "other"), 1),
        (Earlier(local("2026-10-25 02:30:00"), 0, "same"), 0),
        (Earlier(local("2026-10-25 02:10:00"), 1), 1),
    ],
)
def test_order_of_arrival_tells_the_two_apart(earlier: Earlier | None, fold: int) -> None:
    assert choose_fold(HALF_PAST_TWO, NIGHT, NOW, alone=True, earlier=earlier, enrollid="same") == fold


def test_two_users_in_one_second_are_no_clock_change_when_the_batch_steps_back_later() -> None:
    earlier = Earlier(local("2026-10-25 02:30:00"), 0, "other")
    assert choose_fold(HALF_PAST_TWO, NIGHT, NOW, alone=False, earlier=earlier, steps_back_later=True) == 0


def test_the_repeated_hour_is_found_to_the_second() -> None:
    assert repeated_hour(NIGHT, PARIS) == (utc("2026-10-25 00:00:00"), utc("2026-10-25 02:00:00"))


@pytest.mark.parametrize(("received", "fold"), [("2026-10-25 00:30:04", 0), ("2026-10-25 01:30:04", 1)])
def test_a_live_punch_tells_by_when_it_arrives(received: str, fold: int) -> None:
    earlier = Earlier(local("2026-10-25 02:10:00"), 0)
    assert choose_fold(HALF_PAST_TWO, NIGHT, utc(received), alone=True, earlier=earlier) == fold


def test_a_backlog_is_not_live_even_when_it_arrives_then() -> None:
    earlier = Earlier(local("2026-10-25 02:10:00"), 0)
    received = utc("2026-10-25 01:30:04")
    assert choose_fold(HALF_PAST_TWO, NIGHT, received, alone=False, earlier=earlier) == 0


@given(st.text(max_size=64), st.sampled_from([PARIS, KINSHASA, ZoneInfo("Pacific/Kiritimati")]))
def test_no_text_makes_it_raise(text: str, zone: ZoneInfo) -> None:
    reading = read(text, zone)
    assert (reading.utc is None) == (reading.problem == UNREADABLE)


@given(st.datetimes(), st.sampled_from([PARIS, KINSHASA, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("UTC")]))
def test_every_printed_time_is_read_or_flagged(moment: datetime, zone: ZoneInfo) -> None:
    text = moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0")
    assert parse_wall_clock(text) == moment.replace(microsecond=0)
    reading = read(text, zone)
    assert reading.utc is None or reading.utc.tzinfo is UTC
