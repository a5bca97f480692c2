"""The rounds of couriers, their sweep and the fetches of users, shown as the periodic tasks that they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tm20tui.delivery.status import CourierStatus
from tm20tui.model import utc_now
from tm20tui.periodic import PeriodicRecord, Run, RunOutcome
from tm20tui.users.timetable import FetchStatus, FetchTimetable

if TYPE_CHECKING:
    from tm20tui.gateway import Gateway

SWEEP = "retry sweep"


class CourierRounds:
    """A `PeriodicSource` over the dispatcher."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def periodic(self) -> tuple[PeriodicRecord, ...]:
        """One for each courier, and the sweep."""
        dispatcher = self._gateway.dispatcher
        sweep = dispatcher.sweep_status()
        return (
            *map(_courier_record, dispatcher.status()),
            PeriodicRecord(
                name=SWEEP,
                interval_seconds=sweep.interval_seconds,
                running=sweep.running,
                last_started_at=sweep.last_started_at,
                last_finished_at=sweep.last_finished_at,
                last_result=None if sweep.last_finished_at is None else {"retried": sweep.retried},
                last_error=sweep.error,
                next_run_at=sweep.next_run_at,
            ),
        )

    def run_now(self, name: str) -> Run | None:
        """A round of a courier is a sync by hand, in the background."""
        gateway = self._gateway
        if name == SWEEP:
            return self._sweep_now()
        for status in gateway.dispatcher.status():
            if _name(status) == name:
                sync = partial(gateway.dispatcher.sync_now, status.service_id)
                return gateway.tasks.end_of(gateway.tasks.start(name, sync).id)
        return None

    def _sweep_now(self) -> Run:
        dispatcher = self._gateway.dispatcher
        ended = dispatcher.sweep_now()

        async def outcome() -> RunOutcome:
            await ended.wait()
            done, now = dispatcher.sweep_status(), utc_now()
            return RunOutcome(
                done.last_started_at or now,
                done.last_finished_at or now,
                {"retried": done.retried},
                done.error,
            )

        return outcome


class FetchRounds:
    """A `PeriodicSource` over the fetches of users."""

    def __init__(self, timetable: FetchTimetable) -> None:
        self._timetable = timetable

    def periodic(self) -> tuple[PeriodicRecord, ...]:
        """One for each service that users are fetched from."""
        return tuple(map(_fetch_record, self._timetable.status()))

    def run_now(self, name: str) -> Run | None:
        """Fetch in the background."""
        for status in self._timetable.status():
            if _fetch_name(status) == name:
                return self._fetch_now(status.service_id)
        return None

    def _fetch_now(self, service_id: int) -> Run:
        ended = self._timetable.fetch_now(service_id)

        async def outcome() -> RunOutcome:
            await ended.wait()
            now = utc_now()
            done = next((one for one in self._timetable.status() if one.service_id == service_id), None)
            if done is None:
                return RunOutcome(now, now, None, "the service is not active any more")
            result = done.result or None
            return RunOutcome(done.last_started_at or now, done.last_finished_at or now, result, done.error)

        return outcome


def _fetch_record(status: FetchStatus) -> PeriodicRecord:
    return PeriodicRecord(
        name=_fetch_name(status),
        interval_seconds=status.interval_minutes * 60 or None,
        running=status.running,
        last_started_at=status.last_started_at,
        last_finished_at=status.last_finished_at,
        last_result=status.result or None,
        last_error=status.error,
        next_run_at=status.next_run_at,
    )


def _fetch_name(status: FetchStatus) -> str:
    return f"users from {status.name}"


def _courier_record(status: CourierStatus) -> PeriodicRecord:
    done = status.last_round_at is not None
    return PeriodicRecord(
        name=_name(status),
        interval_seconds=status.interval_seconds or None,
        running=status.in_flight_since is not None,
        last_started_at=status.in_flight_since or status.last_round_at,
        last_finished_at=status.last_round_at,
        last_result={"sent": status.sent, "failed": status.failed} if done else None,
        last_error=status.reason,
        next_run_at=status.next_round_at,
    )


def _name(status: CourierStatus) -> str:
    return f"deliveries to {status.name}"
