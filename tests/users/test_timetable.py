"""Users of each service in its own time: who is slow or fails delays nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.test_draft import STORED
from tm20tui.errors import Unavailable
from tm20tui.model import Service
from tm20tui.users.fetching import FetchReport
from tm20tui.users.timetable import FetchTimetable, next_fetch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVICE = replace(STORED, users_endpoint="/users", created_at=NOON)


@pytest.mark.parametrize(
    ("changes", "minutes", "failed", "expected"),
    [
        ({}, 60, None, 60),
        ({"last_users_sync_at": NOON + 10 * MINUTE}, 60, None, 70),
        ({"last_users_sync_at": NOON - 100 * MINUTE}, 60, None, 1),
        ({"last_users_sync_at": NOON - 100 * MINUTE}, 60, 0, 15),
        ({"last_users_sync_at": NOON - 100 * MINUTE}, 5, 0, 5),
        ({}, 0, None, None),
        ({"is_active": False}, 60, None, None),
        ({"users_endpoint": ""}, 60, None, None),
    ],
)
def test_when_the_next_fetch_is(
    changes: dict[str, object], minutes: float, failed: int | None, expected: int | None
) -> None:
    failed_at = None if failed is None else NOON + failed * MINUTE
    found = next_fetch(replace(SERVICE, **changes), minutes, failed_at, NOON + MINUTE)  # type: ignore[arg-type]
    assert found == (None if expected is None else NOON + expected * MINUTE)


class Office:
    """Services whose fetches take, and fail, as told; the clock is Trio's."""

    def __init__(self, *services: Service) -> None:
        self.services = {one.id: one for one in services}
        self.slow: set[int] = set()
        self.failing: set[int] = set()
        self.fetched: dict[int, list[float]] = {one.id: [] for one in services}
        self.timetable = FetchTimetable(self.list_services, self.fetch, 60, now=self.now)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=trio.current_time())

    async def list_services(self) -> Sequence[Service]:
        return list(self.services.values())

    async def fetch(self, service_id: int) -> FetchReport:
        self.fetched[service_id].append(trio.current_time() / 60)
        if service_id in self.slow:
            await trio.sleep_forever()
        if service_id in self.failing:
            raise Unavailable("the users cannot be had")
        self.services[service_id] = replace(self.services[service_id], last_users_sync_at=self.now())
        return FetchReport(service_id, "", 0, (), ())


async def test_a_slow_and_a_failing_service_delay_no_other(autojump_clock: MockClock) -> None:
    office = Office(
        replace(SERVICE, id=1, name="slow", users_interval_minutes=10),
        replace(SERVICE, id=2, name="failing", users_interval_minutes=60),
        replace(SERVICE, id=3, name="fast", users_interval_minutes=10),
        replace(SERVICE, id=4, name="usual", users_interval_minutes=None),
        replace(SERVICE, id=5, name="when asked", users_interval_minutes=0),
    )
    office.slow, office.failing = {1}, {2}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(office.timetable.run)
        await trio.sleep(125 * 60)
        slow, failing, fast, _, asked = office.timetable.status()
        nursery.cancel_scope.cancel()
    assert [round(at) for at in office.fetched[3]] == list(range(10, 121, 10))
    assert [round(at) for at in office.fetched[4]] == [60, 120]
    assert [round(at) for at in office.fetched[1]] == [10]
    assert [round(at) for at in office.fetched[2]] == [60, 75, 90, 105, 120]
    assert office.fetched[5] == []
    assert (slow.running, failing.error, fast.error) == (True, "the users cannot be had", "")
    assert (asked.next_run_at, fast.interval_minutes) == (None, 10)


async def test_a_fetch_that_is_asked_for_does_not_wait(autojump_clock: MockClock) -> None:
    office = Office(replace(SERVICE, users_interval_minutes=0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(office.timetable.run)
        await trio.sleep(1)
        office.timetable.fetch_now(1)
        await trio.sleep(0.1)
        assert office.fetched[1] == [1 / 60]
        nursery.cancel_scope.cancel()
