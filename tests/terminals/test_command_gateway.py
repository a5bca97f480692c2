"""Commands in a whole server: wired to its sessions, and settled or kept when it stops."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.ingest.frames import rows
from tests.terminals.server import ask, hear, say
from tests.test_gateway import running, settings_for
from tm20tui import gateway as server
from tm20tui.gateway import Gateway
from tm20tui.protocol import Command, GetTime, OpenDoor
from tm20tui.store import terminals
from tm20tui.store.engine import Database


async def terminal_id(gateway: Gateway, sn: str) -> int:
    found = await gateway.database.read(terminals.find_terminal, sn)
    assert found is not None
    return found.id


async def test_an_operator_opens_a_door(database_url: str, tmp_path: Path) -> None:
    async with (
        running(settings_for(database_url, tmp_path)) as gateway,
        open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket,
    ):
        await ask(socket, cmd="reg", sn="DOOR")
        desk = gateway.commands
        asked = await desk.ask(await terminal_id(gateway, "DOOR"), OpenDoor(), operator="ann")
        assert await hear(socket) == {"cmd": "opendoor"}
        await say(socket, ret="opendoor", sn="DOOR", result=True)
        assert (await desk.wait(asked.id, 30)).status == "confirmed"
        assert desk.statistics().connected == 1


@pytest.mark.parametrize(
    ("command", "replies", "status"),
    [(GetTime(), False, "queued"), (OpenDoor(), False, "unknown"), (OpenDoor(), True, "confirmed")],
)
async def test_stopping_leaves_nothing_in_flight(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Command,
    replies: bool,
    status: str,
) -> None:
    if replies:
        monkeypatch.setattr(server, "_COMMAND_END_SECONDS", 30.0)
    gateway = Gateway(settings_for(sqlite_url, tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run)
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="DOOR")
            await gateway.commands.ask(await terminal_id(gateway, "DOOR"), command, operator="ann")
            await hear(socket)
            gateway.stop()
            if replies:
                await trio.sleep(0.2)
                await say(socket, ret=command.name, sn="DOOR", result=True)
            with trio.fail_after(30), pytest.raises(ConnectionClosed):
                await hear(socket)
    database = Database(sqlite_url)
    (row,) = await rows(database, "commands")
    database.close()
    assert row["status"] == status
