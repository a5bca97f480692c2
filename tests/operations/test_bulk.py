"""One operation on many targets: each is done for itself, and the task tells what came of each."""

from __future__ import annotations

import pytest
import trio

from tests.operations.conftest import Desk
from tests.store.factories import add_terminal
from tm20tui.errors import Conflict, Forbidden, InvalidInput, NotFound
from tm20tui.operations import load_operations
from tm20tui.operations.background import get_task
from tm20tui.operations.bulk import run_many

load_operations()


async def test_what_is_refused_stops_none_of_the_others(desk: Desk) -> None:
    terminal = await desk.database.write(add_terminal, "A", site="Default", admission="pending")
    calls = [{"terminal_id": 99}, {"terminal_id": terminal}, {"other": 1}]
    record = await run_many(desk.call("operator"), "terminals.approve", calls)
    with trio.fail_after(30):
        while (record := await get_task(desk.call(), record.id)).status == "running":
            await trio.sleep(0.01)
    assert isinstance(record.result, dict)
    assert [one["outcome"] for one in record.result["results"]] == ["refused", "done", "refused"]
    assert (record.done, record.total) == (3, 3)
    assert ("terminals.approve", "done") in await desk.audited()


async def test_only_what_the_operator_may_do_is_done_to_many(desk: Desk) -> None:
    for name, role, error in (
        ("terminals.nothing", "admin", NotFound),
        ("terminals.list", "admin", Conflict),
        ("bulk.run", "admin", Conflict),
        ("services.delete", "operator", Forbidden),
    ):
        with pytest.raises(error):
            await run_many(desk.call(role), name, [{}])
    with pytest.raises(InvalidInput, match="calls must be"):
        await run_many(desk.call(), "terminals.approve", [])
