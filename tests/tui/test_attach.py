"""`tm20tui attach` on a terminal of its own: whatever ends it, the terminal is as it was found."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.tui.screens import Theatre, theatre
from tm20tui.tui import host, stage

ROOT = Path(__file__).parents[2]
_SHELL = (
    'trap : INT; cd "$1"; shift; stty -a > before; "$@"; echo $? > code; stty -a > after; : > done; exec cat'
)
"""A shell that stays in charge of the terminal when what it ran has ended."""


@dataclass
class Seat:
    """A terminal with a shell that runs one command."""

    folder: Path
    shell: subprocess.Popen[bytes]
    ours: int
    output: bytes = b""

    async def until(self, text: bytes, seconds: float = 30.0) -> None:
        """Wait until the terminal was sent this."""
        with trio.fail_after(seconds):
            while text not in self.output:
                await self._read()

    def type(self, text: bytes) -> None:
        os.write(self.ours, text)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def pids(self) -> tuple[int, int]:
        """The process that waits, and the one that carries."""
        guard = _children(self.shell.pid)[0]
        return guard, _children(guard)[0]

    async def ended(self, seconds: float = 30.0) -> int:
        """Wait for the end of the command; its exit code."""
        with trio.fail_after(seconds):
            while not (self.folder / "done").exists():
                with trio.move_on_after(0.05):
                    await self._read()
            still = False
            while not still:
                with trio.move_on_after(0.1) as waiting:
                    await self._read()
                still = waiting.cancelled_caught
        return int((self.folder / "code").read_text())

    def is_restored(self) -> bool:
        """Whether everything is as it was before: the line's settings, and what the picture had set."""
        same = (self.folder / "before").read_text() == (self.folder / "after").read_text()
        modes = (b"?1049", b"?1000", b"?1003", b"?1006", b"?1004", b"?2004")
        left = [mode for mode in modes if self.output.rfind(mode + b"h") > self.output.rfind(mode + b"l")]
        return same and not left and self.output.rfind(b"?25h") >= self.output.rfind(b"?25l")

    def said(self) -> str:
        """What stands on the terminal after its restoration."""
        return self.output.rpartition(b"\x1b[?25h")[2].decode()

    async def _read(self) -> None:
        await trio.lowlevel.wait_readable(self.ours)
        self.output += os.read(self.ours, 65536)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def seat(folder: Path, *command: str, **environment: str) -> Iterator[Seat]:
    """A terminal on which a command runs, and of which nothing is left afterwards."""
    folder.mkdir()
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TM20_", "LC_"))}
    kept |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
    shell = subprocess.Popen(
        ["sh", "-c", _SHELL, "sh", str(folder), *command],
        env=kept | environment,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(its)
    try:
        yield Seat(folder, shell, ours)
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def attaching(house: Theatre, *options: str) -> list[str]:
    return [sys.executable, "-m", "tm20tui", "attach", "--socket", str(house.control.path), *options]


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Theatre]:
    async with theatre(sqlite_url, tmp_path) as running:
        yield running


@pytest.fixture
async def at(house: Theatre, tmp_path: Path) -> AsyncIterator[Seat]:
    """A terminal with a console on it."""
    with seat(tmp_path / "seat", *attaching(house)) as found:
        await found.until(b"<hello")
        yield found


async def test_keys_pictures_and_sizes_are_carried(at: Seat) -> None:
    at.type(b"a")
    await at.until(b"<key a>")
    at.resize(100, 30)
    await at.until(b"<size 100x30>")
    at.type("\x1b[200~é€\x1b[201~".encode())
    await at.until("<paste é€>".encode())


@pytest.mark.parametrize(
    ("typed", "said"),
    [(b"c", stage.CLOSED), (b"\x1c", ""), (b"\x1b[92;5u", "")],
    ids=["quit", "ctrl", "kitty"],
)
async def test_leaving_by_a_key_ends_with_0(at: Seat, typed: bytes, said: str) -> None:
    at.type(typed)
    assert await at.ended() == 0
    assert at.is_restored()
    assert at.said().strip() == (f"tm20tui: {said}" if said else "")


async def test_a_crash_is_one_sentence_and_ends_with_1(at: Seat) -> None:
    at.type(b"x")
    assert await at.ended() == 1
    assert at.is_restored()
    assert at.said().strip() == f"tm20tui: {stage.CRASHED}"


