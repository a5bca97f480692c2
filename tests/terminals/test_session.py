"""Conversations with terminals over real sockets: what is answered, and only after what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from trio_websocket import ConnectionClosed

from tests.ingest.frames import record
from tests.terminals.server import SN, ask, hear, raw_terminal, running_server, say
from tm20tui.errors import StoreUnavailable
from tm20tui.ingest.frames import Frame, Receipt, RegFrame
from tm20tui.ingest.registration import measure_drift
from tm20tui.model import Terminal
from tm20tui.store import terminals
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.session import _BROKEN_FRAMES_ALLOWED

PARIS = ZoneInfo("Europe/Paris")


def wall_clock(seconds_ago: float = 0) -> str:
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M:%S}"


async def test_a_terminal_registers_and_gets_the_time_of_its_site(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server, server.connect("any/path?at=all") as socket:
        answer = await ask(socket, cmd="reg", sn=SN, devinfo={"firmware": "TH600 V9.9", "usedlog": 3})
        drift = measure_drift(answer.pop("cloudtime"), "Europe/Paris", datetime.now(UTC))
        assert drift is not None
        assert abs(drift) < 30
        assert answer == {"ret": "reg", "result": True, "nosenduser": False}
        assert server.state() == "online"
        again = await ask(socket, cmd="reg", sn=SN)
        assert again["result"] is True


async def test_a_punch_is_committed_before_it_is_acknowledged(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server, server.terminal() as socket:
        members: dict[str, Any] = {
            "cmd": "sendlog",
            "sn": SN,
            "count": 3,
            "logindex": 900,
            "record": [
                record(17, "2026-06-01 07:31:02"),
                record(0, "2026-06-01 07:31:03", inout=1, event=1),
                record(23, "2026-06-01 07:40:10", mode=3),
            ],
        }
        for _ in range(3):
            answer = await ask(socket, **members)
            assert len(await server.rows("punches")) == 2
            answer.pop("cloudtime")
            assert answer == {"ret": "sendlog", "result": True, "count": 3, "logindex": 900}


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ({"count": 7, "logindex": 0}, {"count": 7, "logindex": 0}),
        ({"count": 1}, {"count": 1}),
        ({"logindex": 5}, {"count": 1, "logindex": 5}),
        ({"count": "1", "logindex": "07"}, {"count": "1", "logindex": "07"}),
        ({"count": 1, "logindex": 2**70}, {"count": 1, "logindex": 2**70}),
        ({"count": 0, "logindex": 12, "record": []}, {"count": 0, "logindex": 12}),
        ({"count": 1, "logindex": 3, "record": [{"enrollid": "?"}]}, {"count": 1, "logindex": 3}),
        ({"count": 1, "record": record(5, "2026-06-01 07:31:02")}, {"count": 1}),
    ],
)
async def test_count_and_logindex_are_echoed_as_received(
    sqlite_database: Database, vault: Vault, sent: dict[str, Any], echoed: dict[str, Any]
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
        members = {"record": [record(17, "2026-06-01 07:31:02")]} | sent
        answer = await ask(socket, cmd="sendlog", sn=SN, **members)
        answer.pop("cloudtime")
        assert answer == {"ret": "sendlog", "result": True} | echoed


async def test_a_fresh_single_punch_is_told_whether_the_door_opens(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server, server.terminal() as socket:
        await ask(socket, cmd="senduser", sn=SN, enrollid=17, name="Ann", backupnum=11, record=555, enable=0)
        denied = await ask(socket, cmd="sendlog", count=1, logindex=0, record=[record(17, wall_clock())])
        assert (denied["access"], denied["message"]) == (0, "User disabled")
        granted = await ask(socket, cmd="sendlog", count=1, logindex=0, record=[record(18, wall_clock())])
        assert granted["access"] == 1
        history = await ask(socket, cmd="sendlog", count=1, record=[record(17, wall_clock(3600))])
        assert "access" not in history
        assert [row["access_granted"] for row in await server.rows("punches")] == [False, True, True]


async def test_a_user_is_answered_by_its_own_name(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server, server.terminal() as socket:
        answer = await ask(socket, cmd="senduser", enrollid="17", name="Ann", backupnum=0, record="aa(9)")
        assert (answer["ret"], answer["result"]) == ("senduser", True)
        broken = await ask(socket, cmd="senduser", name="Nobody")
        assert (broken["ret"], broken["result"]) == ("senduser", True)
        assert [row["name"] for row in await server.rows("users")] == ["Ann"]
        assert len(await server.rows("quarantine")) == 1


async def test_a_qr_code_is_decided_by_its_user(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server, server.terminal() as socket:
        await ask(socket, cmd="senduser", enrollid=17, name="Ann")
        granted = await ask(socket, cmd="sendqrcode", sn=SN, record="17")
        expected = {
            "ret": "sendqrcode",
            "sn": SN,
            "result": True,
            "access": 1,
            "enrollid": 17,
            "username": "Ann",
        }
        assert granted == expected
        denied = await ask(socket, cmd="sendqrcode", sn=SN, record="https://elsewhere")
        assert (denied["result"], denied["access"]) == (True, 0)


@pytest.mark.parametrize(("cmd", "result"), [("heartbeat", True), ("sendface", True), ("otacheck", False)])
async def test_an_unknown_push_is_acknowledged(
    sqlite_database: Database, vault: Vault, cmd: str, result: bool
) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
        assert await ask(socket, cmd=cmd, sn=SN, x=[1]) == {"ret": cmd, "result": result}


async def test_answers_nobody_waits_for_are_ignored(sqlite_database: Database, vault: Vault) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
        await say(socket, ret="getnewlog", sn=SN, result=True, count=0, record=[])
        assert (await ask(socket, cmd="heartbeat"))["ret"] == "heartbeat"


async def test_a_name_in_gbk_does_not_hold_up_its_batch(database: Database, vault: Vault) -> None:
    async with running_server(database, vault) as server:
        stream = await raw_terminal(server)
        head = b'{"cmd":"sendlog","sn":"%s","count":1,"logindex":9,"record":[{"enrollid":161,' % SN.encode()
        text = head + '"name":"李","time":"2025-12-30 11:30:01","mode":1}]}'.encode("gbk")
        await stream.send_all(bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big") + bytes(4) + text)
        with trio.fail_after(30):
            answer = await stream.receive_some()
        assert b'"ret":"sendlog","result":true,"count":1,"logindex":9' in answer
        (punch,) = await server.rows("punches")
        assert punch["name"] == "李"
        await stream.aclose()


class TestAdmission:
    async def test_an_unknown_terminal_waits_and_keeps_its_punches(
        self, database: Database, vault: Vault
    ) -> None:
        async with (
            running_server(database, vault, ingest={"admission": "approve"}) as server,
            server.connect() as socket,
        ):
            assert await ask(socket, cmd="reg", sn=SN) == {
                "ret": "reg",
                "result": False,
                "reason": "waiting for approval",
            }
            assert server.state() == "waiting"
            await say(socket, cmd="sendlog", count=1, logindex=0, record=[record()])
            await self.approve(database)
            answer = await ask(socket, cmd="reg", sn=SN)
            assert (answer["ret"], answer["result"]) == ("reg", True)
            assert await server.rows("punches") == []
            assert server.state() == "online"

    @staticmethod
    async def approve(database: Database) -> Terminal:
        found = await database.read(terminals.find_terminal, SN)
        assert found is not None
        return await database.write(terminals.update_terminal, found.id, {"admission": "approved"})

    async def test_an_operator_blocks_a_connected_terminal(self, database: Database, vault: Vault) -> None:
        async with running_server(database, vault) as server, server.terminal() as socket:
            found = await server.stored_terminal()
            assert found is not None
            blocked = await database.write(terminals.update_terminal, found.id, {"admission": "blocked"})
            server.roster.refresh(blocked)
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.reason.code == 1008
            async with server.connect() as again:
                assert (await ask(again, cmd="reg", sn=SN))["reason"] == "blocked by the operator"

    @pytest.mark.parametrize("sn", ["", "   ", "x" * 65, "\u0000", None, ["x"]])
    async def test_a_serial_that_is_none_is_refused(
        self, sqlite_database: Database, vault: Vault, sn: object
    ) -> None:
        async with running_server(sqlite_database, vault) as server, server.connect() as socket:
            answer = await ask(socket, cmd="reg", sn=sn)
            assert answer["result"] is False
            assert await server.rows("terminals") == []

    async def test_one_connection_cannot_invent_serials(
        self, sqlite_database: Database, vault: Vault
    ) -> None:
        async with (
            running_server(sqlite_database, vault, ingest={"admission": "approve"}) as server,
            server.connect() as socket,
        ):
            for number in range(3):
                await ask(socket, cmd="reg", sn=f"FAKE{number}")
            await say(socket, cmd="reg", sn="FAKE3")
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.reason.code == 1008
            assert len(await server.rows("terminals")) == 3

    async def test_nothing_is_answered_before_reg(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_server(sqlite_database, vault) as server, server.connect() as socket:
            await say(socket, cmd="sendlog", sn=SN, count=1, logindex=0, record=[record()])
            assert (await ask(socket, cmd="reg", sn=SN))["ret"] == "reg"
            assert await server.rows("punches") == []


class TestBrokenFrames:
    @pytest.mark.parametrize(
        "text", ["", "hello", "[1,2]", "{", '{"x":1}', "[" * 60_000, '{"x":' + "9" * 6000 + "}"]
    )
    async def test_junk_harms_nothing(self, sqlite_database: Database, vault: Vault, text: str) -> None:
        async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
            await socket.send_message(text)
            assert (await ask(socket, cmd="heartbeat"))["ret"] == "heartbeat"
            assert len(await server.rows("quarantine")) == 1

    async def test_what_can_be_read_of_a_broken_batch_is_stored_and_the_rest_kept(
        self, database: Database, vault: Vault
    ) -> None:
        good = json.dumps(record(17, "2026-06-01 07:31:02"))
        text = f'{{"cmd":"sendlog","sn":"{SN}","count":2,"logindex":40,"record":[{good},{{"enrollid":18,"ti'
        async with running_server(database, vault) as server, server.terminal() as socket:
            await socket.send_message(text)
            answer = await hear(socket)
            assert (answer["ret"], answer["result"], answer["count"], answer["logindex"]) == (
                "sendlog",
                True,
                2,
                40,
            )
            assert [row["enrollid"] for row in await server.rows("punches")] == ["17"]
            assert [row["raw"] for row in await server.rows("quarantine")] == [text]

    async def test_a_flood_of_junk_ends_the_connection(self, sqlite_database: Database, vault: Vault) -> None:
        async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
            for _ in range(_BROKEN_FRAMES_ALLOWED):
                await socket.send_message("junk")
            with pytest.raises(ConnectionClosed) as closed:
                await hear(socket)
            assert closed.value.reason.code == 1008
            assert len(await server.rows("quarantine")) == 1


class DownWriter:
    """A writer whose database is down for everything but `reg`."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.refused = 0

    async def submit(self, frame: Frame) -> Receipt:
        if isinstance(frame, RegFrame):
            receipt: Receipt = await self.real.submit(frame)
            return receipt
        self.refused += 1
        raise StoreUnavailable("down")


async def test_what_is_not_stored_is_not_acknowledged(sqlite_database: Database, vault: Vault) -> None:
    async with running_server(sqlite_database, vault) as server, server.terminal() as socket:
        (session,) = server.sessions
        down = DownWriter(server.writer)
        object.__setattr__(session._context, "writer", down)
        await say(socket, cmd="sendlog", count=1, logindex=0, record=[record()])
        await say(socket, cmd="senduser", enrollid=1, name="Ann")
        await socket.send_message("junk")
        assert (await ask(socket, cmd="heartbeat"))["ret"] == "heartbeat"
        assert down.refused == 3
