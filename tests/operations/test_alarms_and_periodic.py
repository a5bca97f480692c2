"""Alarms and periodic tasks through their operations: who may, what is written down."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.ingest.frames import rows
from tests.test_gateway import running, settings_for
from tm20tui.errors import Conflict, Forbidden, NotFound
from tm20tui.model import utc_now
from tm20tui.operations.alarms import acknowledge_alarm, list_alarms
from tm20tui.operations.call import Call, Operator
from tm20tui.operations.periodic import cancel_task, list_periodic, run_now

ANN = Operator("ann", "operator", "socket")
EYE = Operator("eye", "viewer", "api")


async def test_an_alarm_is_acknowledged_by_an_operator(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        running(settings_for(sqlite_url, tmp_path)) as gateway,
        gateway.events.subscribe(["operation"]) as events,
    ):
        gateway.alarms.set("takeover:x", "somebody tried")
        (alarm,) = await list_alarms(Call(gateway, EYE))
        with pytest.raises(Forbidden):
            await acknowledge_alarm(Call(gateway, EYE), alarm.key)
        assert (await acknowledge_alarm(Call(gateway, ANN), alarm.key)).acknowledged_by == "ann"
        with pytest.raises(NotFound):
            await acknowledge_alarm(Call(gateway, ANN), "nonsense")
        gateway.alarms.clear(alarm.key)
        assert await list_alarms(Call(gateway, EYE)) == ()
        (cleared,) = await list_alarms(Call(gateway, EYE), cleared=True)
        assert (cleared.key, cleared.acknowledged_by) == ("takeover:x", "ann")
        told = [await anext(events) for _ in range(3)]
        assert [event.facts["outcome"] for event in told] == ["refused", "done", "refused"]
        assert {row["key"]: row["acknowledged_by"] for row in await rows(gateway.database, "alarms")} == {
            "takeover:x": "ann"
        }


async def test_periodic_tasks_are_listed_and_run_and_work_is_cancelled(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        names = {record.name for record in await list_periodic(Call(gateway, EYE))}
        assert {"alarms", "last seen", "retention", "retry sweep"} <= names
        with pytest.raises(Forbidden):
            await run_now(Call(gateway, EYE), "last seen")
        assert (await run_now(Call(gateway, ANN), "last seen")).name == "last seen"
        asked_at = utc_now()
        for name in ("alarms", "retry sweep"):
            while next(one for one in await list_periodic(Call(gateway, EYE)) if one.name == name).running:
                await trio.sleep(0.01)
            done = await run_now(Call(gateway, ANN), name, until_done=True)
            assert done.last_error == ""
            assert done.last_started_at is not None
            assert done.last_started_at >= asked_at
        task = gateway.tasks.start("long", gateway._stopping.wait)
        assert (await cancel_task(Call(gateway, ANN), task.id)).status == "running"
        while gateway.tasks.get(task.id).status == "running":
            await trio.sleep(0.01)
        with pytest.raises(Conflict):
            await cancel_task(Call(gateway, ANN), task.id)
