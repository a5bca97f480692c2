"""What systemd is given and told: the unit, its configuration, and the datagrams of a running server."""

from __future__ import annotations

import logging
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.process.server import serving
from tm20tui.cli.main import USAGE
from tm20tui.cli.sd_notify import SystemdNotifier
from tm20tui.cli.serve import _allow_open_files
from tm20tui.settings import load

ROOT = Path(__file__).parents[2]


def printed(file: str, *, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", "tm20tui", "--lang", "en", "systemd", file],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def unit(text: str) -> RawConfigParser:
    parser = RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_the_unit_starts_the_program_that_printed_it() -> None:
    done = printed("service")
    service = unit(done.stdout)["Service"]
    program, *options = service["ExecStart"].split()
    assert Path(program).parent == Path(sys.executable).parent
    assert os.access(program, os.X_OK)
    assert options[-3:] == ["--headless", "--config", "/etc/tm20tui/config.toml"]
    assert (service["Type"], service["RestartPreventExitStatus"]) == ("notify", str(USAGE))
    assert "@" not in service["ExecStart"]


def test_a_program_in_a_home_folder_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tm20tui.cli.systemd import show

    monkeypatch.setattr(sys, "executable", "/home/ann lee/100%/bin/python3")
    assert show("service") == 0
    said = capsys.readouterr()
    assert "which the service cannot see" in said.err
    start = unit(said.out)["Service"]["ExecStart"]
    assert start.startswith('"/home/ann lee/100%%/bin/python3" -m tm20tui --headless ')


def test_a_python_of_a_home_folder_is_warned_of_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tm20tui.cli.systemd import show

    (tmp_path / "python3").symlink_to("/home/ann/.pyenv/bin/python3")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert show("service") == 0
    assert "/home/ann/.pyenv/bin/python3" in capsys.readouterr().err


def test_the_configuration_is_valid_and_fits_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(printed("config").stdout)
    settings = load(path)
    service = unit(printed("service").stdout)["Service"]
    assert settings.resolved_state_directory == Path("/var/lib") / service["StateDirectory"]
    assert settings.control_path.parent == Path("/run") / service["RuntimeDirectory"]
    assert settings.control.group == service["Group"]
    assert set(settings.operators.groups) == {service["Group"]}


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """The end that systemd reads; its datagrams can be read without waiting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.setblocking(False)
        yield line


def heard(line: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(line.recv(4096).decode())
        except BlockingIOError:
            return found


def environ(address: Path | str, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(address), "HOME": "/", **more}


def test_what_is_said_and_that_children_do_not_inherit_it(tmp_path: Path) -> None:
    told = environ(tmp_path / "notify", WATCHDOG_USEC="3000000", WATCHDOG_PID=str(os.getpid()))
    with manager(told["NOTIFY_SOCKET"]) as line:
        notifier = SystemdNotifier(told)
        notifier.ready()
        notifier.stopping(12.5)
        assert heard(line) == ["READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=12500000\nSTATUS=stopping"]
    assert told == {"HOME": "/"}


def test_an_abstract_address() -> None:
    name = f"tm20tui-test-{os.getpid()}"
    with manager(f"\0{name}") as line:
        SystemdNotifier(environ(f"@{name}")).ready()
        assert heard(line) == ["READY=1"]


async def test_the_watchdog_is_fed_twice_in_its_time_and_the_status_told_when_it_changes(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    told = environ(tmp_path / "notify", WATCHDOG_USEC="10000000")
    statuses = iter(["1 online", "1 online", "2 online"])
    with manager(told["NOTIFY_SOCKET"]) as line:
        notifier = SystemdNotifier(told)
        with trio.move_on_after(12):
            await notifier.keep(lambda: next(statuses))
        assert heard(line) == ["WATCHDOG=1\nSTATUS=1 online", "WATCHDOG=1", "WATCHDOG=1\nSTATUS=2 online"]
        notifier.stopping(1)
        heard(line)
        with trio.move_on_after(1):
            await notifier.keep(lambda: "3 online")
        assert heard(line) == ["WATCHDOG=1"]


@pytest.mark.parametrize("watchdog", [{}, {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}])
async def test_a_watchdog_of_nobody_or_of_another_process_is_not_fed(
    tmp_path: Path, autojump_clock: MockClock, watchdog: dict[str, str]
) -> None:
    told = environ(tmp_path / "notify", **watchdog)
    with manager(told["NOTIFY_SOCKET"]) as line:
        with trio.move_on_after(60):
            await SystemdNotifier(told).keep(lambda: "same")
        assert heard(line) == ["STATUS=same"]


def test_without_systemd_nothing_is_said_and_a_lost_socket_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        SystemdNotifier({}).ready()
        assert not caplog.records
        SystemdNotifier(environ(tmp_path / "gone")).ready()
    assert [record.getMessage() for record in caplog.records] == ["systemd could not be told"]


async def test_a_server_tells_that_it_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    told = environ(tmp_path / "notify", WATCHDOG_USEC="200000")
    with (
        manager(told["NOTIFY_SOCKET"]) as line,
        serving(tmp_path / "server", **told, TM20_PROCESS__DRAIN_SECONDS="3") as server,
    ):
        said: list[str] = []

        async def hear(words: str, times: int = 1) -> None:
            with trio.fail_after(30):
                while sum(words in one for one in said) < times:
                    said.extend(heard(line))
                    await trio.sleep(0.01)

        server.spawn()
        await hear("READY=1")
        assert server.said().count("listening for terminals") == 1
        assert said[0] == "READY=1"
        await hear("WATCHDOG=1", 3)
        assert "STATUS=0 terminals online, 0 alarms" in "\n".join(said).splitlines()
        assert await server.stop() == 0
        said.extend(heard(line))
        (stopping,) = [one for one in said if one.startswith("STOPPING=1")]
        assert int(stopping.partition("EXTEND_TIMEOUT_USEC=")[2].split()[0]) > 3_000_000


def test_a_server_opens_as_many_files_as_its_account_may() -> None:
    script = (
        "import resource; from tm20tui.cli.serve import _allow_open_files; _allow_open_files();"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -Sn 256 && exec "$@"', "sh", sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [str(hard), str(hard)]


def test_a_system_that_allows_fewer_files_than_the_account_may_open_stops_no_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(_limit: int, limits: tuple[int, int]) -> None:
        asked.append(limits)
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _limit: (1024, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    _allow_open_files()
    assert asked == [(resource.RLIM_INFINITY, resource.RLIM_INFINITY)]
