"""Consoles over real sockets: they live, die and are counted without the server or each other noticing."""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import sys
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.tui.screens import SECRET, BrokenApp, Eye, Theatre, TinyApp, pid_line, theatre
from tm20tui.control.peers import Peer
from tm20tui.errors import Forbidden, NotFound
from tm20tui.operations.call import Call, Operator
from tm20tui.operations.consoles import detach_console, list_consoles
from tm20tui.settings import OperatorsSettings
from tm20tui.tui import frames, host, stage


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Theatre]:
    async with theatre(sqlite_url, tmp_path) as running:
        yield running


def call(house: Theatre, role: str = "admin") -> Call:
    return Call(house.gateway, Operator("ann", role, "api"))  # type: ignore[arg-type]


async def test_a_console_shows_itself_and_takes_keys_mouse_paste_and_sizes(house: Theatre) -> None:
    async with house.attached() as eye:
        await eye.type("a")
        await eye.until("<key a>")
        await eye.type("\x1b")
        await eye.until("<key escape>")
        await eye.type("\x1b[200~Zoé €\x1b[201~".encode()[:9])
        await eye.type("\x1b[200~Zoé €\x1b[201~".encode()[9:])
        await eye.until("<paste Zoé €>")
        await eye.type("\x1b[<0;5;3M\x1b[<0;5;3m")
        await eye.until("<click 4,2>")
        await eye.send(frames.resize(132, 40))
        await eye.until("<size 132x40>")


async def test_a_size_that_is_told_before_the_console_is_there_is_its_size(house: Theatre) -> None:
    async with house.connected() as (eye, hello):
        assert "error" not in hello
        await eye.send(frames.resize(100, 30))
        await eye.until("<size 100x30>")


async def test_two_consoles_have_their_own_keys_sizes_and_colours(house: Theatre) -> None:
    async with (
        house.attached(colorterm="truecolor", ready="<hello 1 truecolor>") as first,
        house.attached(term="xterm", columns=60, rows=20, ready="<hello 2 standard>") as second,
    ):
        second.forget()
        await first.type("a")
        await first.until("<key a>")
        await second.type("b")
        await second.until("<key b>")
        assert "<key a>" not in second.output
    assert "TM20_NOTHING" not in os.environ
    assert type(os.environ).__name__ == "_Environ"


