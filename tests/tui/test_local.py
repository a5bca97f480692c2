"""`tm20tui` on a terminal: the console on it comes and goes, the server stays."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.process.server import Server, serving
from tests.process.terminal import dialled
from tests.tui.test_attach import Seat, _children, seat
from tm20tui.cli.local import LocalConsole
from tm20tui.tui.frames import CODE_ENDED, End
from tm20tui.tui.stage import CRASHED

SHOWN = b"Terminals"
"""What the console's first mode is called; no line of the log says so."""


@contextmanager
def sitting(tmp_path: Path, *options: str) -> Iterator[tuple[Seat, Server]]:
    """A server with its console on a terminal, in English."""
    with serving(tmp_path / "server", TM20_LANG="en") as server:
        told = {name: value for name, value in server.environment.items() if name.startswith("TM20_")}
        with seat(tmp_path / "seat", sys.executable, "-m", "tm20tui", *options, **told) as at:
            yield at, server


def pid_of(at: Seat) -> int:
    return _children(at.shell.pid)[0]


async def close_console(at: Seat) -> None:
    """As its operator does."""
    at.output = b""
    at.type(b"q")
    await at.until(b"close the console")
    at.type(b"i")
    await at.until(b"Enter opens the console again")


async def test_a_console_is_closed_and_opened_again_while_the_log_is_shown_between(tmp_path: Path) -> None:
    with sitting(tmp_path) as (at, server):
        await at.until(SHOWN)
        await close_console(at)
        assert "the server goes on" in at.said()
        async with dialled(server) as terminal:
            await at.until(b"connected serial=TM20-001")
            assert (await terminal.punch(1))["result"] is True
        at.output = b""
        at.type(b"\n")
        await at.until(b"\x1b[?1049h")
        await at.until(SHOWN)
        os.kill(pid_of(at), signal.SIGTERM)
        assert await at.ended() == 0
        assert at.is_restored()
        assert "stopped" in at.said()


async def test_ctrl_c_is_a_key_on_a_console_and_stops_the_server_without_one(tmp_path: Path) -> None:
    with sitting(tmp_path) as (at, server):
        await at.until(SHOWN)
        at.type(b"\x03")
        async with dialled(server) as terminal:
            assert (await terminal.punch(1))["result"] is True
        await close_console(at)
        at.type(b"\x03")
        assert await at.ended() == 0
        assert at.is_restored()


async def test_the_server_outlives_its_terminal(tmp_path: Path) -> None:
    with sitting(tmp_path) as (at, server):
        await at.until(SHOWN)
        pid = pid_of(at)
        try:
            at.shell.kill()  # it leads the session: the kernel hangs the terminal up
            at.shell.wait()
            os.close(at.ours)
            at.ours = os.open(os.devnull, os.O_RDWR)
            async with dialled(server) as terminal:
                for number in range(3):
                    assert (await terminal.punch(number))["result"] is True
                    await trio.sleep(0.2)
            os.kill(pid, signal.SIGTERM)
            with trio.fail_after(30):
                while _is_running(pid):
                    await trio.sleep(0.05)
        finally:
            if _is_running(pid):
                os.kill(pid, signal.SIGKILL)


async def test_a_terminal_that_stalls_holds_neither_the_server_nor_its_end(tmp_path: Path) -> None:
    with sitting(tmp_path) as (at, server):
        await at.until(SHOWN)
        terminal_file = os.open(f"/proc/{at.shell.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)
        termios.tcflow(terminal_file, termios.TCOOFF)
        try:
            async with dialled(server) as terminal:
                for number in range(20):
                    at.type(b"\t")
                    assert (await terminal.punch(number))["result"] is True
            os.kill(pid_of(at), signal.SIGTERM)
            with trio.fail_after(30):
                while _children(at.shell.pid):
                    await trio.sleep(0.05)
                    if (at.folder / "code").exists():
                        break
        finally:
            termios.tcflow(terminal_file, termios.TCOON)
            os.close(terminal_file)
        assert await at.ended() == 0


async def test_where_a_server_runs_its_console_is_offered(tmp_path: Path) -> None:
    with serving(tmp_path / "server", TM20_LANG="en") as server:
        await server.start()
        told = {name: value for name, value in server.environment.items() if name.startswith("TM20_")}
        command = (sys.executable, "-m", "tm20tui")
        with seat(tmp_path / "yes", *command, **told) as at:
            await at.until(b"Show its console here? [Y/n]")
            at.type(b"\n")
            await at.until(SHOWN)
            at.type(b"\x1c")
            assert await at.ended() == 0
            assert at.is_restored()
        with seat(tmp_path / "no", *command, **told) as at:
            await at.until(b"[Y/n]")
            at.type(b"n\n")
            assert await at.ended() == 3
        assert await server.stop() == 0


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("columns", [0, 60])
def test_what_is_told_after_a_console_is_not_cut_within_words(columns: int) -> None:
    class Terminal:
        said = ""

        def size(self) -> tuple[int, int]:
            return columns, 24

        def say(self, text: str) -> None:
            self.said += text

    terminal = Terminal()
    console: Any = SimpleNamespace(_tty=terminal)
    LocalConsole._tell(console, End(CODE_ENDED, CRASHED))
    lines = terminal.said.splitlines()
    assert max(map(len, lines)) <= max(20, columns)
    assert " ".join(lines).startswith(f"tm20tui: {CRASHED} Enter opens")
