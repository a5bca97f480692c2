"""What is compared and planned, as a table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tm20tui.backfill import policy
from tm20tui.backfill.policy import Plan, Told
from tm20tui.protocol import DevInfo
from tm20tui.store.reconciliations import Held, Reconciliation

NOW = datetime(2026, 6, 10, 9, 0, tzinfo=UTC)
TODAY = date(2026, 6, 10)
AGREED = Reconciliation(1, counted=100, punch_id=90, event_id=10, agreed_at=NOW - timedelta(days=3))


def told(counted: int | None = 140, new: int | None = None, raw: str = "2026-06-10 09:00:00") -> Told:
    return Told(counted, new, raw, NOW, NOW)


def held(before: int, later: int = 0) -> Held:
    return Held(before, 0, later, 500, 50)


@pytest.mark.parametrize(
    ("known", "counted", "before", "missing", "agrees"),
    [
        (AGREED, 140, 40, 0, True),
        (AGREED, 140, 0, 40, False),
        (AGREED, 140, 41, -1, True),
        (AGREED, 100, 0, 0, True),
        (AGREED, None, 5, None, False),
        (Reconciliation(1), 140, 100, 40, False),
        (Reconciliation(1), 0, 0, 0, True),
    ],
)
def test_either_side_grew_by_as_much_or_records_are_missing(
    known: Reconciliation, counted: int | None, before: int, missing: int | None, agrees: bool
) -> None:
    found = policy.compare(known, held(before), told(counted))
    assert (found.missing, found.agrees) == (missing, agrees)


def test_a_terminal_that_counts_less_was_erased_and_must_be_listed() -> None:
    found = policy.compare(AGREED, held(60), told(20))
    assert (found.restarted, found.agrees) == (True, False)
    assert policy.is_due(AGREED, found, NOW)


@pytest.mark.parametrize(
    ("devinfo", "counted"),
    [
        ({"usedlog": 7, "logsize": 100}, 7),
        ({"usedlog": 100, "logsize": 100}, None),
        ({"usedlog": 7}, 7),
        ({"usedlog": -1}, None),
        ({}, None),
    ],
)
def test_a_full_memory_counts_no_more(devinfo: dict[str, int], counted: int | None) -> None:
    assert policy.read_told(DevInfo(capacities=devinfo), "UTC", NOW).counted == counted


@pytest.mark.parametrize(
    ("time", "until"),
    [
        ("2026-06-10 09:00:00", NOW),
        ("2026-06-10 08:59:59", NOW),
        ("2026-06-10 08:50:00", NOW - timedelta(minutes=9, seconds=59)),
        ("2026-06-10 09:50:00", NOW),
        ("2000-01-01 00:00:00", NOW),
        (None, NOW),
    ],
)
def test_a_slow_clock_makes_less_certain(time: str | None, until: datetime) -> None:
    assert policy.read_told(DevInfo(time=time), "UTC", NOW).until == until


@pytest.mark.parametrize(
    ("since", "failed", "due"),
    [(None, False, True), (10, False, True), (10, True, False), (3601, True, True)],
)
def test_what_failed_is_tried_again_after_an_hour(since: int | None, failed: bool, due: bool) -> None:
    finished = None if since is None else NOW - timedelta(seconds=since)
    known = Reconciliation(1, counted=100, agreed_at=NOW, finished_at=finished, is_failed=failed)
    assert policy.is_due(known, policy.compare(known, held(0), told()), NOW) == due


def planned(known: Reconciliation, before: int, said: Told, **options: object) -> Plan:
    found = policy.compare(known, held(before), said)
    return policy.plan(
        known,
        found,
        said,
        today=TODAY,
        checked=options.get("checked", ()),  # type: ignore[arg-type]
        most_days=31,
        without=options.get("without", ()),  # type: ignore[arg-type]
    )


def test_new_records_are_asked_for_first_where_they_are_few() -> None:
    assert planned(AGREED, 0, told(new=40)).phase == "new"
    assert planned(AGREED, 0, told()).phase == "new"
    # Firmware that counts as new whatever was never read so, pushed or not.
    assert planned(AGREED, 0, told(new=100_000)).phase == "days"
    assert planned(AGREED, 0, told(new=0)).phase == "days"
    assert planned(AGREED, 0, told(new=40), without={"getnewlog"}).phase == "days"


def test_the_years_of_a_terminal_that_is_new_here_are_not_taken_over_unasked() -> None:
    assert planned(Reconciliation(1), 0, told(200_000, 200_000)) == Plan(
        "days", TODAY - timedelta(days=31), TODAY
    )


def test_days_begin_at_the_last_agreement_and_leave_out_what_was_listed() -> None:
    begin = TODAY - timedelta(days=4)
    assert planned(AGREED, 0, told(new=0)) == Plan("days", begin, TODAY)
    listed = {begin, begin + timedelta(days=1)}
    assert planned(AGREED, 0, told(new=0), checked=listed).day == begin + timedelta(days=2)


@pytest.mark.parametrize(
    ("phase", "before", "counted", "ignores_days", "following"),
    [
        ("new", 40, 140, False, ""),
        ("new", 0, 140, False, "days"),
        ("days", 40, 140, False, ""),
        ("days", 0, 140, False, "all"),
        ("days", 0, 900_000, False, ""),
        ("days", 0, 140, True, "all"),
        ("all", 0, 140, False, ""),
    ],
)
def test_what_comes_after_a_phase(
    phase: policy.Phase, before: int, counted: int, ignores_days: bool, following: str
) -> None:
    found = policy.compare(AGREED, held(before), told(counted))
    after = policy.after(phase, AGREED, found, counted=counted, ignores_days=ignores_days)
    assert after == following
