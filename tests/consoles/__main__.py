"""`python -m tests.consoles [--stall 30] [--terminals 40] [--rate 100]`: operators come and go under load.

A headless server with simulated terminals; three consoles of different sizes and languages
under tmux. They type, click, paste, are resized, leave and come back; one is stopped, one is
killed, the server is stopped and killed. Printed: how long acknowledgements and keys took
before and meanwhile. Exits 1 when anything is not as it should be, 0 with a note without tmux.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import trio

from tests.consoles.tmux import Failed, Pane, is_there
from tests.process.server import ROOT, Server, serving
from tests.process.terminal import ByHand, dialled
from tm20tui.simulate.fleet import Fleet

ACKS_PER_SECOND = 20.0
HAND_SECONDS = 0.5
"""What a hand takes from one key that opens something to the next."""
SIZES = {"one": (80, 24, "fr"), "two": (120, 36, "en"), "three": (200, 50, "en")}
OTHER_VERSION = (
    "import sys, tm20tui.tui.frames as frames; frames.CONSOLE_VERSION = 99; "
    "from tm20tui.cli.main import main; sys.exit(main())"
)


@dataclass
class Measure:
    """Acknowledgements of one terminal, and keys of the consoles that were watched, in seconds."""

    acks: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """One line for people."""
        acks = f"ack p50 {_ms(self.acks, 50)}  p99 {_ms(self.acks, 99)}"
        keys = f"key to paint p50 {_ms(self.keys, 50)}  max {_ms(self.keys, 100)}"
        return f"{name:40} {acks}   {keys}   ({len(self.acks)}, {len(self.keys)})"


class Prober:
    """A terminal that punches all the time and measures its acknowledgements."""

    def __init__(self, terminal: ByHand) -> None:
        self._terminal = terminal
        self._at = datetime(2026, 3, 2)
        self._count = 0
        self.acks: list[float] = []

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._count += 1
            self._at += timedelta(seconds=1)
            record = {
                "enrollid": 1,
                "time": f"{self._at:%Y-%m-%d %H:%M:%S}",
                "mode": 1,
                "inout": 0,
                "event": 0,
            }
            frame = {
                "cmd": "sendlog",
                "sn": self._terminal.sn,
                "count": 1,
                "logindex": self._count,
                "record": [record],
            }
            begun = time.monotonic()
            await self._terminal.ask(frame)
            self.acks.append(time.monotonic() - begun)
            await trio.sleep(1 / ACKS_PER_SECOND)


class Consoles:
    """The play, scene by scene."""

    def __init__(self, server: Server, folder: Path, given: argparse.Namespace) -> None:
        self._server = server
        self._folder = folder
        self._given = given
        self._panes: dict[str, Pane] = {}
        self._prober: Prober | None = None

    async def play(self) -> None:
        """Every scene. Raises `Failed`."""
        try:
            for name, (columns, rows, language) in SIZES.items():
                told = {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
                self._panes[name] = Pane(self._folder / "tmux", name, columns, rows, told)
                await self._attach(name, "--lang", language)
            await self._hands()
            await self._come_and_go()
            await self._job()
            async with trio.open_nursery() as nursery:
                await self._load(nursery)
                await self._under_load()
                nursery.cancel_scope.cancel()
            await self._strangers()
            await self._ends()
        finally:
            for pane in self._panes.values():
                pane.close()

    async def _hands(self) -> None:
        two = self._panes["two"]
        two.press("2")
        await two.until(_is_at("2"), "the second mode")
        await trio.sleep(HAND_SECONDS)
        two.type("/")
        await trio.sleep(HAND_SECONDS)
        two.type("TM20-typed")
        await two.shows("TM20-typed")
        two.paste("-pasted-é")
        await two.shows("TM20-typed-pasted-é")
        two.press("Escape", "Escape")
        await two.until(lambda screen: "pasted-é" not in screen, "the end of the filter")
        told("typing and pasting reach their console only", "pasted" not in self._panes["three"].screen())
        two.click(10, 6)
        two.resize(100, 30)
        await two.until(lambda screen: max(map(len, screen.splitlines())) == 100, "the new size")
        two.resize(120, 36)
        await two.until(lambda screen: max(map(len, screen.splitlines())) == 120, "the old size")
        told("a mouse, a paste and a resize are taken", True)
        self._panes["one"].press("2")
        await self._panes["one"].shows("Terminaux")
        await two.shows("Terminals")
        told("each console speaks its language", True)

    async def _come_and_go(self) -> None:
        one = self._panes["one"]
        one.send(b"\x1c")
        await self._ended("one", 0, "Ctrl+\\ leaves")
        await self._attach("one", "--lang", "fr")
        three = self._panes["three"]
        three.press("q")
        await three.shows("close the console")
        three.press("i")
        await self._ended("three", 0, "q closes")
        await self._attach("three", "--read-only", "--lang", "en")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            os.kill(three.pids()[0], number)
            await self._ended("three", 128 + number, f"{number.name} ends")
            await self._attach("three", "--lang", "en")

    async def _job(self) -> None:
        """The shell takes its terminal from a job that is stopped, and `fg` gives it back."""
        three = self._panes["three"]
        three.press("2")
        await three.until(_is_at("2"), "the second mode")
        for pid in three.pids():
            os.kill(pid, signal.SIGSTOP)
        await three.shows("Stopped")
        three.run("fg")
        await three.until(lambda screen: _is_at("2")(screen) and "Stopped" not in screen, "the picture anew")
        three.press("9")
        await three.until(_is_at("9"), "the log")
        told("a stopped job is a console again after fg", True)

    async def _load(self, nursery: trio.Nursery) -> None:
        given = self._given
        fleet = Fleet(self._server.url, count=given.terminals, rate=given.rate, seed=1)
        nursery.start_soon(fleet.run)
        prober = await nursery.start(_probe, self._server)
        self._prober = prober
        with trio.fail_after(60):
            while fleet.stats().registered < given.terminals:
                await trio.sleep(0.1)
        await trio.sleep(3)

    async def _under_load(self) -> None:
        given = self._given
        before = await self._measured(given.seconds, "one", "two")
        print(before.line(f"three consoles, {given.rate:g} punches/s"))
        three = self._panes["three"]
        carrier = three.pids()[-1]  # as where a line freezes; stopping the whole job is the shell's business
        os.kill(carrier, signal.SIGSTOP)
        stopped = await self._measured(given.stall, "one", "two")
        print(stopped.line(f"one of them stopped for {given.stall:g} s"))
        os.kill(carrier, signal.SIGCONT)
        three.press("9")
        await three.until(_is_at("9"), "the log")
        told("the one that was stopped goes on", True)
        os.kill(three.pids()[-1], signal.SIGKILL)
        killed = await self._measured(given.seconds, "one", "two")
        print(killed.line("one of them killed with -9"))
        await self._ended("three", 137, "kill -9 of the client")
        for name, meanwhile in (("stopped", stopped), ("killed", killed)):
            told(f"nobody notices who is {name}", _is_same(before, meanwhile))
        await self._attach("three", "--lang", "en")

    async def _strangers(self) -> None:
        one = self._panes["one"]
        one.send(b"\x1c")
        await self._ended("one", 0, "leaving")
        socket = str(self._folder / "control.sock")
        self._begin("one", sys.executable, "-c", OTHER_VERSION, "--lang", "en", "attach", "--socket", socket)
        await one.shows("version 1 of the console")
        await self._ended("one", 1, "another version is refused with a sentence")
        await self._attach("one", "--lang", "fr")

    async def _ends(self) -> None:
        assert await self._server.stop() == 0
        for name in SIZES:
            await self._ended(name, 3, f"the server stops: console {name} says so")
        await self._server.start()
        for name, (_, _, language) in SIZES.items():
            await self._attach(name, "--lang", language)
        self._server.kill()
        for name in SIZES:
            await self._ended(name, 3, f"the server is killed: console {name} says so")

    async def _attach(self, name: str, *options: str) -> None:
        socket = str(self._folder / "control.sock")
        self._begin(name, sys.executable, "-m", "tm20tui", "attach", "--socket", socket, *options)
        await self._panes[name].shows("●")

    def _begin(self, name: str, *command: str) -> None:
        pane, folder = self._panes[name], self._folder
        for leaf in ("before", "after", "code"):
            (folder / f"{name}.{leaf}").unlink(missing_ok=True)
        pane.press("C-l")
        pane.type(f"stty -a > {folder}/{name}.before")
        pane.press("Enter")
        pane.run(*command)

    async def _ended(self, name: str, code: int, what: str) -> None:
        """The console of a pane has ended: by this code, with the terminal as it was, usable."""
        pane, folder = self._panes[name], self._folder
        await pane.until(lambda screen: screen.rstrip().endswith("ready>"), f"the prompt after: {what}")
        pane.type(
            f"echo $? > {folder}/{name}.code; stty -a > {folder}/{name}.after; echo usable; : {what[:4]!r}"
        )
        pane.press("Enter")
        await pane.shows("\nusable")
        with trio.fail_after(30):
            while not (folder / f"{name}.after").exists():
                await trio.sleep(0.01)
        found = int((folder / f"{name}.code").read_text())
        same = (folder / f"{name}.before").read_text() == (folder / f"{name}.after").read_text()
        told(f"{what}: exit {code}, terminal as before", found == code and same, f"exit {found}, same {same}")

    async def _measured(self, seconds: float, *names: str) -> Measure:
        assert self._prober is not None
        measure, first, until = Measure(), len(self._prober.acks), time.monotonic() + seconds
        while time.monotonic() < until:
            for key in ("9", "2"):
                for name in names:
                    pane = self._panes[name]
                    pane.press(key)
                    measure.keys.append(await pane.until(_is_at(key), f"mode {key}"))
                    await trio.sleep(0.15)
        measure.acks = self._prober.acks[first:]
        return measure


async def _probe(server: Server, *, task_status: trio.TaskStatus[Prober]) -> None:
    async with dialled(server, "TM20-PROBE") as terminal:
        prober = Prober(terminal)
        task_status.started(prober)
        await prober.run()


def told(what: str, is_so: bool, found: str = "") -> None:
    """Print what was seen; raise `Failed` when it is not so."""
    if not is_so:
        raise Failed(f"{what}: no ({found})" if found else f"{what}: no")
    print(f"  ok  {what}", flush=True)


def _is_at(key: str) -> Callable[[str], bool]:
    """Whether a screen is at the mode of a key: `[2 Terminals]`, or `[2] Terminals` where it is narrow."""
    return lambda screen: f"[{key}" in screen


def _is_same(before: Measure, meanwhile: Measure) -> bool:
    """Within what two runs of the same differ by on a machine that has other work."""
    acks = _percentile(meanwhile.acks, 99) < 3 * _percentile(before.acks, 99) + 0.05
    return acks and statistics.median(meanwhile.keys) < 2 * statistics.median(before.keys) + 0.05


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _ms(values: list[float], percent: int) -> str:
    return f"{_percentile(values, percent) * 1000:6.1f} ms" if values else "     -   "


async def _main(given: argparse.Namespace) -> int:
    code = 0
    with tempfile.TemporaryDirectory(prefix="tm20tui-consoles-") as name, serving(Path(name)) as server:
        await server.start()
        try:
            await Consoles(server, Path(name), given).play()
        except* Failed as group:
            code = 1
            print(f"FAILED  {_first(group)}")
    return code


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.consoles", description=__doc__)
    parser.add_argument("--stall", type=float, default=30.0, help="seconds that one console is stopped")
    parser.add_argument("--seconds", type=float, default=15.0, help="seconds of each other measurement")
    parser.add_argument("--terminals", type=int, default=40)
    parser.add_argument("--rate", type=float, default=100.0, help="punches a second")
    given = parser.parse_args()
    if not is_there():
        print("=" * 72 + "\nSKIPPED: this machine has no tmux, and nothing was proved here.\n" + "=" * 72)
        return 0
    return trio.run(_main, given)


if __name__ == "__main__":
    sys.exit(main())
