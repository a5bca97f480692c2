"""Writes that share a commit: all that wait at once, each with its own outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, event, exc, text

from tm20tui.errors import Conflict, StoreUnavailable
from tm20tui.store.engine import Database

Outcomes = dict[int, Any]


@pytest.fixture
async def table(sqlite_database: Database) -> Database:
    await sqlite_database.write(lambda connection: connection.execute(text("CREATE TABLE one (n INTEGER)")))
    return sqlite_database


def keep(number: int) -> Callable[[Connection], int]:
    def act(connection: Connection) -> int:
        connection.execute(text("INSERT INTO one VALUES (:n)"), {"n": number})
        return number

    return act


def raising(number: int, error: Exception) -> Callable[[Connection], int]:
    def act(connection: Connection) -> int:
        keep(number)(connection)
        raise error

    return act


async def write_all(database: Database, acts: list[Callable[[Connection], int]]) -> Outcomes:
    """What each got, all of them asked for while the first is being written."""
    outcomes: Outcomes = {}

    async def one(place: int, act: Callable[[Connection], int]) -> None:
        try:
            outcomes[place] = await database.write_together(act)
        except Exception as error:  # noqa: BLE001 (it is the outcome)
            outcomes[place] = error

    async with trio.open_nursery() as nursery:
        for place, act in enumerate(acts):
            nursery.start_soon(one, place, act)
    return outcomes


async def kept(database: Database) -> list[int]:
    found = await database.read(lambda connection: connection.scalars(text("SELECT n FROM one")).all())
    return sorted(found)


async def test_those_who_wait_at_once_share_commits(table: Database) -> None:
    commits = []
    event.listen(table.engine, "commit", commits.append)
    outcomes = await write_all(table, [keep(number) for number in range(60)])
    assert outcomes == {number: number for number in range(60)}
    assert await kept(table) == list(range(60))
    # Who comes first does not wait for the others; they are written 25 at a time.
    assert len(commits) <= 6


async def test_what_one_raises_costs_the_others_nothing(table: Database) -> None:
    acts = [keep(0), raising(1, Conflict("no")), keep(2), raising(3, ValueError("no")), keep(4)]
    outcomes = await write_all(table, acts)
    assert [outcomes[place] for place in (0, 2, 4)] == [0, 2, 4]
    assert isinstance(outcomes[1], Conflict)
    assert isinstance(outcomes[3], ValueError)
    assert await kept(table) == [0, 2, 4]


async def test_what_breaks_the_transaction_is_left_out_of_it(table: Database) -> None:
    broken = exc.OperationalError("INSERT", {}, Exception("disk I/O error"))
    outcomes = await write_all(table, [keep(0), keep(1), raising(2, broken), keep(3)])
    assert isinstance(outcomes[2], StoreUnavailable)
    assert [outcomes[place] for place in (0, 1, 3)] == [0, 1, 3]
    assert await kept(table) == [0, 1, 3]


async def test_a_commit_that_fails_keeps_nothing_of_anybody(table: Database) -> None:
    def refuse(_connection: Connection) -> None:
        raise exc.OperationalError("COMMIT", {}, Exception("disk full"))

    event.listen(table.engine, "commit", refuse)
    outcomes = await write_all(table, [keep(number) for number in range(4)])
    event.remove(table.engine, "commit", refuse)
    assert all(isinstance(one, StoreUnavailable) for one in outcomes.values())
    assert await kept(table) == []
    assert await table.write_together(keep(9)) == 9


async def test_who_is_cancelled_meanwhile_is_written_or_never_began(table: Database) -> None:
    done: list[int] = []

    async def one(number: int) -> None:
        done.append(await table.write_together(keep(number)))

    async with trio.open_nursery() as nursery:
        for number in range(30):
            nursery.start_soon(one, number)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sorted(done) == await kept(table) == list(range(30))
    with trio.CancelScope() as scope:
        scope.cancel()
        await table.write_together(keep(99))
    assert 99 not in await kept(table)
