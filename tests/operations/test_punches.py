"""Punches: lists by simple words, whole periods page by page, one explained from frame to service."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from sqlalchemy import Connection, text
from trio.testing import MockClock

from tests.delivery.rig import Answer, Rig, open_rig, says
from tests.ingest.frames import RECEIVED_AT, log_frame, make_terminal, record
from tests.operations.conftest import Desk
from tests.store.factories import NOON, add_punches, add_terminal
from tm20tui.errors import InvalidInput, NotFound
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.operations import punches
from tm20tui.operations.call import SERVER, Call
from tm20tui.operations.registry import to_json
from tm20tui.operations.why import PunchStory
from tm20tui.settings import load
from tm20tui.simulate.hr_service import Reply, Request
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.vault import Vault
from tm20tui.terminals.broken import keep_broken


def refuse_if(*punch_ids: int) -> Answer:
    def answer(request: Request) -> Reply | None:
        sent = {item["log_id"] for item in json.loads(request.body)["attendance"]}
        bad = sorted(sent & set(punch_ids))
        return Reply(422, json.dumps({"error": f"log_id {bad[0]}: unknown"}).encode()) if bad else None

    return answer


async def story_of(rig: Rig, punch_id: int) -> PunchStory:
    parts = SimpleNamespace(
        database=rig.database, dispatcher=rig.dispatcher, settings=load(None, {}), events=EventBus()
    )
    return await punches.explain_punch(Call(cast(Gateway, parts), SERVER), punch_id)


async def test_a_punch_that_failed_twice_and_then_was_sent_shows_all_of_it(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        await rig.add_service(retry_attempts=5)
        ids = await rig.punch(4)
        rig.receiver.script = [says(503, b"try later", ("retry-after", "1"))]
        rig.receiver.always = refuse_if(ids[1])
        await rig.start()
        await rig.until_health("backing off")
        story = await story_of(rig, ids[1])
        assert [one.outcome for one in story.deliveries[0].attempts] == ["backing off"]
        assert story.deliveries[0].next.code == "backing off"
        mock_clock.jump(100)
        await rig.until_settled(sent=3, failed=1)
        story = await story_of(rig, ids[1])
        assert story.deliveries[0].next.code == "retry"
        mock_clock.jump(3660)
        await rig.until(lambda: len(rig.receiver.seen) == 7)
        await rig.until_settled(sent=3, failed=1)
        rig.receiver.always = None
        mock_clock.jump(3660)
        await rig.until_settled(sent=4)
        story = await story_of(rig, ids[1])
        (told,) = story.deliveries
        assert [(one.status_code, one.outcome, one.record_count) for one in told.attempts] == [
            (503, "backing off", 4),
            (422, "split", 4),
            (422, "split", 2),
            (422, "refused", 1),
            (422, "refused", 1),
            (200, "sent", 1),
        ]
        assert len({one.key for one in told.attempts}) == 5
        assert f"log_id {ids[1]}: unknown" in told.attempts[3].answer
        assert (told.delivery.status, told.next.code, told.service.name) == ("sent", "done", "hr")
        other = (await story_of(rig, ids[2])).deliveries[0]
        assert [(one.outcome, one.record_count) for one in other.attempts] == [
            ("backing off", 4),
            ("split", 4),
            ("sent", 2),
        ]
        assert json.loads(json.dumps(to_json(story)))["deliveries"][0]["next"]["code"] == "done"
        remembered = await rig.rows("SELECT COUNT(*) FROM delivery_batches")
        assert remembered == [(2,)]


async def test_what_the_brake_took_back_keeps_its_attempts(
    database: Database, vault: Vault, mock_clock: MockClock
) -> None:
    async with open_rig(database, vault, mock_clock) as rig:
        service = await rig.add_service()
        ids = await rig.punch(8)
        rig.receiver.always = says(400, b'{"error":"bad request"}')
        await rig.start()
        await rig.until_health("paused")
        await rig.until_settled(pending=8)
        assert (await story_of(rig, ids[-1])).deliveries[0].next.code == "paused"
        rig.receiver.always = None
        await rig.dispatcher.sync_now(service.id)
        await rig.until_settled(sent=8)
        for punch_id in ids:
            tries = (await story_of(rig, punch_id)).deliveries[0].attempts
            outcomes = [one.outcome for one in tries]
            assert (outcomes[0], outcomes[-1]) == ("split", "sent")
            assert tries[0].record_count == 8


async def test_the_frame_that_brought_a_punch_is_shown_without_secrets(desk: Desk) -> None:
    terminal = await make_terminal(desk.database, timezone="UTC")
    frame = log_frame(terminal, record(16), record(17, image="c2VjcmV0"), record(18))
    await desk.gateway.writer.submit(log_frame(terminal, record(99)))
    await desk.gateway.writer.submit(frame)
    call = desk.call("viewer")
    (page,) = [await punches.list_punches(call, enrollid="17")]
    story = await punches.explain_punch(call, page.logs[0].id)
    assert story.frame is not None
    assert (story.frame.received_at, story.frame.length) == (RECEIVED_AT, len(story.frame.text))
    assert story.frame.text.startswith('{"cmd":"sendlog"')
    assert json.loads(story.frame.record)["enrollid"] == 17
    assert "c2VjcmV0" not in str(story)
    assert (story.frame_note, story.deliveries) == ("", ())
    assert "no service was owed" in story.note
    await desk.database.write(lambda conn: conn.execute(text("DELETE FROM frames")))
    story = await punches.explain_punch(call, page.logs[0].id)
    assert story.frame is None
    assert "not kept" in story.frame_note
    with pytest.raises(NotFound):
        await punches.explain_punch(call, 99)


async def test_the_frame_of_a_salvaged_punch_is_found_in_quarantine(desk: Desk) -> None:
    terminal = await make_terminal(desk.database, timezone="UTC")
    raw = log_frame(terminal, record(17)).raw + "]"
    await keep_broken(desk.gateway.writer, terminal, raw[:-3], "broken JSON")
    story = await punches.explain_punch(desk.call(), 1)
    assert story.frame is not None
    assert story.frame.text == raw[:-3]


async def fill(desk: Desk) -> None:
    def work(conn: Connection) -> None:
        one, two = (add_terminal(conn, sn, site="Default") for sn in ("A-one", "B-two"))
        add_service(conn, desk.vault, ServiceDraft("hr", "https://hr.example"), NOON)
        add_punches(conn, one, 5)
        add_punches(conn, two, 4, first=5, enrollid="9")
        add_punches(conn, two, 1, first=9, time_utc=None, time_raw="????", time_problem="unreadable")

    await desk.database.write(work)


async def test_lists_take_simple_words(desk: Desk) -> None:
    await fill(desk)
    call = desk.call("viewer")

    async def ids(**filters: Any) -> list[int]:
        return [log.id for log in (await punches.list_punches(call, **filters)).logs]

    assert await ids() == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert await ids(terminal_sn="a-ONE") == await ids(terminal_id=1) == [5, 4, 3, 2, 1]
    assert await ids(enrollid="9", limit=2) == [9, 8]
    assert await ids(status="pending", service_id=1, limit=3) == [1, 2, 3]
    assert await ids(status="failed") == []
    start, end = NOON + timedelta(seconds=3), NOON + timedelta(seconds=7)
    assert await ids(from_at=start, to_at=end) == [7, 6, 5, 4]
    page = await punches.list_punches(call, from_at=start, to_at=end, limit=2)
    assert page.next is not None
    assert await ids(from_at=start, to_at=end, after_id=page.next.id, after_time=page.next.time_utc) == [5, 4]
    for wrong, field in (
        ({"terminal_sn": "none"}, "terminal_sn"),
        ({"terminal_sn": "A-one", "terminal_id": 2}, "terminal_sn"),
        ({"status": "lost"}, "status"),
        ({"limit": 0}, "limit"),
        ({"from_at": end, "to_at": start}, "from_at"),
        ({"from_at": NOON.replace(tzinfo=None)}, "from_at"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await ids(**wrong)
        assert refused.value.field == field
    for unknown in ({"terminal_id": 9}, {"service_id": 9}):
        with pytest.raises(NotFound):
            await ids(**unknown)


async def test_a_period_is_exported_page_by_page(desk: Desk) -> None:
    await fill(desk)
    pages = await punches.export_punches(desk.call("viewer"), NOON, NOON + timedelta(hours=1), page_size=4)
    async with contextlib.aclosing(pages):
        found = [[log.id for log in page] async for page in pages]
    assert found == [[9, 8, 7, 6], [5, 4, 3, 2], [1]]
    with pytest.raises(InvalidInput):
        await punches.export_punches(desk.call(), NOON, NOON)
    # Others are stored while the export goes on: nothing is left out or told twice.
    pages = await punches.export_punches(desk.call(), NOON, NOON + timedelta(hours=1), page_size=3)
    seen: list[int] = []
    async with contextlib.aclosing(pages):
        async for page in pages:
            seen += [log.id for log in page]
            await desk.database.write(add_punches, 1, 1, first=100 + len(seen))
            await trio.lowlevel.checkpoint()
    assert seen == [9, 8, 7, 6, 5, 4, 3, 2, 1]
