"""`python -m tests.benchmarks.console [--quick]`: what a console costs, seen from an operator's terminal.

A headless server with simulated terminals, and `tm20tui attach` on a pseudo-terminal:
bytes on the line, key to paint, and what a terminal that does not read does to the server.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.benchmarks.__main__ import Table
from tests.benchmarks.product import Product, prepare, running
from tm20tui.simulate.fleet import Fleet

TERMINALS = 15
KEYS = 60
PAINTED = b"Termina"
"""Of the status row in both languages: the title alone is sent before there is a picture."""
_QUIET_SECONDS = 1.0
_ENTERED_SECONDS = 5.0
"""A console on a slow line looks for what to show every few seconds only."""


class Terminal:
    """The operator's side of a pseudo-terminal: counts what is painted."""

    def __init__(self, product: Product, *options: str, size: tuple[int, int] = (120, 36)) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tm20tui",
                "attach",
                "--socket",
                str(product.folder / "control.sock"),
                *options,
            ],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.bytes = 0
        self.last_at = time.monotonic()
        self.text = bytearray()

    async def read(self) -> None:
        """Read until cancelled or hung up."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self.master)
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.bytes += len(data)
            self.last_at = time.monotonic()
            self.text += data
            del self.text[:-200_000]

    async def settle(self, seconds: float = _QUIET_SECONDS) -> None:
        """Wait until nothing was painted for so long."""
        started = time.monotonic()
        while time.monotonic() - max(started, self.last_at) < seconds:
            await trio.sleep(0.05)

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    async def painted(self, keys: str) -> float:
        """Type, and the seconds until something was painted."""
        before, started = self.bytes, time.monotonic()
        self.press(keys)
        while self.bytes == before:
            if time.monotonic() - started > 5:
                raise RuntimeError("nothing was painted within five seconds of a key")
            await trio.sleep(0.0005)
        return self.last_at - started

    def close(self) -> None:
        """Hang up."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@asynccontextmanager
async def looking(product: Product, *options: str, **kwargs: tuple[int, int]) -> AsyncIterator[Terminal]:
    """A console that shows the terminals and is read."""
    terminal = Terminal(product, *options, **kwargs)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.read)
            with trio.fail_after(20):
                while PAINTED not in terminal.text:
                    await trio.sleep(0.02)
            await terminal.settle()
            terminal.press("2")
            await terminal.settle(_ENTERED_SECONDS)
            yield terminal
            nursery.cancel_scope.cancel()
    finally:
        terminal.close()


async def run(*, quick: bool) -> None:
    """Everything, one line a figure."""
    seconds = 5.0 if quick else 10.0
    table = Table()
    with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as name:
        folder = Path(name)
        prepare(folder)[0].close()
        with running(folder, TM20_STATE_DIRECTORY=str(folder)) as product:
            await product.wait_until_listening()
            await _lines(product, table, seconds)
            await _latency(product, table, seconds)
            await _stall(product, table, seconds)
            await _hang_up(product, table)


async def _lines(product: Product, table: Table, seconds: float) -> None:
    for size in ((80, 24), (120, 36)):
        started = time.monotonic()
        terminal = Terminal(product, size=size)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.read)
            while PAINTED not in terminal.text:
                await trio.sleep(0.01)
            table.add(f"attach to first paint, {size[0]}x{size[1]}", time.monotonic() - started, "s", "4")
            await terminal.settle()
            table.add("  bytes of it", terminal.bytes / 1000, "kB")
            nursery.cancel_scope.cancel()
        terminal.close()
    async with _fleet(product, 0.0):
        before = product.rss_kb
        async with looking(product) as one, looking(product):
            table.add("memory of the second console", (product.rss_kb - before) / 2 / 1000, "MB")
            count = one.bytes
            await trio.sleep(seconds)
            table.add(
                f"nothing changes for {seconds:.0f} s, {TERMINALS} terminals", one.bytes - count, "B", "0"
            )
    for options, goal in (((), "5"), (("--slow",), "1")):
        async with _fleet(product, 6.0), looking(product, *options) as terminal:
            count = terminal.bytes
            await trio.sleep(seconds)
            name = f"6 punches/s, Terminals 120x36 {' '.join(options)}"
            table.add(name, (terminal.bytes - count) / seconds / 1000, "kB/s", goal)


async def _latency(product: Product, table: Table, seconds: float) -> None:
    async with _fleet(product, 500.0) as fleet, looking(product) as terminal:
        await trio.sleep(seconds / 2)
        times = []
        for number in range(KEYS):
            times.append(await terminal.painted("k" if number % 2 else "j"))
            await trio.sleep(0.05)
        times.sort()
        table.add("key to paint at 500 messages/s, p50", times[len(times) // 2] * 1000, "ms")
        table.add("key to paint at 500 messages/s, p95", times[int(len(times) * 0.95)] * 1000, "ms", "50")
        table.add("  ack p99 meanwhile", fleet.stats().ack_p99_seconds * 1000, "ms")


async def _stall(product: Product, table: Table, seconds: float) -> None:
    async with _fleet(product, 300.0) as fleet:
        terminal = Terminal(product)
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            terminal.press("12")
            await trio.sleep(0.2)
        stats = fleet.stats()
        table.add(
            f"terminal not read for {seconds:.0f} s, 300 messages/s: ack p99",
            stats.ack_p99_seconds * 1000,
            "ms",
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.read)
            await terminal.settle()
            table.add("  key to paint after it reads again", await terminal.painted("j") * 1000, "ms")
            nursery.cancel_scope.cancel()
        terminal.close()


async def _hang_up(product: Product, table: Table) -> None:
    async with _fleet(product, 100.0), looking(product) as terminal:
        terminal.process.send_signal(signal.SIGHUP)
        await trio.sleep(2)
    before = _cpu_seconds(product)
    await trio.sleep(5)
    table.add("server's CPU after the consoles left", (_cpu_seconds(product) - before) / 5 * 100, "%", "5")


def _cpu_seconds(product: Product) -> float:
    fields = Path(f"/proc/{product.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def _fleet(product: Product, rate: float) -> AsyncIterator[Fleet]:
    fleet = Fleet(product.url, count=TERMINALS, rate=rate, seed=1, enrol_seconds=float("inf"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fleet.run)
        with trio.fail_after(60):
            while fleet.stats().registered < TERMINALS:
                await trio.sleep(0.1)
        yield fleet
        nursery.cancel_scope.cancel()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.console", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, for a first look")
    quick = parser.parse_args().quick
    trio.run(lambda: run(quick=quick))


if __name__ == "__main__":
    main()
