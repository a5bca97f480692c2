"""Gentle writing: steps grow while they are quick, shrink when they are not, and leave time between."""

from __future__ import annotations

import time

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, text

from tm20tui.gentle import TARGET_SECONDS, GentleWriter
from tm20tui.store.engine import Database


async def test_the_size_follows_what_a_step_takes(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    writer = GentleWriter(sqlite_database, 100)

    def step(connection: Connection, seconds: float) -> int:
        clock[0] += seconds
        return connection.execute(text("SELECT 1")).scalar_one()

    assert await writer.write(step, 0.001) == 1
    assert writer.size == 126
    await writer.write(step, TARGET_SECONDS * 0.8)
    assert writer.size == 126
    await writer.write(step, TARGET_SECONDS * 2)
    assert writer.size == 63
    for _ in range(6):
        await writer.write(step, 0.05)
    assert writer.size == 8
    assert writer.longest_seconds == pytest.approx(0.05)


async def test_others_write_between_two_steps(sqlite_database: Database) -> None:
    order: list[str] = []

    def note(connection: Connection, word: str) -> None:
        connection.execute(text("SELECT 1"))
        order.append(word)

    async def long_work() -> None:
        writer = GentleWriter(sqlite_database)
        for _ in range(3):
            await writer.write(note, "step")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(long_work)
        await trio.testing.wait_all_tasks_blocked(0.0)
        await sqlite_database.write(note, "punch")
    assert order.index("punch") < 3
