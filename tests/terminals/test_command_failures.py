"""Commands when the server ends, the database is down, or a bug strikes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.ingest.frames import make_terminal
from tests.terminals.server import SN, hear, running_server, say
from tests.terminals.test_command_connections import TIME, take_down
from tests.terminals.test_commands import Desk, expect_no_frame, reply, running_desk
from tm20tui.errors import StoreUnavailable
from tm20tui.model import utc_now
from tm20tui.protocol import (
    Command,
    GetDevInfo,
    GetTime,
    OpenDoor,
    Reboot,
)
from tm20tui.store import commands as store
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import CommandDesk


class TestCrash:
    """A server that ended at any moment leaves rows; the next one makes them true."""

    @asynccontextmanager
    async def restarted(
        self, database: Database, vault: Vault, command: Command, *, sent: bool
    ) -> AsyncIterator[tuple[Desk, CommandRecord]]:
        terminal = await make_terminal(database, SN)

        def leave(conn: Any) -> CommandRecord:
            now = utc_now()
            until = now + timedelta(hours=1)
            record = store.add_command(
                conn, vault, terminal.id, command, operator="ann", now=now, expires_at=until
            )
            return store.mark_sent(conn, record.id, now) if sent else record

        left = await database.write(leave)
        async with running_server(database, vault) as server, trio.open_nursery() as nursery:
            desk = CommandDesk(database, vault)
            server.roster.watcher = desk
            nursery.start_soon(desk.run)
            yield Desk(server, desk, terminal.id), left
            nursery.cancel_scope.cancel()

    @pytest.mark.parametrize(
        ("command", "sent", "heard"),
        [
            (GetTime(), False, True),
            (GetTime(), True, True),
            (OpenDoor(), False, True),
            (OpenDoor(), True, False),
            (Reboot(), True, False),
        ],
    )
    async def test_what_was_in_flight_is_repeated_or_unknown(
        self, database: Database, vault: Vault, command: Command, sent: bool, heard: bool
    ) -> None:
        async with (
            self.restarted(database, vault, command, sent=sent) as (desk, left),
            desk.server.terminal() as socket,
        ):
            if heard:
                assert (await hear(socket))["cmd"] == command.name
                assert (await desk.get(left)).attempts == 1 + sent
            else:
                done = await desk.wait(left)
                assert (done.status, done.reason) == ("unknown", "the server ended before it answered")
                await expect_no_frame(socket)


class TestStop:
    async def test_nothing_new_is_sent_and_what_is_in_flight_is_settled(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked, waits = await desk.ask(OpenDoor()), await desk.ask(GetTime())
            await hear(socket)
            desk.desk.stop()
            await reply(socket, "opendoor")
            assert (await desk.wait(asked)).status == "confirmed"
            await expect_no_frame(socket)
            assert (await desk.get(waits)).status == "queued"


class FlakyDatabase:
    """A database whose writes of one function fail for a while, or are kept and not told of."""

    def __init__(self, real: Database, name: str, failures: int, *, is_kept: bool = False) -> None:
        self.real = real
        self.name = name
        self.failures = failures
        self.is_kept = is_kept

    async def read(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.real.read(function, *args, **kwargs)

    async def write_together(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if function.__name__ == self.name and self.failures:
            self.failures -= 1
            if self.is_kept:
                await self.real.write_together(function, *args, **kwargs)
            raise StoreUnavailable("down")
        return await self.real.write_together(function, *args, **kwargs)


class TestStoreDown:
    @pytest.mark.parametrize("step", ["add", "take", "settle", "requeue_after_disconnect", "expire_overdue"])
    async def test_it_is_tried_again_and_nothing_is_sent_unrecorded(
        self, sqlite_database: Database, vault: Vault, clock: MockClock, step: str
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            flaky = FlakyDatabase(sqlite_database, step, 3)
            desk.desk._book._database = flaky  # type: ignore[assignment]
            if step == "add":
                for _ in range(3):
                    with pytest.raises(StoreUnavailable):
                        await desk.ask(GetTime())
            asked = await desk.ask(GetTime())
            assert (await hear(socket))["cmd"] == "gettime"
            assert (await desk.get(asked)).status == "sent"
            if step == "requeue_after_disconnect":
                await take_down(desk, socket)
                assert (await desk.get(asked)).status == "queued"
            else:
                await reply(socket, "gettime", time=TIME)
                assert (await desk.wait(asked)).status == "confirmed"
            if step == "expire_overdue":
                await take_down(desk, socket)
                door = await desk.ask(OpenDoor(), expires_seconds=0)
                assert (await desk.wait(door)).status == "expired"
            assert flaky.failures == 0

    @pytest.mark.parametrize("step", ["take", "settle"])
    async def test_what_is_kept_without_a_word_is_neither_forgotten_nor_done_twice(
        self,
        database: Database,
        vault: Vault,
        clock: MockClock,
        caplog: pytest.LogCaptureFixture,
        step: str,
    ) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            flaky = FlakyDatabase(database, step, 2, is_kept=True)
            desk.desk._book._database = flaky  # type: ignore[assignment]
            asked = await desk.ask(OpenDoor())
            assert (await hear(socket))["cmd"] == "opendoor"
            await reply(socket, "opendoor")
            done = await desk.wait(asked)
            assert (done.status, done.attempts, flaky.failures) == ("confirmed", 1, 0)
            await expect_no_frame(socket)
            assert "too late" not in caplog.text


async def test_a_bug_costs_one_command_and_no_other(
    sqlite_database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(command: Command) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr(GetTime, "encode", fails)
    async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
        asked = await desk.ask(GetTime())
        done = await desk.wait(asked)
        assert (done.status, done.reason) == ("unknown", "the server failed: see its log")
        await desk.ask(GetDevInfo())
        assert (await hear(socket))["cmd"] == "getdevinfo"
        await say(socket, ret="getdevinfo", result=True)
