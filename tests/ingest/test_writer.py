"""Group commit: shared, bounded, honest about failure, unharmed by one bad frame."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from sqlalchemy import event

from tests.ingest.frames import log_frame, make_terminal, record, rows
from tm20tui.errors import StoreUnavailable
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import Receipt
from tm20tui.ingest.writer import GroupWriter
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft
from tm20tui.store.vault import Vault


@asynccontextmanager
async def running_writer(
    database: Database, vault: Vault, news: list[set[int]] | None = None, **config: int
) -> AsyncIterator[GroupWriter]:
    def announce(service_ids: Iterable[int]) -> None:
        if news is not None:
            news.append(set(service_ids))

    writer = GroupWriter(database, vault, IngestConfig(**config), 1, announce)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        yield writer
        writer.close()


async def submit_all(writer: GroupWriter, frames: list) -> list[Receipt | StoreUnavailable]:
    results: list[Receipt | StoreUnavailable | None] = [None] * len(frames)

    async def submit(index: int) -> None:
        try:
            results[index] = await writer.submit(frames[index])
        except StoreUnavailable as error:
            results[index] = error

    async with trio.open_nursery() as nursery:
        for index in range(len(frames)):
            nursery.start_soon(submit, index)
    return results  # type: ignore[return-value]


async def test_frames_that_wait_share_a_commit(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    frames = [log_frame(terminal, record(number)) for number in range(1, 101)]
    async with running_writer(database, vault) as writer:
        receipts = await submit_all(writer, frames)
        assert all(isinstance(receipt, Receipt) and receipt.stored == 1 for receipt in receipts)
        assert writer.statistics().commits < 20
    assert len(await rows(database, "punches")) == 100


async def test_a_receipt_means_that_it_is_committed(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    other = Database(database.url)
    async with running_writer(database, vault) as writer:
        await writer.submit(log_frame(terminal, record()))
        assert len(await rows(other, "punches")) == 1
    other.close()


async def test_news_go_out_after_the_commit(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    draft = ServiceDraft(name="HR", base_url="http://hr.example")
    service = await database.write(services.add_service, vault, draft, log_frame(terminal).received_at)
    news: list[set[int]] = []
    async with running_writer(database, vault, news) as writer:
        await writer.submit(log_frame(terminal, record()))
        await writer.submit(log_frame(terminal, record()))
    assert news == [{service.id}]


async def test_one_poisonous_record_costs_nobody_anything(database: Database, vault: Vault) -> None:
    terminal = await make_terminal(database)
    poisoned = log_frame(terminal, record(1), record(2), record(3))
    huge = poisoned.records[1]._replace(mode=2**70)
    poisoned = replace(poisoned, records=(poisoned.records[0], huge, poisoned.records[2]))
    async with running_writer(database, vault) as writer:
        receipts = await submit_all(
            writer, [log_frame(terminal, record(8)), poisoned, log_frame(terminal, record(9))]
        )
    assert [(one.stored, one.quarantined) for one in receipts if isinstance(one, Receipt)] == [
        (1, 0),
        (2, 1),
        (1, 0),
    ]
    assert sorted(row["enrollid"] for row in await rows(database, "punches")) == ["1", "3", "8", "9"]
    (bad,) = await rows(database, "quarantine")
    assert "cannot be stored" in bad["reason"]


async def test_a_full_disk_is_not_acknowledged_and_heals_by_itself(
    sqlite_database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(sqlite_database)
    pages = [1]  # SQLite takes the present size when asked for less

    @event.listens_for(sqlite_database.engine, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages[0]}")

    sqlite_database.engine.dispose()
    frames = [log_frame(terminal, record(number, name="x" * 200)) for number in range(1, 2000)]
    async with running_writer(sqlite_database, vault) as writer:
        refused = await submit_all(writer, frames)
        assert any(isinstance(one, StoreUnavailable) for one in refused)
        assert writer.statistics().failing_since is not None
        assert "full" in writer.statistics().failure
        pages[0] = 2**30
        sqlite_database.engine.dispose()
        healed = await submit_all(writer, frames)
        assert all(isinstance(one, Receipt) for one in healed)
        assert writer.statistics().failing_since is None
    assert len(await rows(sqlite_database, "punches")) == len(frames)


async def test_closing_stores_what_waits_and_refuses_what_comes_later(
    database: Database, vault: Vault
) -> None:
    terminal = await make_terminal(database)
    async with running_writer(database, vault) as writer:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit_all, writer, [log_frame(terminal, record(1))])
            await trio.testing.wait_all_tasks_blocked()
            writer.close()
        with pytest.raises(StoreUnavailable, match="stopping"):
            await writer.submit(log_frame(terminal, record(2)))
    assert len(await rows(database, "punches")) == 1
