"""What could not be read is read again by the reader of now, or thrown away; never half truthfully."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Connection, select

from tests.ingest.frames import RECEIVED_AT, make_terminal, record, rows
from tests.operations.conftest import Desk
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.ingest.frames import BrokenFrame
from tm20tui.operations import quarantine
from tm20tui.store.schema import quarantine as table
from tm20tui.store.services import ServiceDraft, add_service


async def put(desk: Desk, raw: str, *, sn: str = "ZXAB21004711", known: bool = True) -> int:
    terminal = await make_terminal(desk.database, sn, timezone="UTC") if known else None
    await desk.gateway.writer.submit(BrokenFrame(terminal, sn, RECEIVED_AT, raw, "the reader was too strict"))
    ident = await desk.database.read(lambda conn: conn.scalar(select(table.c.id).order_by(table.c.id.desc())))
    assert ident is not None
    return ident


def sendlog(*records: Any) -> str:
    return json.dumps({"cmd": "sendlog", "sn": "A", "count": len(records), "record": records})


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (json.dumps(record(17)), 1),
        (sendlog(record(17), record(18)), 2),
        (sendlog(record(17))[:-1], 1),
    ],
    ids=["one record", "a frame", "a broken frame"],
)
async def test_what_can_be_read_now_is_stored_owed_and_gone(desk: Desk, raw: str, stored: int) -> None:
    def add_hr(conn: Connection) -> int:
        return add_service(conn, desk.vault, ServiceDraft("hr", "https://hr.example"), RECEIVED_AT).id

    service = await desk.database.write(add_hr)
    ident = await put(desk, raw)
    done = await quarantine.retry_quarantined(desk.call("operator"), ident)
    assert (done.stored, done.unreadable, done.reason, done.is_removed) == (stored, 0, "", True)
    assert await rows(desk.database, "quarantine") == []
    assert [row["received_at"] for row in await rows(desk.database, "punches")] == [RECEIVED_AT] * stored
    assert len(await rows(desk.database, "deliveries")) == stored
    assert desk.dispatcher.told == [service]
    assert await desk.audited() == [("quarantine.retry", "done")]


async def test_what_is_partly_good_stays_with_the_reason_of_now(desk: Desk) -> None:
    ident = await put(desk, sendlog(record(17), record(18, time=None)))
    for stored, duplicates in ((1, 0), (0, 1)):
        done = await quarantine.retry_quarantined(desk.call(), ident)
        assert (done.stored, done.duplicates, done.unreadable) == (stored, duplicates, 1)
        assert not done.is_removed
    kept = await quarantine.get_quarantined(desk.call("viewer"), ident)
    assert kept.reason == done.reason == "time is missing"
    assert len(await rows(desk.database, "quarantine")) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("no JSON at all", ""),
        (json.dumps({"cmd": "reg", "sn": "A"}), "nothing to store"),
        (sendlog(), "no record"),
        (json.dumps({"cmd": "senduser", "sn": "A", "name": "x"}), "enrollid is missing"),
        (json.dumps({"enrollid": "x", "time": "2026-06-02 08:00:00"}), "enrollid must be"),
    ],
)
async def test_what_cannot_be_read_stays(desk: Desk, raw: str, reason: str) -> None:
    ident = await put(desk, raw)
    done = await quarantine.retry_quarantined(desk.call(), ident)
    assert (done.stored, done.unreadable, done.is_removed) == (0, 1, False)
    assert reason in done.reason
    assert done.item.reason == done.reason
    assert len(await rows(desk.database, "quarantine")) == 1


async def test_a_user_comes_back_without_the_credential_that_was_cut(desk: Desk) -> None:
    raw = json.dumps(
        {"cmd": "senduser", "sn": "A", "enrollid": 5, "name": "Ann", "backupnum": 11, "record": 99}
    )
    ident = await put(desk, raw)
    done = await quarantine.retry_quarantined(desk.call(), ident)
    assert (done.users, done.is_removed) == (1, True)
    assert [row["name"] for row in await rows(desk.database, "users")] == ["Ann"]
    assert await rows(desk.database, "credentials") == []


async def test_a_text_of_nobody_can_only_be_discarded(desk: Desk) -> None:
    ident = await put(desk, sendlog(record(17)), sn="", known=False)
    with pytest.raises(Conflict, match="which terminal"):
        await quarantine.retry_quarantined(desk.call(), ident)
    gone = await quarantine.discard_quarantined(desk.call("operator"), ident, reason="noise")
    assert gone.id == ident
    with pytest.raises(NotFound):
        await quarantine.get_quarantined(desk.call(), ident)
    assert await desk.audited() == [("quarantine.retry", "refused"), ("quarantine.discard", "done")]
    (_, line) = await rows(desk.database, "audit")
    assert json.loads(line["targets"]) == {"quarantine_id": ident}
    assert json.loads(line["arguments"]) == {"reason": "noise"}


async def test_lists_are_filtered_and_paged(desk: Desk) -> None:
    for number in range(5):
        await put(desk, f"noise {number}", sn=f"S{number}")
    page = await quarantine.list_quarantine(desk.call("viewer"), limit=3)
    assert [item.sn for item in page.items] == ["S4", "S3", "S2"]
    rest = await quarantine.list_quarantine(desk.call(), limit=3, before_id=page.next_before_id)
    assert [item.sn for item in rest.items] == ["S1", "S0"]
    assert rest.next_before_id is None
    assert len((await quarantine.list_quarantine(desk.call(), terminal_id=2)).items) == 1
    assert len((await quarantine.list_quarantine(desk.call(), reason="TOO strict")).items) == 5
    assert len((await quarantine.list_quarantine(desk.call(), reason="100%")).items) == 0
    assert len((await quarantine.list_quarantine(desk.call(), to_at=RECEIVED_AT)).items) == 0
    with pytest.raises(NotFound):
        await quarantine.list_quarantine(desk.call(), terminal_id=9)
    with pytest.raises(InvalidInput):
        await quarantine.list_quarantine(desk.call(), limit=0)
