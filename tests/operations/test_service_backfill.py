"""Back-fill of a service: counted, owed in order of time, never twice, gone on with after an interruption."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import trio
from sqlalchemy import Connection, text

from tests.ingest.frames import rows
from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_punch, add_punches, add_terminal, statuses
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.gentle import GentleWriter
from tm20tui.operations import deliveries
from tm20tui.operations.service_backfill import Backfill, BackfillCounts, backfill_service
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.tasks import TaskRecord


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def add(desk: Desk, name: str, **values: Any) -> int:
    draft = ServiceDraft(name, f"https://{name}.example", **values)
    return (await desk.database.write(add_service, desk.vault, draft, NOON)).id


async def finished(desk: Desk, found: Backfill) -> TaskRecord:
    assert found.task is not None
    with trio.fail_after(30):
        while (task := desk.gateway.tasks.get(found.task.id)).status == "running":
            await trio.sleep(0.01)
    return task


async def run(desk: Desk, *statements: str) -> None:
    def work(conn: Connection) -> None:
        for statement in statements:
            conn.execute(text(statement))

    await desk.database.write(work)


async def fill(desk: Desk, count: int = 10) -> tuple[int, int]:
    """An old service that got all punches of two terminals, in turns, and a new one that got none."""
    one, two = [
        await desk.database.write(lambda conn, sn=sn: add_terminal(conn, sn, site="Default")) for sn in "AB"
    ]
    await add(desk, "old")

    def punch(conn: Connection) -> None:
        for number in range(count):
            add_punches(conn, two if number % 2 else one, 1, first=number)

    await desk.database.write(punch)
    await run(desk, "UPDATE deliveries SET status = 'sent'", "UPDATE punches SET sync_status = 'sent'")
    return one, two


async def test_a_period_is_counted_then_owed_in_order_of_time(desk: Desk) -> None:
    await fill(desk)
    # Received last, but the oldest.
    early = await desk.database.write(lambda conn: add_punch(conn, 1, -5, sync_status="pending"))
    new = await add(desk, "new", terminal_ids=())
    with pytest.raises(InvalidInput, match="from_at must be earlier"):
        await backfill_service(desk.call(), new, at(1), to_at=at(0))
    nothing = await backfill_service(desk.call(), new, at(0), dry_run=True)
    assert nothing.counts == BackfillCounts(0, 0, 0, 0)
    all_new = await add(desk, "all")
    counted = await backfill_service(desk.call("operator"), all_new, at(-60), to_at=at(6), dry_run=True)
    assert (counted.counts, counted.task) == (BackfillCounts(7, 0, 0, 0), None)
    assert await desk.database.read(statuses, all_new) == {}
    task = await finished(desk, await backfill_service(desk.call(), all_new, at(-60), to_at=at(6)))
    assert (task.status, task.result, task.done, task.total) == ("done", {"owed": 7}, 7, 7)
    owed = [
        row["punch_id"] for row in await rows(desk.database, "deliveries") if row["service_id"] == all_new
    ]
    assert owed == [early, 1, 2, 3, 4, 5, 6]
    assert {row["sync_status"] for row in await rows(desk.database, "punches") if row["id"] in owed} == {
        "pending"
    }
    assert desk.dispatcher.told[-1] == all_new
    lines = [row for row in await rows(desk.database, "audit") if row["operation"] == "services.backfill"]
    assert json.loads(lines[-1]["arguments"])["owed"] == 7


async def test_asked_again_it_owes_nothing_twice(desk: Desk) -> None:
    await fill(desk)
    new = await add(desk, "new")
    await finished(desk, await backfill_service(desk.call(), new, at(0)))
    again = await backfill_service(desk.call(), new, at(0))
    assert (again.counts, again.task) == (BackfillCounts(0, 10, 0, 0), None)
    assert await desk.database.read(statuses, new) == {"pending": 10}


async def test_interrupted_it_goes_on_where_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(desk, 30)
    new = await add(desk, "new")
    stepped = trio.Event()
    write = GentleWriter.write

    async def one_step(self: GentleWriter, *args: Any, **kwargs: Any) -> Any:
        if stepped.is_set():
            await trio.sleep_forever()
        found = await write(self, *args, **kwargs)
        stepped.set()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(GentleWriter, "write", one_step)
        patch.setattr("tm20tui.operations.service_backfill._FIRST_STEP", 12)
        found = await backfill_service(desk.call(), new, at(0))
        await stepped.wait()
        assert found.task is not None
        desk.gateway.tasks.cancel(found.task.id)
        assert (await finished(desk, found)).status == "cancelled"
    assert await desk.database.read(statuses, new) == {"pending": 12}
    found = await backfill_service(desk.call(), new, at(0))
    assert found.counts == BackfillCounts(18, 12, 0, 0)
    await finished(desk, found)
    assert await desk.database.read(statuses, new) == {"pending": 30}


async def test_only_the_terminals_of_the_service_and_the_one_that_is_named(desk: Desk) -> None:
    one, two = await fill(desk)
    new = await add(desk, "new", terminal_ids=(one,))
    assert (await backfill_service(desk.call(), new, at(0), dry_run=True)).counts.owed == 5
    with pytest.raises(Conflict, match="does not serve B"):
        await backfill_service(desk.call(), new, at(0), terminal_id=two)
    both = await add(desk, "both")
    found = await backfill_service(desk.call(), both, at(0), terminal_id=two, dry_run=True)
    assert found.counts.owed == 5
    with pytest.raises(NotFound):
        await backfill_service(desk.call(), both, at(0), terminal_id=99)
    with pytest.raises(NotFound):
        await backfill_service(desk.call(), 99, at(0))


async def test_what_the_same_address_got_through_another_config_is_left_out(desk: Desk) -> None:
    await fill(desk)
    draft = ServiceDraft("again", "https://old.example")
    again = (await desk.database.write(add_service, desk.vault, draft, NOON)).id
    found = await backfill_service(desk.call(), again, at(0))
    assert (found.counts, found.task) == (BackfillCounts(0, 0, 10, 0), None)


@pytest.mark.parametrize("words", ["{}", "discarded by ann: found ({})"])
@pytest.mark.parametrize("is_deleted", [False, True])
async def test_what_the_same_address_may_have_got_through_another_config_is_held(
    desk: Desk, words: str, is_deleted: bool
) -> None:
    await fill(desk, 4)
    reason = words.format("may have arrived before it was refused: answered 409")
    status = "held" if words == "{}" and not is_deleted else "failed"
    await run(desk, f"UPDATE deliveries SET status = '{status}', last_error = '{reason}' WHERE id = 2")
    if is_deleted:
        await run(desk, f"UPDATE services SET deleted_at = '{NOON:%Y-%m-%d %H:%M:%S}+00:00'")
    same = await add(desk, "old" if is_deleted else "again")
    elsewhere = await add(desk, "elsewhere")
    await run(desk, f"UPDATE services SET base_url = 'https://old.example' WHERE id = {same}")
    for service, found in ((same, {"held": 1}), (elsewhere, {"pending": 4})):
        await finished(desk, await backfill_service(desk.call("operator"), service, at(0), to_at=at(60)))
        assert await desk.database.read(statuses, service) == found


async def test_what_was_delivered_and_forgotten_is_left_out(desk: Desk) -> None:
    await fill(desk)
    await desk.database.write(
        lambda conn: conn.execute(text("DELETE FROM deliveries WHERE id <= 4")) and None
    )
    new = await add(desk, "new")
    found = await backfill_service(desk.call(), new, at(0))
    assert found.counts == BackfillCounts(6, 0, 0, 4)
    await finished(desk, found)
    assert await desk.database.read(statuses, new) == {"pending": 6}


async def test_times_that_are_not_trusted_are_held(desk: Desk) -> None:
    await fill(desk, 1)
    await desk.database.write(
        lambda conn: (
            add_punch(conn, 1, 5, time_problem="in the future", sync_status="sent")
            and add_punch(conn, 1, 6, time_problem="skipped hour", sync_status="pending")
        )
    )
    await desk.database.write(
        lambda conn: conn.execute(text("UPDATE punches SET sync_status = 'pending'")) and None
    )
    new = await add(desk, "new")
    await finished(desk, await backfill_service(desk.call(), new, at(1)))
    page = await deliveries.list_deliveries(desk.call(), service_id=new)
    assert [one.status for one in page.deliveries] == ["pending", "held"]
