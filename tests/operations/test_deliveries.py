"""Dead letters: listed, counted, tried again or discarded by id and by filter, in chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import trio
from sqlalchemy import Connection, text, update

from tests.ingest.frames import rows
from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_punches, add_terminal, statuses
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.gentle import GentleWriter
from tm20tui.operations import dead_letter_changes
from tm20tui.operations import deliveries as operations
from tm20tui.store.deliveries import sweep_failed
from tm20tui.store.schema import deliveries
from tm20tui.store.services import ServiceDraft, add_service, delete_service

LATER = NOON + timedelta(days=400)


def mark(conn: Connection, ids: Sequence[int], status: str, reason: str = "", **values: Any) -> None:
    query = update(deliveries).where(deliveries.c.id.in_(ids))
    conn.execute(query.values(status=status, last_error=reason, **values))
    words = {"failed": "failed", "sent": "sent"}
    conn.execute(
        text(
            "UPDATE punches SET sync_status = :status WHERE id IN "
            f"(SELECT punch_id FROM deliveries WHERE id IN ({', '.join(map(str, ids))}))"
        ),
        {"status": words.get(status, "pending")},
    )


async def fill(desk: Desk, count: int = 6) -> int:
    """A service that is owed the punches of two terminals, in turns; deliveries 1 to `count`."""

    def work(conn: Connection) -> int:
        one, two = (add_terminal(conn, sn, site="Default") for sn in "AB")
        service = add_service(conn, desk.vault, ServiceDraft("hr", "https://hr.example"), NOON).id
        for number in range(count):
            add_punches(conn, two if number % 2 else one, 1, first=number)
        return service

    return await desk.database.write(work)


async def ids(desk: Desk, **filters: Any) -> list[int]:
    page = await operations.list_deliveries(desk.call("viewer"), **filters)
    return [one.id for one in page.deliveries]


async def test_lists_know_sub_states_filters_and_pages(desk: Desk) -> None:
    service = await fill(desk, 8)

    def settle(conn: Connection) -> None:
        mark(conn, [1], "sent")
        mark(conn, [2], "duplicate")
        mark(conn, [3], "failed", "answered 422: Unknown EMPLOYEE 100%", next_attempt_at=LATER)
        mark(conn, [4], "failed", "answered 422: unknown employee")
        mark(conn, [5], "held")
        conn.execute(
            text(
                "INSERT INTO batches (service_id, key, body, record_count, node, leased_until, created_at) "
                "VALUES (:s, 'k', :b, 1, 'n', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            ),
            {"s": service, "b": b""},
        )
        mark(conn, [6], "in flight", batch_id=1)

    await desk.database.write(settle)
    expected = {
        None: [8, 7, 6, 5, 4, 3, 2, 1],
        "pending": [8, 7],
        "in flight": [6],
        "in_flight": [6],
        "held": [5],
        "owed": [8, 7, 6, 5],
        "failed": [4, 3],
        "dead": [4],
        "duplicate": [2],
        "sent": [1],
    }
    for status, wanted in expected.items():
        assert await ids(desk, status=status) == wanted
        assert await ids(desk, status=status, service_id=service) == wanted
    assert await ids(desk, reason="employee") == [4, 3]
    assert await ids(desk, status="failed", reason="100%") == [3]
    assert await ids(desk, terminal_id=2, status="owed") == [8, 6]
    assert await ids(desk, from_at=NOON + timedelta(seconds=2), to_at=NOON + timedelta(seconds=4)) == [4, 3]
    for status in (None, "owed", "pending"):
        seen: list[int] = []
        before: int | None = None
        while True:
            page = await operations.list_deliveries(desk.call(), status=status, before_id=before, limit=1)
            seen += [one.id for one in page.deliveries]
            before = page.next_before_id
            if before is None:
                break
        assert seen == expected[status]
    found = await operations.get_delivery(desk.call("viewer"), 4)
    assert (found.service_name, found.terminal_sn, found.punch_id) == ("hr", "B", 4)
    assert (found.status, found.reason) == ("failed", "answered 422: unknown employee")
    with pytest.raises(NotFound):
        await operations.get_delivery(desk.call(), 99)
    for wrong in ({"service_id": 9}, {"terminal_id": 9}):
        with pytest.raises(NotFound):
            await ids(desk, **wrong)
    with pytest.raises(InvalidInput, match="status"):
        await ids(desk, status="lost")


async def test_a_failed_delivery_is_tried_again_at_once(desk: Desk) -> None:
    service = await fill(desk)
    await desk.database.write(mark, [1, 2], "failed", "refused", next_attempt_at=LATER)
    done = await operations.retry_deliveries(desk.call("operator"), delivery_id=1)
    assert (done.matched, done.changed, done.service_ids, done.is_dry_run) == (1, 1, (service,), False)
    view = await operations.get_delivery(desk.call(), 1)
    assert (view.status, view.next_attempt_at, view.reason) == ("pending", None, "refused")
    assert desk.dispatcher.told == [service]
    words = await desk.database.read(
        lambda c: list(c.scalars(text("SELECT sync_status FROM punches ORDER BY id")))
    )
    assert words == ["pending", "failed", "pending", "pending", "pending", "pending"]
    with pytest.raises(Conflict, match="delivery 1 is pending, not failed"):
        await operations.retry_deliveries(desk.call(), delivery_ids=[1, 2])
    assert (await operations.get_delivery(desk.call(), 2)).status == "failed"
    with pytest.raises(NotFound):
        await operations.retry_deliveries(desk.call(), delivery_ids=[2, 77])
    assert [outcome for _, outcome in await desk.audited()] == ["done", "refused", "refused"]


async def test_a_filter_is_counted_then_retried_in_chunks(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_changes, "IDS_READ", 3)
    service = await fill(desk, 9)
    await desk.database.write(mark, range(1, 9), "failed", "Unknown employee")
    await desk.database.write(mark, [8], "failed", "no such shift")
    for wanted, count in (
        ({"reason": "unknown"}, 7),
        ({"reason": "unknown", "terminal_id": 2}, 3),
        ({"service_id": service, "to_at": NOON + timedelta(seconds=3)}, 3),
        ({"everything": True}, 8),
    ):
        counted = await operations.retry_deliveries(desk.call(), **wanted, dry_run=True)
        assert (counted.matched, counted.changed, counted.is_dry_run) == (count, 0, True)
    assert desk.dispatcher.told == []
    done = await operations.retry_deliveries(desk.call(), reason="unknown")
    assert (done.matched, done.changed) == (7, 7)
    assert await desk.database.read(statuses, service) == {"pending": 8, "failed": 1}
    assert (await operations.retry_deliveries(desk.call(), reason="unknown")).matched == 0


async def test_a_filter_can_ask_for_dead_or_held_ones_alone(desk: Desk) -> None:
    await fill(desk)

    def settle(conn: Connection) -> None:
        mark(conn, [1], "failed", "answered 422", next_attempt_at=LATER)
        mark(conn, [2, 3], "failed", "answered 422")
        mark(conn, [4], "held")

    await desk.database.write(settle)
    call = desk.call("operator")

    found = [
        (await operations.retry_deliveries(call, status=word, reason="422", dry_run=True)).matched
        for word in (None, "failed", "dead")
    ]
    assert found == [3, 3, 2]
    found = [
        (await operations.discard_deliveries(call, "old", status=word, dry_run=True)).matched
        for word in ("failed", "dead", "held")
    ]
    assert found == [3, 2, 1]
    assert (await operations.retry_deliveries(call, status="dead")).changed == 2
    assert (await operations.discard_deliveries(call, "old", status="held")).changed == 1
    assert await ids(desk, status="pending") == [6, 5, 3, 2]
    with pytest.raises(InvalidInput, match="status must be"):
        await operations.retry_deliveries(call, status="sent")


async def test_what_is_held_is_released_by_filter_only_when_it_is_asked_for(desk: Desk) -> None:
    await fill(desk)
    await desk.database.write(mark, [1, 2], "held")
    call = desk.call("operator")
    assert (await operations.retry_deliveries(call, everything=True)).changed == 0
    assert (await operations.retry_deliveries(call, status="held", dry_run=True)).matched == 2
    assert await ids(desk, status="held") == [2, 1]
    assert (await operations.retry_deliveries(call, status="held")).changed == 2
    assert await ids(desk, status="held") == []


async def test_what_takes_longer_goes_on_as_a_task_with_exact_numbers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_changes, "PATIENCE_SECONDS", 0)
    service = await fill(desk, 40)
    await desk.database.write(mark, range(1, 31), "failed", "Unknown employee")
    done = await operations.retry_deliveries(desk.call(), reason="unknown")
    assert done.task is not None
    assert (done.matched, done.task.status, done.task.total) == (30, "running", 30)
    with trio.fail_after(30):
        while (task := desk.gateway.tasks.get(done.task.id)).status == "running":
            await trio.sleep(0.01)
    assert task.result == {"matched": 30, "changed": 30, "service_ids": [service]}
    assert (task.status, task.done) == ("done", 30)
    assert await desk.database.read(statuses, service) == {"pending": 40}
    lines = [row for row in await rows(desk.database, "audit") if row["operation"] == "deliveries.retry"]
    assert len({row["correlation_id"] for row in lines}) == 1
    assert json.loads(lines[-1]["arguments"]) == {"end": "complete", "matched": 30, "changed": 30}


async def test_a_task_that_is_cancelled_says_how_far_it_came(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_changes, "PATIENCE_SECONDS", 0)
    service = await fill(desk, 60)
    await desk.database.write(mark, range(1, 61), "failed", "x")
    stepped = trio.Event()
    write = GentleWriter.write

    async def one_step(self: GentleWriter, *args: Any, **kwargs: Any) -> Any:
        if stepped.is_set():
            await trio.sleep_forever()
        found = await write(self, *args, **kwargs)
        stepped.set()
        return found

    monkeypatch.setattr(dead_letter_changes, "FIRST_STEP", 25)

    monkeypatch.setattr(GentleWriter, "write", one_step)
    done = await operations.discard_deliveries(desk.call(), "gone", everything=True)
    await stepped.wait()
    assert done.task is not None
    desk.gateway.tasks.cancel(done.task.id)
    with trio.fail_after(30):
        while (task := desk.gateway.tasks.get(done.task.id)).status == "running":
            await trio.sleep(0.01)
    assert (task.status, task.done, task.total) == ("cancelled", 25, 60)
    lines = await rows(desk.database, "audit")
    assert json.loads(lines[-1]["arguments"]) == {"end": "interrupted", "matched": 25, "changed": 25}
    assert desk.dispatcher.told == [service]


async def test_what_is_discarded_stays_visible_and_is_never_swept(desk: Desk) -> None:
    service = await fill(desk)
    await desk.database.write(mark, [1, 2], "failed", "refused", next_attempt_at=NOON)
    await desk.database.write(mark, [3], "held")
    for wanted in ({"delivery_ids": [1, 3]}, {"everything": True}):
        dry = await operations.discard_deliveries(desk.call(), "left", **wanted, dry_run=True)
        assert (dry.changed, dry.is_dry_run) == (0, True)
    assert dry.matched == 3
    done = await operations.discard_deliveries(desk.call("operator", "bob"), " left us ", delivery_ids=[1, 3])
    assert (done.matched, done.changed) == (2, 2)
    assert await desk.database.write(sweep_failed, LATER) == {service: 1}
    for ident in (1, 3):
        view = await operations.get_delivery(desk.call(), ident)
        assert (view.status, view.reason) == ("failed", "discarded by bob: left us")
        story = await operations.explain_delivery(desk.call(), ident)
        assert story.next.code == "discarded"
    again = await operations.discard_deliveries(desk.call(), "x", everything=True, dry_run=True)
    assert again.matched == 0
    assert (await operations.retry_deliveries(desk.call(), service_id=service)).matched == 0
    assert (await operations.retry_deliveries(desk.call(), delivery_id=3)).changed == 1
    with pytest.raises(Conflict, match="neither failed nor held"):
        await operations.discard_deliveries(desk.call(), "x", delivery_id=4)
    with pytest.raises(InvalidInput) as refused:
        await operations.discard_deliveries(desk.call(), " ", delivery_id=1)
    assert refused.value.field == "reason"


async def test_what_deleted_services_were_owed_is_not_tried_again(desk: Desk) -> None:
    service = await fill(desk)
    await desk.database.write(delete_service, service, NOON)
    with pytest.raises(Conflict, match="was deleted"):
        await operations.retry_deliveries(desk.call(), delivery_id=1)
    assert (await operations.retry_deliveries(desk.call(), everything=True)).matched == 0
    assert (await operations.explain_delivery(desk.call(), 1)).next.code == "deleted"


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"delivery_id": 1, "reason": "x"},
        {"everything": True, "service_id": 1},
        {"delivery_ids": range(10_001)},
    ],
)
async def test_what_is_meant_must_be_said(desk: Desk, wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await operations.retry_deliveries(desk.call(), **wanted)
    with pytest.raises(InvalidInput):
        await operations.discard_deliveries(
            desk.call(),
            "x",
            **{{"reason": "with_reason"}.get(name, name): value for name, value in wanted.items()},
        )


async def test_what_happens_next_is_said(desk: Desk) -> None:
    from tm20tui.operations.why import foresee

    await fill(desk, 1)
    story = await operations.explain_delivery(desk.call("viewer"), 1)
    view, service = story.delivery, story.service
    assert (story.next.code, story.attempts) == ("now", ())

    def code(status: str, /, at: Any = None, **values: Any) -> tuple[str, Any]:
        mine = {name: value for name, value in values.items() if hasattr(view, name)}
        its = {name: value for name, value in values.items() if name not in mine}
        outlook = foresee(replace(view, status=status, **mine), replace(service, **its), NOON, at)
        assert outlook.sentence
        return outlook.code, outlook.at

    assert code("pending", LATER) == ("next round", LATER)
    assert code("pending", LATER, next_attempt_at=LATER) == ("put off", LATER)
    assert code("pending", is_active=False) == ("inactive", None)
    assert code("pending", health="paused", health_reason="answered 401") == ("paused", None)
    assert code("pending", health="backing off", retry_at=LATER) == ("backing off", LATER)
    assert code("in flight") == ("in flight", None)
    assert code("in flight", health="backing off", retry_at=LATER) == ("backing off", LATER)
    assert code("in flight", deleted_at=NOON) == ("deleted", None)
    assert code("held", time_problem="too old") == ("held", None)
    assert code("sent") == code("duplicate") == ("done", None)
    assert code("failed") == ("dead", None)
    assert code("failed", next_attempt_at=LATER) == ("retry", LATER)
    assert code("failed", next_attempt_at=LATER, is_active=False) == ("inactive", None)
    assert code("failed", next_attempt_at=LATER, health="paused") == ("paused", None)
    assert code("failed", deleted_at=NOON) == ("deleted", None)
