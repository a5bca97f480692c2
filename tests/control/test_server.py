"""What clients of the control socket are answered."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from tests.control.conftest import HELLO, Running, running_control
from tm20tui.control import session
from tm20tui.control.server import ControlServer
from tm20tui.control.wire import VERSION
from tm20tui.errors import AlreadyRunning, ConfigError
from tm20tui.settings import load


async def test_a_hello_says_who_one_is_and_what_the_server_is(control: Running) -> None:
    async with control.raw() as lines:
        await lines.say(HELLO)
        hello = await lines.hear()
    assert hello is not None
    assert hello["hello"] == VERSION
    assert hello["program"].startswith("tm20tui ")
    assert hello["node"] == "main"
    assert hello["role"] == "admin"


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        ({"hello": VERSION + 1, "for": "operations"}, "speaks version 1"),
        ({"hello": VERSION}, "nothing is served for that"),
        ({"hello": VERSION, "for": ["operations"]}, "nothing is served for that"),
        ({"hello": VERSION, "for": "console"}, "offers no console"),
        ({"id": 1, "operation": "terminals.list"}, "speaks version 1"),
        (b"GET / HTTP/1.1\r\n\r\n", "not JSON"),
    ],
)
async def test_a_wrong_hello_is_refused_with_a_sentence(control: Running, hello: object, said: str) -> None:
    async with control.raw() as lines:
        await lines.say(hello)  # type: ignore[arg-type]
        answer = await lines.hear()
        assert answer is not None
        assert said in answer["error"]["message"]
        assert await lines.hear() is None


async def test_services_are_named_or_given_by_id(control: Running) -> None:
    given = {"name": "Mon Service RH", "base_url": "https://hr.example"}
    async with control.client() as lines:
        added = await lines.ask(1, operation="services.add", arguments={"given": given})
        ident = added["result"]["id"]
        for number, wanted in enumerate(("Mon Service RH", str(ident), f"#{ident}", ident), 2):
            answer = await lines.ask(number, operation="services.get", arguments={"service_id": wanted})
            assert answer["result"]["id"] == ident
        answer = await lines.ask(9, operation="services.get", arguments={"service_id": "no such"})
    assert "'no such'" in answer["error"]["message"]
    assert answer["error"]["field"] == "service_id"


async def test_an_operation_is_called_by_name_with_who_asks(control: Running) -> None:
    terminal = await control.add_terminal("ZX1")
    async with control.client() as lines:
        arguments = {"terminal_id": terminal.id}
        answer = await lines.ask(1, operation="terminals.approve", arguments=arguments)
        assert answer["result"]["terminal"]["admission"] == "approved"
        audit = await lines.ask(2, operation="audit.list", arguments={})
    entry = audit["result"]["entries"][0]
    assert (entry["operation"], entry["origin"], entry["outcome"]) == ("terminals.approve", "socket", "done")
    assert entry["address"] == f"pid {os.getpid()}"
    assert entry["correlation_id"] == answer["correlation_id"]


@pytest.mark.parametrize("given", ["ZX1", "zx1", "#1", "1", 1])
async def test_a_terminal_is_named_by_its_serial_or_its_id(control: Running, given: object) -> None:
    terminal = await control.add_terminal("ZX1")
    assert terminal.id == 1
    async with control.client() as lines:
        answer = await lines.ask(1, operation="terminals.get", arguments={"terminal_id": given})
        filters = {"filters": {"terminal_id": given}}
        page = await lines.ask(2, operation="attendance.list", arguments=filters)
    assert answer["result"]["terminal"]["sn"] == "ZX1"
    assert page["result"]["logs"] == []


async def test_a_text_that_is_one_terminals_serial_and_anothers_id_is_not_guessed(control: Running) -> None:
    for sn in ("2", "ZX"):
        await control.add_terminal(sn)
    async with control.client() as lines:
        answer = await lines.ask(1, operation="terminals.get", arguments={"terminal_id": "2"})
        assert answer["error"]["message"] == "2 is the serial of terminal 1 and the id of ZX: give #1 or #2"
        answer = await lines.ask(2, operation="terminals.get", arguments={"terminal_id": "#2"})
        assert answer["result"]["terminal"]["sn"] == "ZX"


@pytest.mark.parametrize(
    ("message", "code", "field"),
    [
        ({"operation": "terminals.get", "arguments": {"terminal_id": 99}}, "not_found", "terminal_id"),
        ({"operation": "terminals.get", "arguments": {"terminal_id": "nobody"}}, "not_found", "terminal_id"),
        ({"operation": "terminals.get", "arguments": {"terminal_id": True}}, "invalid", "terminal_id"),
        ({"operation": "terminals.get", "arguments": {"terminal_id": None}}, "invalid", "terminal_id"),
        ({"operation": "terminals.get", "arguments": {"terminal_id": 1, "x": 1}}, "invalid", "x"),
        ({"operation": "terminals.get"}, "invalid", "terminal_id"),
        ({"operation": "terminals.get", "arguments": [1]}, "invalid", "arguments"),
        ({"operation": "attendance.list", "arguments": {"filters": {"status": "x"}}}, "invalid", "status"),
        ({"operation": "attendance.list", "arguments": {"filters": {"y": 1}}}, "invalid", "y"),
        ({"operation": "services.add", "arguments": {"given": "x"}}, "invalid", "given"),
        ({"operation": "no.such"}, "not_found", "operation"),
        ({"operation": 7}, "invalid", "operation"),
        ({"ask": "money"}, "invalid", "ask"),
        ({"follow": "money"}, "invalid", "follow"),
        ({"follow": "events", "kinds": ["money"]}, "invalid", "kinds"),
        ({}, "invalid", "operation"),
    ],
)
async def test_what_cannot_be_is_refused_and_names_the_argument(
    control: Running, message: dict[str, object], code: str, field: str | None
) -> None:
    async with control.client() as lines:
        answer = await lines.ask(1, **message)
        assert (answer["error"]["code"], answer["error"]["field"]) == (code, field)
        assert (await lines.ask(2, operation="terminals.list"))["result"] == []


async def test_several_requests_are_served_at_once_and_their_number_is_bounded(
    control: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = trio.Event()

    async def wait(*_: object) -> str:
        await gate.wait()
        return "done"

    monkeypatch.setattr(session, "run_operation", wait)
    async with control.client() as lines:
        for ident in range(session.MOST_REQUESTS + 1):
            await lines.say({"id": ident, "operation": "terminals.list"})
        refused = await lines.hear()
        assert refused is not None
        assert (refused["id"], refused["error"]["code"]) == (session.MOST_REQUESTS, "unavailable")
        again = await lines.ask(0, operation="terminals.list")
        assert again["error"]["code"] == "conflict"
        gate.set()
        answers = [await lines.hear() for _ in range(session.MOST_REQUESTS)]
    assert {answer["id"] for answer in answers if answer} == set(range(session.MOST_REQUESTS))


async def test_a_fault_of_an_operation_costs_its_request_only(
    control: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(session, "run_operation", fail)
    async with control.client() as lines:
        answer = await lines.ask(1, operation="terminals.list")
        assert answer["error"]["code"] == "internal"
        assert "secret" not in answer["error"]["message"]
        assert "operations" in (await lines.ask(2, ask="describe"))["result"]


async def test_status_is_of_now(control: Running) -> None:
    await control.add_terminal("ZX1")
    async with control.client() as lines:
        status = (await lines.ask(1, ask="status"))["result"]
    assert [terminal["sn"] for terminal in status["terminals"]] == ["ZX1"]
    assert status["api_address"] == ""


async def test_events_are_followed_until_cancelled(control: Running) -> None:
    async with control.client() as lines, control.client() as other:
        assert (await lines.ask(1, follow="events", kinds=["operation"]))["result"] == "following"
        terminal = await control.add_terminal("ZX1")
        await other.ask(1, operation="terminals.approve", arguments={"terminal_id": terminal.id})
        message = await lines.hear()
        assert message is not None
        assert message["id"] == 1
        assert message["event"]["kind"] == "operation"
        assert message["event"]["facts"]["operation"] == "terminals.approve"
        await lines.say({"cancel": 1})
        cancelled = await lines.hear()
        assert cancelled is not None
        assert cancelled["error"]["code"] == "cancelled"
        await lines.say({"cancel": 1}, {"cancel": [1]})
        assert (await lines.ask(2, operation="terminals.list"))["id"] == 2


async def test_a_follower_that_leaves_is_forgotten(control: Running) -> None:
    subscriptions = control.gateway.events._subscriptions
    async with control.client() as lines:
        await lines.ask(1, follow="events", kinds=["quarantine"])
        with trio.fail_after(30):
            while not (mine := [one for one in subscriptions if one._kinds == {"quarantine"}]):
                await trio.sleep(0.01)
    with trio.fail_after(30):
        while mine[0] in subscriptions:
            await trio.sleep(0.01)


async def test_what_was_asked_before_the_client_stopped_talking_is_answered(control: Running) -> None:
    async with control.client() as lines:
        await lines.say({"id": 1, "ask": "describe"})
        await lines.stream.send_eof()
        answer = await lines.hear()
        assert answer is not None
        assert "result" in answer
        assert await lines.hear() is None


# ---------------------------------------------------------------- the file


async def test_the_socket_is_for_its_owner_only_and_goes_with_the_server(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with running_control(sqlite_url, tmp_path) as running:
        assert running.server.path == tmp_path / "control.sock"
        assert stat.S_IMODE(running.server.path.stat().st_mode) == 0o600
    assert list(tmp_path.glob("*control.sock*")) == []


async def test_a_group_may_be_let_in(sqlite_url: str, tmp_path: Path) -> None:
    import grp

    group = grp.getgrgid(os.getegid())
    async with running_control(sqlite_url, tmp_path, control={"group": group.gr_name}) as running:
        found = running.server.path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group.gr_gid)


async def test_a_stale_socket_is_replaced(sqlite_url: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "control.sock"))
    async with running_control(sqlite_url, tmp_path) as running, running.client() as lines:
        assert (await lines.ask(1, operation="terminals.list"))["result"] == []


async def test_a_living_socket_is_not_replaced(control: Running) -> None:
    another = ControlServer(control.gateway.settings)
    with pytest.raises(AlreadyRunning, match="a server answers at"):
        await another.open(control.gateway)
    async with control.client() as lines:
        assert (await lines.ask(1, operation="terminals.list"))["result"] == []


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    server = ControlServer(load(None, {"control.path": str(path)}))
    with pytest.raises(ConfigError, match=r"control\.path"):
        await server.open(None)  # type: ignore[arg-type]
    assert path.read_text() == "data"


async def test_a_group_that_does_not_exist_is_named(tmp_path: Path) -> None:
    overrides = {"control.path": str(tmp_path / "s"), "control.group": "no-such-group-here"}
    with pytest.raises(ConfigError, match=r"control\.group = 'no-such-group-here'"):
        await ControlServer(load(None, overrides)).open(None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


async def test_a_path_may_be_longer_than_the_kernel_takes(sqlite_url: str, tmp_path: Path) -> None:
    from tm20tui.control.client import Client

    path = tmp_path / ("d" * 90) / ("e" * 90) / "control.sock"
    async with running_control(sqlite_url, tmp_path, control={"path": str(path)}):
        with await trio.to_thread.run_sync(Client, path) as client:
            assert await trio.to_thread.run_sync(client.call, "terminals.list", {}) == []