async def test_the_environment_of_the_server_decides_nothing(
    house: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    async with house.attached(colorterm="truecolor", ready="<hello 1 truecolor>") as eye:
        assert "\x1b[38;2;" in eye.output


async def test_who_attaches_is_listed_and_written_down_with_what_was_told_marked(house: Theatre) -> None:
    async with house.attached(ssh="10.0.0.4", read_only=True):
        (one,) = await list_consoles(call(house, "viewer"))
        assert (one.number, one.role, one.read_only, one.is_local) == (1, "viewer", True, False)
        assert one.address == f"console 1 · ssh 10.0.0.4 (as told) · {pid_line()}"
    with trio.fail_after(30):
        while house.gateway.attached.all():
            await trio.sleep(0.01)
        while len(await house.audit()) < 2:
            await trio.sleep(0.01)
    opened, closed = await house.audit()
    assert (opened["operation"], opened["origin"], opened["address"]) == (
        "console.attach",
        "console",
        one.address,
    )
    assert json.loads(opened["arguments"])["read_only"] is True
    assert json.loads(opened["targets"]) == json.loads(closed["targets"]) == {"console_id": 1}
    assert (closed["operation"], json.loads(closed["arguments"])) == (
        "console.detach",
        {"how": "its client went away"},
    )


@pytest.mark.parametrize("reason", frames.REASONS)
async def test_how_a_client_leaves_is_written_down(house: Theatre, reason: str) -> None:
    async with house.attached() as eye:
        await eye.send(frames.frame(frames.QUIT, reason.encode()))
        await eye.ended()
    with trio.fail_after(30):
        while len(await house.audit()) < 2:
            await trio.sleep(0.01)
    assert json.loads((await house.audit())[1]["arguments"]) == {"how": reason}


async def test_an_administrator_detaches_another_console_and_nobody_else_may(house: Theatre) -> None:
    async with house.attached() as first, house.attached(ready="<hello 2") as second:
        with pytest.raises(Forbidden):
            await detach_console(call(house, "operator"), 1)
        await detach_console(call(house), 1)
        end = await first.ended()
        assert end is not None
        assert (end.code, end.message) == (1, "detached by ann; the server goes on")
        await second.type("a")
        await second.until("<key a>")
        with pytest.raises(NotFound):
            await detach_console(call(house), 1)


async def test_a_console_closes_itself_and_asks_for_others_as_its_operator_may(house: Theatre) -> None:
    async with house.attached() as first, house.attached(ready="<hello 2", read_only=True) as second:
        await second.type("o")  # it is read-only: refused
        await second.until("<key o>")
        await second.type("s")
        await second.until("<key s>")
        await first.type("o")
        end = await second.ended()
        assert end is not None
        assert end.message.startswith("detached by ")
        await first.type("c")
        end = await first.ended()
        assert end is not None
        assert (end.code, end.message) == (0, stage.CLOSED)


async def test_nothing_remembers_a_console_that_has_ended(sqlite_url: str, tmp_path: Path) -> None:
    apps: list[weakref.ref[TinyApp]] = []

    def make(*given: Any) -> TinyApp:
        app = TinyApp(*given)
        apps.append(weakref.ref(app))
        return app

    async with theatre(sqlite_url, tmp_path, make) as house:
        for key in ("a", "b", "\x1b[A"):
            async with house.attached() as eye:
                await eye.type(key)
                await eye.until("<key ")
        with trio.fail_after(30):
            while house.gateway.attached.all() or any(app() is not None for app in apps):
                gc.collect()
                await trio.sleep(0.01)
    assert len(apps) == 3


async def test_a_crash_costs_its_own_console_and_tells_no_values(
    house: Theatre, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        async with house.attached() as first, house.attached(ready="<hello 2") as second:
            await first.type("x")
            end = await first.ended()
            assert end is not None
            assert (end.code, end.message) == (1, stage.CRASHED)
            await second.type("a")
            await second.until("<key a>")
    assert "nobody expected this" in caplog.text
    assert SECRET not in caplog.text
    said = capfd.readouterr()
    assert (said.out, SECRET in said.err, "Traceback" in said.err) == ("", False, False)


async def test_an_application_that_cannot_be_made_is_told_as_a_crash(sqlite_url: str, tmp_path: Path) -> None:
    async with theatre(sqlite_url, tmp_path, BrokenApp) as house, house.connected() as (eye, _):
        end = await eye.ended()
        assert end is not None
        assert (end.code, end.message) == (1, stage.CRASHED)


async def test_the_streams_of_the_process_survive_consoles_that_overlap(house: Theatre) -> None:
    before = (sys.stdout, sys.stderr)
    async with house.attached() as first, house.attached(ready="<hello 2") as second:
        await first.type("c")
        await first.ended()
        await second.type("c")
        await second.ended()
    assert (sys.stdout, sys.stderr) == before


async def test_an_idle_console_sends_nothing(house: Theatre) -> None:
    async with house.attached() as eye:
        with trio.fail_after(30):
            while await eye.quiet(1.0):
                pass


async def test_the_server_stops_with_a_word_to_every_console(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        theatre(sqlite_url, tmp_path) as house,
        house.attached() as first,
        house.attached(ready="<hello 2") as second,
    ):
        await first.type("s")  # its operator is an administrator
        for eye in (first, second):
            end = await eye.ended()
            assert end is not None
            assert (end.code, end.message) == (frames.CODE_STOPPED, host.STOPPED)


@pytest.mark.parametrize("version", [frames.CONSOLE_VERSION + 1, None, "1"])
async def test_a_client_of_another_version_is_refused_with_a_sentence(
    house: Theatre, version: object
) -> None:
    async with house.connected(version=version) as (eye, hello):
        assert "use the same version of tm20tui for both" in hello["error"]["message"]
        assert await eye.ended() is None
    assert not house.gateway.attached.all()


async def test_there_are_not_more_consoles_than_can_be_served(
    house: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "MOST_CONSOLES", 1)
    async with house.attached() as eye, house.connected() as (_, hello):
        assert hello["error"]["code"] == "unavailable"
        await eye.type("a")
        await eye.until("<key a>")


async def test_the_application_is_in_a_thread_of_its_own(house: Theatre) -> None:
    import threading

    assert TinyApp.__module__ == "tests.tui.screens"
    async with house.attached():
        assert "consoles" in {thread.name for thread in threading.enumerate()}


def be_ann(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this process are an account that is not the server's own."""
    ann = Peer(os.getpid(), 4242, "ann", frozenset())
    monkeypatch.setattr("tm20tui.control.server.identify", lambda _credentials: ann)


async def test_a_console_has_the_role_of_now_and_one_that_has_none_is_closed(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_ann(monkeypatch)
    operators = {"users": {"ann": "operator"}}
    async with theatre(sqlite_url, tmp_path, operators=operators) as house, house.attached() as eye:
        await house.control.change_operators(OperatorsSettings(users={"ann": "viewer"}))
        await eye.until("<role viewer>")
        assert [one.role for one in house.gateway.attached.all()] == ["viewer"]
        await house.control.change_operators(OperatorsSettings())
        end = await eye.ended()
        assert end is not None
        assert (end.code, end.message) == (frames.CODE_ENDED, host.NO_ROLE)
        with trio.fail_after(30):
            while len(await house.audit()) < 2:
                await trio.sleep(0.01)
        assert json.loads((await house.audit())[1]["arguments"]) == {
            "how": "its operator has no role any more"
        }
        async with house.connected() as (_, hello):
            assert hello["error"]["code"] == "forbidden"


async def test_a_role_that_is_taken_away_before_the_console_is_there_closes_it(house: Theatre) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    told = {"version": frames.CONSOLE_VERSION, "columns": 80, "rows": 24, "term": "xterm"}
    console = house.host.admit(told, Operator("ann", "operator", "socket"), os.getpid(), house.gateway)
    console.become(None)
    async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream, trio.open_nursery() as work:
        work.start_soon(console.run, theirs)
        end = await Eye(stream).ended()
        assert end is not None
        assert (end.code, end.message) == (frames.CODE_ENDED, host.NO_ROLE)
        await stream.aclose()


async def test_a_read_only_console_stays_one_whatever_the_role(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_ann(monkeypatch)
    operators = {"users": {"ann": "viewer"}}
    async with (
        theatre(sqlite_url, tmp_path, operators=operators) as house,
        house.attached(read_only=True) as eye,
    ):
        await house.control.change_operators(OperatorsSettings(users={"ann": "admin"}))
        await eye.until("<role viewer>")
        assert [one.role for one in house.gateway.attached.all()] == ["viewer"]
