"""The database refuses while the server runs: nothing is acknowledged, it says so, it recovers alone."""

from __future__ import annotations

import resource
import shutil
import sqlite3
from pathlib import Path

import psycopg
import pytest
import trio

from tests.conftest import POSTGRES_URL
from tests.process.databases import give_back, postgres_database, take_away
from tests.process.server import Server, service_draft, serving, until
from tests.process.terminal import dialled
from tm20tui.simulate.hr import HrService, serve_hr

ALARM = "punches cannot be stored, terminals keep them"
WELL = "the database works again"


async def test_a_full_disk_costs_no_punch(tmp_path: Path) -> None:
    receiver = HrService()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path) as server:
            server.prepare(service_draft("HR", port))
            await server.start()
            async with dialled(server) as terminal:
                assert (await terminal.punch(1))["result"] is True
                await until(lambda: 1 in receiver.records)
                fill_disk(server)
                await terminal.send_punch(2)
                await server.until_logged(ALARM)
                await terminal.send_punch(2)
                assert await terminal.hears_nothing(0.3)
                assert stored(server) == 1
                free_disk(server)
                assert (await terminal.punch(2))["logindex"] == 2
                await server.until_logged(WELL)
                await until(lambda: 2 in receiver.records)
            assert await server.stop() == 0
            assert server.said().count(ALARM) == 1
        nursery.cancel_scope.cancel()
    assert (stored(server), receiver.counts["delivered_twice"]) == (2, 0)
    with sqlite3.connect(tmp_path / "tm20.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_locked_database_only_makes_terminals_wait(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        await server.start()
        async with dialled(server) as terminal:
            with sqlite3.connect(tmp_path / "tm20.db", isolation_level=None) as other:
                other.execute("BEGIN IMMEDIATE")
                await terminal.send_punch(1)
                assert await terminal.hears_nothing(0.5)
                other.execute("ROLLBACK")
            assert (await terminal.answer())["logindex"] == 1
        assert await server.stop() == 0


async def test_a_file_that_is_no_database_is_said_in_one_line_at_the_start(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        (tmp_path / "tm20.db").write_bytes(b"this is no database" * 100)
        server.spawn()
        assert await server.ended() == 1
        (line,) = server.said().splitlines()
    assert line == "tm20tui: the database cannot be used: file is not a database"


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_deleted_ends_the_server_instead_of_swallowing_punches(
    tmp_path: Path, replaced: bool
) -> None:
    with serving(tmp_path) as server:
        await server.start()
        async with dialled(server) as terminal:
            assert (await terminal.punch(1))["result"] is True
        path = tmp_path / "tm20.db"
        path.rename(tmp_path / "away.db")
        if replaced:
            shutil.copy(tmp_path / "away.db", path)
        assert await server.ended() == 1
        assert f"the database file {path}" in server.said().splitlines()[-1]


@pytest.mark.postgres
async def test_a_postgres_that_goes_away_costs_no_punch(postgres_url: str, tmp_path: Path) -> None:
    with (
        postgres_database(POSTGRES_URL) as url,
        serving(tmp_path / "first", url) as server,
        serving(tmp_path / "second", url) as second,
    ):
        await server.start()
        async with dialled(server) as terminal:
            assert (await terminal.punch(1))["result"] is True
            take_away(POSTGRES_URL, url)
            await terminal.send_punch(2)
            await server.until_logged(ALARM)
            assert await terminal.hears_nothing(0.1)
            give_back(POSTGRES_URL, url)
            assert (await terminal.punch(2))["logindex"] == 2
            await server.until_logged(WELL)
            await server.until_logged("is made again")
            second.spawn()
            assert await second.ended() == 3
        assert await server.stop() == 0
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM punches").fetchone() == (2,)


def fill_disk(server: Server) -> None:
    """No file of the server can grow any more. The log is far below the limit and goes on."""
    files = [server.folder / "tm20.db", server.folder / "tm20.db-wal"]
    smallest = min(path.stat().st_size for path in files)
    assert smallest > 10 * server.log_path.stat().st_size
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (smallest, resource.RLIM_INFINITY))


def free_disk(server: Server) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)


def stored(server: Server) -> int:
    with sqlite3.connect(server.folder / "tm20.db") as connection:
        found: int = connection.execute("SELECT count(*) FROM punches").fetchone()[0]
    return found
