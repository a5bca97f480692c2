"""When the users of which service are fetched: each at its own interval, none waiting for another.

An interval is a service's and not a mapping's, as `sync_interval_minutes` is: one answer of a
service lists the users of all its mappings, and each site that is mapped to it gets them from
there. With an interval per mapping the same list would be asked for once per terminal.

A service that is slow holds up itself alone; one that fails is tried again, sooner than its
interval when that is long.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import trio

from tm20tui.errors import StoreUnavailable, Tm20Error
from tm20tui.events import Signal
from tm20tui.model import Service, utc_now
from tm20tui.users.fetching import FetchReport

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 15.0
RETRY_MINUTES: Final = 15.0


@dataclass(frozen=True, slots=True)
class FetchStatus:
    """The fetches of one service. `interval_minutes` 0: only when asked; `error` empty: the last did well.

    `next_run_at` is None while it runs and when nothing is planned.
    """

    service_id: int
    name: str
    interval_minutes: float
    running: bool = False
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    result: str = ""
    error: str = ""
    next_run_at: datetime | None = None


def next_fetch(
    service: Service, interval_minutes: float, failed_at: datetime | None, now: datetime
) -> datetime | None:
    """When to fetch: an interval after the last success, or after a failure; None when only when asked.

    A service that was never fetched from is left an interval after it was made.
    """
    if not interval_minutes or not service.is_active or not service.users_endpoint:
        return None
    interval = timedelta(minutes=interval_minutes)
    due = (service.last_users_sync_at or service.created_at) + interval
    if failed_at is not None:
        due = max(due, failed_at + min(interval, timedelta(minutes=RETRY_MINUTES)))
    return max(due, now)


class FetchTimetable:
    """Fetches of every service in time. `run` it once."""

    def __init__(
        self,
        list_services: Callable[[], Awaitable[Sequence[Service]]],
        fetch: Callable[[int], Awaitable[FetchReport]],
        default_minutes: float,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._list_services = list_services
        self._fetch = fetch
        self._default_minutes = default_minutes
        self._now = now
        self._known: dict[int, FetchStatus] = {}
        self._failed_at: dict[int, datetime] = {}
        self._wanted: set[int] = set()
        self._ended: dict[int, trio.Event] = {}
        self._news = Signal()

    def status(self) -> tuple[FetchStatus, ...]:
        """Every active service that has an address of users, by id."""
        return tuple(self._known[ident] for ident in sorted(self._known))

    def fetch_now(self, service_id: int) -> trio.Event:
        """Do not wait for its time; what is returned is set when that fetch has ended."""
        self._wanted.add(service_id)
        self._news.set()
        return self._ended.setdefault(service_id, trio.Event())

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    self._look(await self._list_services(), nursery)
                except StoreUnavailable as error:
                    log.warning("it is not known whose users to fetch: %s", error)
                with trio.move_on_after(LOOK_SECONDS):
                    await self._news.wait()

    def _look(self, services: Sequence[Service], nursery: trio.Nursery) -> None:
        now = self._now()
        active = {one.id: one for one in services if one.is_active and one.users_endpoint}
        self._known = {
            ident: known for ident, known in self._known.items() if ident in active or known.running
        }
        for ident in self._ended.keys() - self._known.keys() - active.keys():
            self._wanted.discard(ident)
            self._ended.pop(ident).set()
        for ident, service in active.items():
            own = service.users_interval_minutes
            minutes = self._default_minutes if own is None else float(own)
            due = next_fetch(service, minutes, self._failed_at.get(ident), now)
            known = self._known.get(ident) or FetchStatus(ident, service.name, minutes)
            known = replace(known, name=service.name, interval_minutes=minutes)
            wanted = ident in self._wanted or (due is not None and due <= now)
            if known.running:
                self._known[ident] = known
            elif wanted:
                self._wanted.discard(ident)
                self._known[ident] = replace(known, running=True, last_started_at=now, next_run_at=None)
                nursery.start_soon(self._fetch_one, ident)
            else:
                self._known[ident] = replace(known, next_run_at=due)

    async def _fetch_one(self, service_id: int) -> None:
        result = error = ""
        try:
            result = _counted(await self._fetch(service_id))
            self._failed_at.pop(service_id, None)
        except Exception as caught:
            self._failed_at[service_id] = self._now()
            if isinstance(caught, Tm20Error):
                error = str(caught)
                log.warning("fetching users failed: %s", error)
            else:
                error = f"unexpected: {type(caught).__name__}, see the log"
                log.exception("fetching users crashed")
        finally:
            self._known[service_id] = replace(
                self._known[service_id],
                running=False,
                last_finished_at=self._now(),
                result=result,
                error=error,
            )
            if service_id in self._ended:
                self._ended.pop(service_id).set()
        self._news.set()


def _counted(report: FetchReport) -> str:
    added, changed = (sum(getattr(one, name) for one in report.sites) for name in ("added", "changed"))
    gone = sum(len(one.gone) for one in report.sites)
    return f"{added} added, {changed} changed, {gone} gone"
