"""What answers teach: what a firmware has not, how wrong its clock is, what callers get."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import WebSocketConnection

from tests.terminals.server import SN, ask, hear, say
from tests.terminals.test_commands import PARIS, Desk, expect_no_frame, reply, running_desk
from tm20tui.errors import StoreUnavailable
from tm20tui.ingest.registration import measure_drift
from tm20tui.model import utc_now
from tm20tui.protocol import (
    CleanLog,
    Command,
    GetHoliday,
    GetTime,
    GetUserInfo,
    OpenDoor,
    Result,
    TerminalTime,
    UserInfo,
)
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import SET_TIME


class TestUnknownCommands:
    async def unlearned(self, desk: Desk, socket: WebSocketConnection) -> None:
        asked = await desk.ask(GetHoliday())
        assert (await hear(socket))["cmd"] == "getholiday"
        await reply(socket, "getholiday", result=False, reason=1, msg="can not find this command")
        done = await desk.wait(asked)
        assert done.status == "refused"
        assert done.reason.startswith("does not know getholiday (firmware TH600 V9.9)")

    async def test_what_a_firmware_does_not_know_is_answered_without_asking_again(
        self, database: Database, vault: Vault
    ) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            await self.unlearned(desk, socket)
            again = await desk.ask(GetHoliday())
            assert (again.status, again.attempts) == ("refused", 0)
            assert again.reason == "does not know getholiday (firmware TH600 V9.9)"
            assert await desk.wait(again, 0) == again
            await expect_no_frame(socket)

    async def test_forced_it_is_asked_and_believed(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            await self.unlearned(desk, socket)
            forced = await desk.ask(GetHoliday(), force=True)
            assert (await hear(socket))["cmd"] == "getholiday"
            await reply(socket, "getholiday", holidays=[])
            assert (await desk.wait(forced)).status == "confirmed"
            assert (await desk.ask(GetHoliday())).status == "queued"

    async def test_another_firmware_is_asked(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            await self.unlearned(desk, socket)
            await ask(socket, cmd="reg", sn=SN, devinfo={"firmware": "TH600 V10"})
            assert (await desk.ask(GetHoliday())).status == "queued"
            assert (await hear(socket))["cmd"] == "getholiday"


class TestClock:
    async def test_the_time_is_that_of_the_sending_in_the_terminals_zone(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            asked = await desk.ask(SET_TIME)
            await trio.sleep(20)
            async with desk.server.terminal() as socket:
                told = datetime.strptime((await hear(socket))["cloudtime"], "%Y-%m-%d %H:%M:%S")
                expected = asked.created_at + timedelta(seconds=20)
                drift = measure_drift(str(told), "Europe/Paris", expected)
                assert drift is not None
                assert abs(drift) < 10
                await reply(socket, "settime")
                done = await desk.wait(asked)
                assert done.result == {"cloudtime": f"{told:%Y-%m-%d %H:%M:%S}"}
                assert (done.arguments, done.terminal_sn) == (done.result, SN)
            terminal = await desk.server.stored_terminal()
            assert terminal is not None
            assert (terminal.drift_seconds, terminal.drift_at) == (0.0, done.settled_at)

    async def test_the_clock_that_was_read_shows_the_drift(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetTime())
            await hear(socket)
            ahead = (utc_now() + timedelta(seconds=300)).astimezone(PARIS)
            await say(socket, ret="gettime", sn=SN, time=f"{ahead:%Y-%m-%d %H:%M:%S}")
            done = await desk.wait(asked)
            terminal = await desk.server.stored_terminal()
            assert terminal is not None
            assert terminal.drift_seconds == pytest.approx(300, abs=30)
            assert terminal.drift_at == done.settled_at


class TestResults:
    async def test_a_credential_goes_to_the_caller_and_to_who_keeps_it(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        told: list[tuple[str, Command, Result, str]] = []
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:

            async def broken(*_: Any) -> None:
                raise ValueError("a bug")

            async def keep(terminal: Any, command: Command, result: Result) -> None:
                status = (await desk.server.rows("commands"))[0]["status"]
                told.append((terminal.sn, command, result, status))
                if len(told) == 1:
                    raise StoreUnavailable("down")

            desk.desk.on_result += [broken, keep]
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def answer() -> None:
                    await hear(socket)
                    await reply(socket, "getuserinfo", enrollid=7, name="Ann", backupnum=0, record="c0ffee")

                done, result = await desk.desk.ask_and_wait(
                    desk.terminal_id, GetUserInfo("7", 0), operator="ann", seconds=30
                )
            assert isinstance(result, UserInfo)
            assert result.record == "c0ffee"
            assert done.result == {"enrollid": 7, "name": "Ann", "backupnum": 0, "admin": 0}
            assert told == [(SN, GetUserInfo("7", 0), result, "sent")] * 2
            assert "c0ffee" not in json.dumps(await desk.server.rows("commands"), default=str)

    async def test_who_waits_too_briefly_gets_the_record_as_it_is(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        settled: list[CommandRecord] = []
        async with running_desk(sqlite_database, vault) as desk:
            desk.desk.on_settled.append(settled.append)
            record, result = await desk.desk.ask_and_wait(
                desk.terminal_id, GetTime(), operator="ann", seconds=0.01
            )
            assert (record.status, result) == ("queued", None)
            async with desk.server.terminal() as socket:
                await hear(socket)
                await reply(socket, "gettime", time="2026-06-02 08:00:00")
                answers = []
                async with trio.open_nursery() as nursery:
                    for _ in range(3):

                        @nursery.start_soon
                        async def look() -> None:
                            answers.append(await desk.wait(record))

                assert {answer.status for answer in answers} == {"confirmed"}
                assert settled == [answers[0]]
                assert isinstance(TerminalTime(answers[0].result["time"]), TerminalTime)

    async def test_a_command_that_cannot_be_read_back_is_not_sent(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            bad, good = await desk.ask(OpenDoor(1)), await desk.ask(CleanLog())
            await sqlite_database.write(
                lambda conn: conn.exec_driver_sql(
                    "UPDATE commands SET arguments = '{\"doornum\": 9}' WHERE id = 1"
                )
            )
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "cleanlog"}
                done = await desk.wait(bad)
                assert done.status == "cancelled"
                assert "doornum" in done.reason
                assert (await desk.get(good)).status == "sent"
