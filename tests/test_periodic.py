"""Periodic tasks: their timetable, run now, failures that are shown and survived."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tm20tui.errors import Conflict, NotFound, StoreUnavailable
from tm20tui.events import EventBus
from tm20tui.periodic import PeriodicRecord, Run
from tm20tui.tasks import Tasks


class Work:
    """Notes when it ran; takes `seconds`; fails as told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.ran_at: list[float] = []
        self.seconds = seconds
        self.failure: Exception | None = None

    async def __call__(self) -> str:
        self.ran_at.append(trio.current_time())
        await trio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return f"run {len(self.ran_at)}"


def named(tasks: Tasks, name: str) -> PeriodicRecord:
    return next(record for record in tasks.periodic() if record.name == name)


async def test_it_runs_at_its_interval_after_its_end(autojump_clock: MockClock) -> None:
    work, eager = Work(seconds=5), Work()
    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        start = trio.current_time()
        tasks.every("work", 60, work)
        tasks.every("eager", 3600, eager, first_after_seconds=0)
        await trio.sleep(1)
        assert eager.ran_at == [start]
        before = named(tasks, "work")
        assert (before.running, before.last_started_at, before.interval_seconds) == (False, None, 60)
        assert before.next_run_at is not None
        await trio.sleep(61)
        during = named(tasks, "work")
        assert (during.running, during.next_run_at) == (True, None)
        await trio.sleep(65)
        assert [at - start for at in work.ran_at] == [60, 125]
        after = named(tasks, "work")
        assert after.last_result == "run 1"
        assert [record.name for record in tasks.periodic()] == ["eager", "work"]
        nursery.cancel_scope.cancel()


async def test_a_run_that_is_waited_for_tells_its_own_outcome(autojump_clock: MockClock) -> None:
    work = Work(seconds=5)
    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        start = trio.current_time()
        tasks.every("work", 600, work)
        await trio.sleep(606)
        assert (await tasks.run_to_end("work")).last_result == "run 2"
        assert trio.current_time() - start == 611
        work.failure = StoreUnavailable("down")
        failed = await tasks.run_to_end("work")
        assert (failed.running, failed.last_result, failed.last_error) == (False, None, "down")
        nursery.cancel_scope.cancel()


async def test_run_now(autojump_clock: MockClock) -> None:
    work = Work(seconds=5)
    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        start = trio.current_time()
        tasks.every("work", 600, work)
        await trio.sleep(1)
        tasks.run_now("work")
        await trio.sleep(1)
        with pytest.raises(Conflict, match="is running"):
            tasks.run_now("work")
        with pytest.raises(NotFound, match="no periodic task"):
            tasks.run_now("nonsense")
        await trio.sleep(700)
        assert [at - start for at in work.ran_at] == [1, 606]
        nursery.cancel_scope.cancel()


async def test_a_failure_is_shown_announced_and_survived(autojump_clock: MockClock) -> None:
    work = Work()
    bus = EventBus()
    async with trio.open_nursery() as nursery, bus.subscribe(["task.finished"]) as events:
        tasks = Tasks(nursery, bus)
        tasks.every("work", 60, work)
        for failure, words in (
            (StoreUnavailable("the disk is full"), "the disk is full"),
            (RuntimeError("secret"), "unexpected: RuntimeError, see the log"),
        ):
            work.failure = failure
            await trio.sleep(61)
            assert named(tasks, "work").last_error == words
            assert (await anext(events)).facts == {
                "id": "",
                "name": "work",
                "status": "failed",
                "error": words,
            }
        work.failure = None
        await trio.sleep(61)
        record = named(tasks, "work")
        assert (record.last_error, record.last_result) == ("", "run 3")
        nursery.cancel_scope.cancel()


class Elsewhere:
    """Somebody else's periodic work."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def periodic(self) -> tuple[PeriodicRecord, ...]:
        return (PeriodicRecord("a courier", None, False, None, None, None, "", None),)

    def run_now(self, name: str) -> Run | None:
        self.asked.append(name)
        return None


async def test_periodic_work_of_others_is_shown_and_run_too(autojump_clock: MockClock) -> None:
    elsewhere = Elsewhere()
    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        tasks.also_show(elsewhere)
        assert [record.name for record in tasks.periodic()] == ["a courier"]
        assert tasks.run_now("a courier").next_run_at is not None
        assert elsewhere.asked == ["a courier"]
