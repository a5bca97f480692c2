"""A sync by hand: chosen services, one report each, errors of one do not hide the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from tests.store.factories import NOON, add_terminal
from tm20tui.delivery.status import SyncReport
from tm20tui.errors import Conflict, NotFound, Unavailable
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.operations.call import SERVER, Call
from tm20tui.operations.sync import manual_sync
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.vault import Vault
from tm20tui.tasks import TaskRecord, Tasks


class FakeDispatcher:
    """Answers by service id: a report, or an error to raise; the first call may find no courier."""

    def __init__(self) -> None:
        self.answers: dict[int, SyncReport | Exception] = {}
        self.unavailable = 0
        self.asked: list[tuple[int, int | None]] = []

    async def sync_now(self, service_id: int, terminal_id: int | None = None) -> SyncReport:
        self.asked.append((service_id, terminal_id))
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("delivery is not running")
        answer = self.answers.get(service_id, SyncReport(sent=1, failed=0, left=0, reason=""))
        if isinstance(answer, Exception):
            raise answer
        return answer


async def finished(gateway: Gateway, task: TaskRecord) -> TaskRecord:
    await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(30):
        while (task := gateway.tasks.get(task.id)).status == "running":
            await trio.sleep(0.01)
    return task


def gateway_for(database: Database, nursery: trio.Nursery) -> tuple[Gateway, FakeDispatcher]:
    dispatcher = FakeDispatcher()
    parts = SimpleNamespace(database=database, dispatcher=dispatcher, tasks=Tasks(nursery), events=EventBus())
    return cast(Gateway, parts), dispatcher


async def add(database: Database, vault: Vault, name: str, **values: Any) -> int:
    draft = ServiceDraft(name=name, base_url="https://hr.example", **values)
    return (await database.write(add_service, vault, draft, NOON)).id


async def test_all_active_services_are_asked_and_each_reports(
    sqlite_database: Database, vault: Vault, nursery: trio.Nursery
) -> None:
    gateway, dispatcher = gateway_for(sqlite_database, nursery)
    one = await add(sqlite_database, vault, "one")
    two = await add(sqlite_database, vault, "two")
    await add(sqlite_database, vault, "idle", is_active=False)
    dispatcher.answers[two] = Conflict("just deactivated")
    task = await finished(gateway, await manual_sync(Call(gateway, SERVER)))
    assert task.status == "done"
    assert task.result == {
        "configs": [
            {"config_id": one, "name": "one", "sent": 1, "failed": 0, "left": 0, "reason": ""},
            {"config_id": two, "name": "two", "error": "just deactivated"},
        ]
    }


async def test_one_service_and_one_terminal(
    sqlite_database: Database, vault: Vault, nursery: trio.Nursery
) -> None:
    gateway, dispatcher = gateway_for(sqlite_database, nursery)
    service = await add(sqlite_database, vault, "one")
    terminal = await sqlite_database.write(add_terminal, "A")
    dispatcher.unavailable = 1
    task = await manual_sync(Call(gateway, SERVER), config_id=service, terminal_id=terminal)
    assert (await finished(gateway, task)).status == "done"
    assert dispatcher.asked == [(service, terminal)] * 2
    dispatcher.answers[service] = Conflict("just deactivated")
    task = await finished(gateway, await manual_sync(Call(gateway, SERVER), config_id=service))
    assert (task.status, task.error) == ("failed", "just deactivated")


async def test_what_cannot_be_synchronised_is_refused_before_a_task_starts(
    sqlite_database: Database, vault: Vault, nursery: trio.Nursery
) -> None:
    gateway, _ = gateway_for(sqlite_database, nursery)
    with pytest.raises(Conflict, match="no active"):
        await manual_sync(Call(gateway, SERVER))
    idle = await add(sqlite_database, vault, "idle", is_active=False)
    with pytest.raises(Conflict, match="'idle' is not active"):
        await manual_sync(Call(gateway, SERVER), config_id=idle)
    with pytest.raises(NotFound) as unknown:
        await manual_sync(Call(gateway, SERVER), config_id=idle + 1)
    assert unknown.value.field == "config_id"
    with pytest.raises(NotFound):
        await manual_sync(Call(gateway, SERVER), terminal_id=5)
    assert gateway.tasks.list() == ()