async def test_the_servers_end_is_told_and_ends_with_3(house: Theatre, at: Seat) -> None:
    house.gateway.stop()
    assert await at.ended() == 3
    assert at.is_restored()
    assert at.said().strip() == f"tm20tui: {host.STOPPED}"


@pytest.mark.parametrize(
    ("keys", "opened"),
    [("q", b"Quit"), ("5n", b"New user"), (":door", b"door")],
    ids=["dialog", "form", "palette"],
)
async def test_the_servers_end_is_told_over_whatever_is_open(
    sqlite_url: str, tmp_path: Path, keys: str, opened: bytes
) -> None:
    async with theatre(sqlite_url, tmp_path, make_app=None) as house:
        with seat(tmp_path / "seat", *attaching(house, "--lang", "en")) as at:
            await at.until(b"commands")
            at.type(keys.encode())
            await at.until(opened)
            house.gateway.stop()
            assert await at.ended() == 3
            assert at.is_restored()
            assert at.said().strip() == f"tm20tui: {host.STOPPED}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("which", [0, 1], ids=["guard", "carrier"])
async def test_a_signal_restores_the_terminal(at: Seat, number: signal.Signals, which: int) -> None:
    os.kill(at.pids()[which], number)
    assert await at.ended() == 128 + number
    assert at.is_restored()


@pytest.mark.parametrize("which", [0, 1], ids=["guard", "carrier"])
async def test_kill_9_of_either_process_restores_the_terminal(house: Theatre, at: Seat, which: int) -> None:
    carrier = at.pids()[1]
    os.kill(at.pids()[which], signal.SIGKILL)
    assert await at.ended() == 137
    with trio.fail_after(30):
        while Path(f"/proc/{carrier}").exists() or house.gateway.attached.all():
            await trio.sleep(0.02)
    with Path(f"/proc/{at.shell.pid}/fd/0").open() as terminal:
        modes = subprocess.run(["stty", "-a"], stdin=terminal, capture_output=True, text=True, check=True)
    assert modes.stdout == (at.folder / "before").read_text()
    (at.folder / "after").write_text(modes.stdout)
    with trio.move_on_after(30):
        while not at.is_restored():
            await at._read()
    assert at.is_restored()


async def test_a_stop_and_a_continuation_paint_everything_anew(at: Seat) -> None:
    guard, carrier = at.pids()
    for pid in (guard, carrier):
        os.kill(pid, signal.SIGSTOP)
    at.output = b""
    for pid in (carrier, guard):
        os.kill(pid, signal.SIGCONT)
    await at.until(b"\x1b[?1049h")
    at.output = at.output.rpartition(b"\x1b[?1049h")[2]
    await at.until(b"<hello")
    at.type(b"a")
    await at.until(b"<key a>")


async def test_ctrl_z_and_ctrl_c_are_keys(at: Seat) -> None:
    at.type(b"\x1a")
    await at.until(b"<key ctrl+z>")
    os.kill(at.pids()[1], signal.SIGTSTP)
    at.type(b"a")
    await at.until(b"<key a>")


async def test_a_terminal_that_hangs_up_ends_the_console_only(house: Theatre, tmp_path: Path) -> None:
    with seat(tmp_path / "seat", *attaching(house)) as at:
        await at.until(b"<hello")
        _, carrier = at.pids()
        at.shell.kill()  # it leads the session: the kernel hangs the terminal up
        with trio.fail_after(30):
            while Path(f"/proc/{carrier}").exists() or len(await house.audit()) < 2:
                await trio.sleep(0.02)
    assert "hung up" in (await house.audit())[1]["arguments"]


async def test_a_client_of_another_version_is_refused_with_a_sentence(house: Theatre, tmp_path: Path) -> None:
    script = (
        "import sys, tm20tui.tui.frames as frames; frames.CONSOLE_VERSION = 99; "
        "from tm20tui.cli.main import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", script, *attaching(house)[3:]]
    with seat(tmp_path / "seat", *command) as at:
        assert await at.ended() == 1
        assert "use the same version of tm20tui for both" in at.output.decode()
        assert at.is_restored()


async def test_without_a_server_it_says_so_and_ends_with_3(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tm20tui", "--lang", "fr", "attach", "--socket", str(tmp_path / "none")]
    with seat(tmp_path / "seat", *command) as at:
        assert await at.ended() == 3
        assert "aucun serveur ne répond" in at.output.decode()
        assert at.is_restored()


def test_without_a_terminal_it_says_so_and_ends_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tm20tui", "attach", "--socket", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "a console needs a terminal" in done.stderr
