"""Background work: an id at once, a true outcome later."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tm20tui.errors import Conflict, NotFound
from tm20tui.events import EventBus
from tm20tui.tasks import Progress, Tasks


async def test_outcomes_are_found_by_id() -> None:
    async def succeed() -> dict[str, int]:
        return {"sent": 3}

    async def refuse() -> None:
        raise Conflict("the service is not active")

    async def crash() -> None:
        raise RuntimeError("secret token abc")

    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        started = [tasks.start(name, work) for name, work in (("a", succeed), ("b", refuse), ("c", crash))]
        assert [record.status for record in started] == ["running"] * 3
    good, refused, crashed = (tasks.get(record.id) for record in started)
    assert (good.status, good.result, good.error) == ("done", {"sent": 3}, "")
    assert (refused.status, refused.error) == ("failed", "the service is not active")
    assert crashed.status == "failed"
    assert "secret" not in crashed.error
    assert good.finished_at is not None
    with pytest.raises(NotFound, match="no task"):
        tasks.get("nonsense")


async def test_only_finished_tasks_are_forgotten() -> None:
    async def nothing() -> None:
        return None

    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        forever = tasks.start("forever", trio.sleep_forever)
        for _ in range(6):
            async with trio.open_nursery() as inner:
                tasks._nursery = inner
                for _ in range(100):
                    tasks.start("short", nothing)
        assert len(tasks.list()) <= 501
        assert tasks.get(forever.id).status == "running"
        nursery.cancel_scope.cancel()


async def test_progress_is_seen_while_it_runs_and_kept(autojump_clock: MockClock) -> None:
    progress = Progress(total=3)

    async def work() -> None:
        for _ in range(3):
            await trio.sleep(1)
            progress.advance()

    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        ident = tasks.start("work", work, progress=progress).id
        await trio.sleep(1.5)
        assert (tasks.get(ident).done, tasks.get(ident).total) == (1, 3)
    (record,) = tasks.list()
    assert (record.status, record.done, record.total) == ("done", 3, 3)


async def test_cancelled_work_says_so(autojump_clock: MockClock) -> None:
    bus = EventBus()
    async with trio.open_nursery() as nursery, bus.subscribe() as events:
        tasks = Tasks(nursery, bus)
        ident = tasks.start("forever", trio.sleep_forever).id
        await trio.sleep(1)
        assert tasks.cancel(ident).status == "running"
        finished = await anext(events)
        assert finished.facts == {"id": ident, "name": "forever", "status": "cancelled", "error": ""}
        assert tasks.get(ident).finished_at is not None
        with pytest.raises(Conflict, match="cancelled already"):
            tasks.cancel(ident)
        with pytest.raises(NotFound):
            tasks.cancel("nonsense")


async def test_work_that_the_end_of_the_server_stops_is_not_left_running() -> None:
    async with trio.open_nursery() as nursery:
        tasks = Tasks(nursery)
        ident = tasks.start("forever", trio.sleep_forever).id
        nursery.cancel_scope.cancel()
    assert tasks.get(ident).status == "cancelled"
