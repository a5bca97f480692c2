"""Background work: an id at once, a true outcome later."""

from __future__ import annotations

import pytest
import trio

from tm20tui.errors import Conflict, NotFound
from tm20tui.tasks import Tasks


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
