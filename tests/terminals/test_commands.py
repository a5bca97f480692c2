"""The desk against scripted terminals on a real listener: what is sent when, and what is written of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import WebSocketConnection

from tests.ingest.frames import make_terminal, record
from tests.terminals.server import SN, Server, ask, expect_silence, hear, running_server, say
from tm20tui.errors import Conflict, NotFound, StoreUnavailable
from tm20tui.model import utc_now
from tm20tui.protocol import (
    CleanLog,
    Command,
    GetAllLog,
    GetDevInfo,
    GetHoliday,
    GetTime,
    GetUserInfo,
    LockCtrl,
    OpenDoor,
    Result,
    TerminalTime,
    UserInfo,
)
from tm20tui.store import commands as store
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.commands import SET_TIME, CommandDesk

PARIS = ZoneInfo("Europe/Paris")


def virtual_clock() -> Callable[[], datetime]:
    """The server's clock going with trio's, which tests let jump."""
    started, origin = utc_now(), trio.current_time()
    return lambda: started + timedelta(seconds=trio.current_time() - origin)


@dataclass
class Desk:
    """A desk with its server, asking one terminal."""

    server: Server
    desk: CommandDesk
    terminal_id: int

    async def ask(self, command: Command, **options: Any) -> CommandRecord:
        return await self.desk.ask(self.terminal_id, command, **({"operator": "ann"} | options))

    async def wait(self, asked: CommandRecord, seconds: float = 60.0) -> CommandRecord:
        return await self.desk.wait(asked.id, seconds)

    async def get(self, asked: CommandRecord) -> CommandRecord:
        return await self.server.database.read(store.get_command, asked.id)


@asynccontextmanager
async def running_desk(database: Database, vault: Vault, **options: Any) -> AsyncIterator[Desk]:
    """A desk that runs; its terminal `SN` is known, and connects when the test says so."""
    known = await make_terminal(database, SN, firmware="TH600 V9.9")
    async with running_server(database, vault, **options) as server, trio.open_nursery() as nursery:
        desk = CommandDesk(database, vault, now=virtual_clock())
        server.roster.watcher = desk
        nursery.start_soon(desk.run)
        yield Desk(server, desk, known.id)
        nursery.cancel_scope.cancel()


async def reply(socket: WebSocketConnection, name: str, /, **members: Any) -> None:
    await say(socket, **({"ret": name, "sn": SN, "result": True} | members))


class TestOutcome:
    async def test_it_is_on_record_as_sent_before_it_is_sent(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(OpenDoor(2), correlation_id="c-9")
            assert asked.status == "queued"
            assert await hear(socket) == {"cmd": "opendoor", "doornum": 2}
            sent = await desk.get(asked)
            assert (sent.status, sent.attempts) == ("sent", 1)
            await reply(socket, "opendoor")
            done = await desk.wait(asked)
            assert (done.status, done.reason, done.correlation_id) == ("confirmed", "", "c-9")
            assert done == await desk.get(asked)

    async def test_a_refusal_has_the_terminals_reason(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetUserInfo("7"))
            await hear(socket)
            await reply(socket, "getuserinfo", result=False, reason=1, msg="can not find the user")
            done = await desk.wait(asked)
            assert (done.status, done.reason) == ("refused", "can not find the user")

    async def test_a_reply_without_an_outcome_is_unknown(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(OpenDoor())
            await hear(socket)
            await say(socket, ret="opendoor", sn=SN)
            done = await desk.wait(asked)
            assert done.status == "unknown"
            assert "no result" in done.reason

    async def test_silence_is_timed_out_and_a_late_reply_changes_nothing(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetTime())
            await hear(socket)
            sent_at = trio.current_time()
            done = await desk.wait(asked)
            assert (done.status, done.reason) == ("timed out", "no answer within 20 s")
            assert 20 <= trio.current_time() - sent_at < 22
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            await expect_silence(socket)
            assert await desk.get(asked) == done
            assert desk.desk.statistics().strays == 1

    async def test_a_late_reply_is_not_taken_for_that_of_the_next_of_its_name(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            first, second = await desk.ask(GetTime()), await desk.ask(GetTime())
            await hear(socket)
            await desk.wait(first)
            await desk.ask(GetDevInfo())
            assert (await hear(socket))["cmd"] == "getdevinfo"
            await reply(socket, "gettime", time="2001-01-01 00:00:00")
            await reply(socket, "getdevinfo", volume=6)
            assert await hear(socket) == {"cmd": "gettime"}
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert (await desk.wait(second)).result == {"time": "2026-06-02 08:00:00"}

    async def test_replies_to_something_else_are_counted_and_ignored(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            await reply(socket, "opendoor")
            asked = await desk.ask(GetUserInfo("7", 0))
            await hear(socket)
            await reply(socket, "getuserlist", count=0)
            await reply(socket, "getuserinfo", sn="SOMEBODYELSE", enrollid=7, record="x")
            await reply(socket, "getuserinfo", enrollid=8, record="x")
            await expect_silence(socket)
            assert (await desk.get(asked)).status == "sent"
            await reply(socket, "getuserinfo", enrollid=7, name="Ann", backupnum=0, record="aa")
            assert (await desk.wait(asked)).status == "confirmed"
            assert desk.desk.statistics().strays == 4

    async def test_a_name_sent_back_as_cmd_is_a_reply(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetAllLog())
            await hear(socket)
            await say(socket, cmd="getalllog", count=0, record=[])
            assert (await desk.wait(asked)).status == "confirmed"


class TestWhenToAsk:
    async def test_nothing_is_sent_before_reg_is_accepted(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked = await desk.ask(GetTime())
            async with desk.server.connect() as socket:
                await expect_no_frame(socket)
                await say(socket, cmd="reg", sn=SN)
                assert (await hear(socket))["ret"] == "reg"
                assert (await hear(socket))["cmd"] == "gettime"
                assert (await desk.get(asked)).status == "sent"

    async def test_a_terminal_that_waits_for_approval_is_asked_nothing(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with (
            running_desk(sqlite_database, vault, ingest={"admission": "approve"}) as desk,
            desk.server.connect() as socket,
        ):
            assert (await ask(socket, cmd="reg", sn="NEWCOMER"))["result"] is False
            newcomer = await desk.server.stored_terminal("NEWCOMER")
            assert newcomer is not None
            await desk.desk.ask(newcomer.id, OpenDoor(), operator="ann")
            await expect_no_frame(socket)

    async def test_pushes_between_command_and_reply_are_answered_as_ever(
        self, database: Database, vault: Vault
    ) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetDevInfo())
            assert (await hear(socket))["cmd"] == "getdevinfo"
            for number in range(3):
                answer = await ask(socket, cmd="sendlog", sn=SN, count=1, logindex=number, record=[record()])
                assert (answer["ret"], answer["logindex"]) == ("sendlog", number)
            assert (await ask(socket, cmd="senduser", enrollid=7, name="Ann"))["ret"] == "senduser"
            assert (await ask(socket, cmd="reg", sn=SN))["ret"] == "reg"
            await reply(socket, "getdevinfo", volume=6)
            assert (await desk.wait(asked)).result == {"volume": 6}

    async def test_a_push_that_is_handled_is_acknowledged_first(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            gate = Gate(desk.server.writer)
            object.__setattr__(session._context, "writer", gate)
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await gate.entered.wait()
            asked = await desk.ask(OpenDoor())
            await expect_no_frame(socket)
            assert (await desk.get(asked)).status == "queued"
            gate.opened.set()
            assert (await hear(socket))["ret"] == "sendlog"
            assert (await hear(socket))["cmd"] == "opendoor"

    async def test_a_push_that_could_not_be_acknowledged_holds_commands_back(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            gate = Gate(desk.server.writer, fail=True)
            object.__setattr__(session._context, "writer", gate)
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await gate.entered.wait()
            await desk.ask(OpenDoor())
            await expect_silence(socket)
            await expect_no_frame(socket)
            gate.fail = False
            gate.opened.set()
            again = await ask(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            assert again["ret"] == "sendlog"
            assert (await hear(socket))["cmd"] == "opendoor"

    async def test_a_push_that_is_not_repeated_holds_them_back_for_a_while_only(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            (session,) = desk.server.sessions
            object.__setattr__(session._context, "writer", Gate(desk.server.writer, fail=True))
            await say(socket, cmd="sendlog", count=1, logindex=5, record=[record()])
            await expect_silence(socket)
            door, asked = await desk.ask(OpenDoor()), await desk.ask(GetTime())
            with trio.fail_after(60):
                assert json.loads(await socket.get_message()) == {"cmd": "gettime"}
            assert (await desk.get(door)).status == "expired"
            await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert (await desk.wait(asked)).status == "confirmed"

    async def test_the_door_goes_before_what_waits(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            await desk.ask(GetDevInfo())
            heard = [(await hear(socket))["cmd"]]
            for command in (GetTime(), SET_TIME, OpenDoor()):
                await desk.ask(command)
            for _ in range(3):
                await reply(socket, heard[-1], time="2026-06-02 08:00:00")
                heard.append((await hear(socket))["cmd"])
            assert heard == ["getdevinfo", "opendoor", "settime", "gettime"]

    async def test_one_is_in_flight_however_many_are_asked_at_once(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk, desk.server.terminal() as socket:
            async with trio.open_nursery() as nursery:
                for _ in range(40):
                    nursery.start_soon(desk.ask, GetTime())
                for number in range(40):
                    assert (await hear(socket))["cmd"] == "gettime"
                    if number % 8 == 0:
                        await expect_no_frame(socket)
                    await reply(socket, "gettime", time="2026-06-02 08:00:00")
            assert {row["status"] for row in (await desk.server.rows("commands"))[:-1]} == {"confirmed"}


class TestExpiry:
    async def test_a_door_does_not_open_by_surprise_later(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            started = trio.current_time()
            door, lock = await desk.ask(OpenDoor()), await desk.ask(LockCtrl(1))
            stays = await desk.ask(GetTime())
            for asked in (door, lock):
                done = await desk.wait(asked)
                assert (done.status, done.reason) == ("expired", "could not be sent in time")
            assert 15 <= trio.current_time() - started < 17
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "gettime"}
                await reply(socket, "gettime", time="2026-06-02 08:00:00")
                assert (await desk.wait(stays)).status == "confirmed"

    async def test_how_long_it_may_wait_is_the_callers_choice(
        self, sqlite_database: Database, vault: Vault, clock: MockClock
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            patient = await desk.ask(OpenDoor(), expires_seconds=3600)
            hasty = await desk.ask(GetTime(), expires_seconds=2)
            assert (await desk.wait(hasty)).status == "expired"
            assert (await desk.wait(patient, 20)).status == "queued"
            assert patient.expires_at is not None
            assert patient.expires_at - patient.created_at == timedelta(hours=1)

    async def test_what_is_cancelled_is_not_sent(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk:
            asked, other = await desk.ask(OpenDoor()), await desk.ask(GetTime())
            assert (await desk.desk.cancel(asked.id)).status == "cancelled"
            async with desk.server.terminal() as socket:
                assert await hear(socket) == {"cmd": "gettime"}
                with pytest.raises(Conflict, match="is sent, not queued"):
                    await desk.desk.cancel(other.id)

    async def test_a_terminal_that_does_not_exist_is_said_so(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with running_desk(sqlite_database, vault) as desk:
            with pytest.raises(NotFound):
                await desk.desk.ask(999, OpenDoor(), operator="ann")
            with pytest.raises(NotFound):
                await desk.desk.wait(999, 1)


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
                assert abs(told.replace(tzinfo=PARIS) - expected) < timedelta(seconds=5)
                await reply(socket, "settime")
                done = await desk.wait(asked)
                assert done.result == {"cloudtime": f"{told:%Y-%m-%d %H:%M:%S}"}
            terminal = await desk.server.stored_terminal()
            assert terminal is not None
            assert (terminal.drift_seconds, terminal.drift_at) == (0.0, done.settled_at)

    async def test_the_clock_that_was_read_shows_the_drift(self, database: Database, vault: Vault) -> None:
        async with running_desk(database, vault) as desk, desk.server.terminal() as socket:
            asked = await desk.ask(GetTime())
            await hear(socket)
            ahead = utc_now().astimezone(PARIS) + timedelta(seconds=300)
            await say(socket, ret="gettime", sn=SN, time=f"{ahead:%Y-%m-%d %H:%M:%S}")
            done = await desk.wait(asked)
            terminal = await desk.server.stored_terminal()
            assert terminal is not None
            assert terminal.drift_seconds == pytest.approx(300, abs=3)
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
                    desk.terminal_id, GetUserInfo("7", 0), operator="ann", seconds=10
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


class Gate:
    """A writer that holds pushes until opened, or cannot store them; `reg` passes."""

    def __init__(self, real: Any, *, fail: bool = False) -> None:
        self.real = real
        self.fail = fail
        self.entered, self.opened = trio.Event(), trio.Event()

    async def submit(self, frame: Any) -> Any:
        self.entered.set()
        if self.fail:
            raise StoreUnavailable("down")
        await self.opened.wait()
        return await self.real.submit(frame)


async def expect_no_frame(socket: WebSocketConnection) -> None:
    """Nothing comes for a while."""
    with trio.move_on_after(0.15):
        pytest.fail(f"unexpected: {await socket.get_message()}")


@pytest.fixture
def clock() -> MockClock:
    """Time jumps once nothing has happened for a moment, long enough for a commit."""
    return MockClock(autojump_threshold=0.1)
