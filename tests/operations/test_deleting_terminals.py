"""A deleted terminal is nowhere and asks for nothing; its punches stay, are delivered, and stay its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.ingest.frames import rows
from tests.terminals.server import ask
from tests.test_gateway import running, running_hr, settings_for
from tm20tui.errors import Forbidden, InvalidInput, NotFound
from tm20tui.gateway import Gateway
from tm20tui.operations import attendance, terminals
from tm20tui.operations.call import Call, Operator, Role
from tm20tui.operations.terminal_commands import reboot, set_time
from tm20tui.simulate.hr import HrService
from tm20tui.store.attendance import AttendanceFilters

RECORDS = [
    {"enrollid": 7, "time": f"2026-06-02 08:00:0{second}", "mode": 1, "inout": 0, "event": 0}
    for second in range(3)
]


def call(gateway: Gateway, role: Role = "admin") -> Call:
    return Call(gateway, Operator("ann", role, "console"))


async def send(socket: Any, records: list[dict[str, Any]]) -> dict[str, Any]:
    return await ask(socket, cmd="sendlog", sn="A", count=len(records), logindex=1, record=records)


async def why_closed(socket: Any) -> str:
    with trio.fail_after(30):
        while True:
            try:
                await socket.get_message()
            except ConnectionClosed as closed:
                return str(closed.reason.reason)


async def until_delivered(service: HrService, count: int) -> None:
    with trio.fail_after(30):
        while len(service.records) < count:
            await trio.sleep(0.01)


async def test_a_terminal_is_deleted_and_comes_back_as_the_same(database_url: str, tmp_path: Path) -> None:
    service = HrService(seed=1)
    settings = settings_for(
        database_url,
        tmp_path,
        terminals={"host": "127.0.0.1", "port": 0, "admission": "approve"},
        backfill={"enabled": False},
        clock={"check_minutes": 0},
    )
    async with running(settings) as gateway, running_hr(gateway, service):
        admin = call(gateway)
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            assert (await ask(socket, cmd="reg", sn="A"))["result"] is False
            (waiting,) = await terminals.list_terminals(admin)
            ident = waiting.terminal.id
            await terminals.approve_terminal(admin, ident)
            await terminals.change_terminal(admin, ident, name="Door")
            gateway.alarms.set(f"silent:{ident}", "A was silent")
            gateway.alarms.set("silent:99", "another was silent")
            assert (await ask(socket, cmd="reg", sn="A"))["result"] is True
            assert (await send(socket, RECORDS[:2]))["result"] is True
            asked = await set_time(admin, ident, wait_seconds=0)
            await reboot(admin, ident, wait_seconds=0)

            with pytest.raises(Forbidden):
                await terminals.delete_terminal(call(gateway, "operator"), ident, "A")
            with pytest.raises(InvalidInput, match="serial, A"):
                await terminals.delete_terminal(admin, ident, "B")
            deleted = await terminals.delete_terminal(admin, ident, "A")
            assert (deleted.terminal.sn, deleted.cancelled) == ("A", 2)
            assert await why_closed(socket) == "deleted by the operator"
        settled = (await gateway.commands.wait(asked.command.id, 30)).status
        assert settled in ("cancelled", "unknown")
        assert not [row for row in await rows(gateway.database, "commands") if row["settled_at"] is None]
        assert [alarm.key for alarm in gateway.alarms.active()] == ["silent:99"]
        assert await terminals.list_terminals(admin) == []
        (gone,) = await terminals.list_terminals(admin, deleted=True)
        assert (gone.terminal.id, gone.state) == (ident, "deleted")
        for refused in (terminals.get_terminal, terminals.approve_terminal, reboot):
            with pytest.raises(NotFound):
                await refused(admin, ident)
        await until_delivered(service, 2)
        page = await attendance.list_attendance(admin, filters=AttendanceFilters(terminal_id=ident))
        assert len(page.logs) == 2

        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            assert (await ask(socket, cmd="reg", sn="a"))["result"] is False
            (again,) = await terminals.list_terminals(admin)
            assert (again.terminal.id, again.state, again.terminal.name) == (ident, "waiting", "Door")
            await terminals.approve_terminal(admin, ident)
            assert (await ask(socket, cmd="reg", sn="A"))["result"] is True
            assert (await send(socket, RECORDS))["result"] is True
        await until_delivered(service, 3)
        assert len(await rows(gateway.database, "punches")) == 3
        assert service.counts["delivered_twice"] == 0
        audited = await rows(gateway.database, "audit")
        outcomes = [row["outcome"] for row in audited if row["operation"] == "terminals.delete"]
        assert outcomes == ["refused", "refused", "done"]


@pytest.mark.parametrize(("admission", "refusal"), [("closed", "unknown terminal"), ("open", "")])
async def test_its_serial_is_treated_as_an_unknown_one(
    sqlite_url: str, tmp_path: Path, admission: str, refusal: str
) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        admin = call(gateway)
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="A")
        (found,) = await terminals.list_terminals(admin)
        await terminals.delete_terminal(admin, found.terminal.id, "A")
    settings = settings_for(
        sqlite_url, tmp_path, terminals={"host": "127.0.0.1", "port": 0, "admission": admission}
    )
    async with (
        running(settings) as gateway,
        open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket,
    ):
        answer = await ask(socket, cmd="reg", sn="A")
        assert (answer["result"], answer.get("reason", "")) == (not refusal, refusal)
        assert len(await terminals.list_terminals(call(gateway))) == (not refusal)
