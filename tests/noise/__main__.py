"""`python -m tests.noise [--seeds 5] [--first 1] [--moves 300] [--read-only]`: a hand that means nothing.

A server of `--demo` and a console that is attached to it: keys, broken sequences, the mouse, pastes and
sizes by chance, in every mode. A console that is closed by it is attached again. Printed for each seed:
what was sent and what the server has grown to. Exits 1 when the server or a console has crashed, or the
log tells of a defect.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from tests.noise.hand import Hand
from tests.noise.playing import Silent, play
from tests.tui.screens import Eye, hello_to
from tm20tui.tui.frames import CODE_STOPPED
from tm20tui.tui.stage import CRASHED

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
WANTED = "this crash was asked for"
"""A command of the demo's palette."""
_SOCKET = re.compile(r"operators reach this server at ([^\"\s]+)")


class Show:
    """A demo in a folder of its own, over any number of lives: a hand may stop it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.socket = Path()
        self.lives = 0
        self._read = 0

    async def start(self) -> None:
        """Begin a life and wait until consoles can attach."""
        self.lives += 1
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TM20_")}
        kept |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder), "TM20_API__ENABLED": "false"}
        begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tm20tui", "--demo", "--headless", "--seed", "1"],
                cwd=self.folder,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        with trio.fail_after(START_SECONDS):
            while (found := _SOCKET.search(self.log.read_text(errors="replace")[begun:])) is None:
                await trio.sleep(0.1)
        self.socket = Path(found[1])

    @asynccontextmanager
    async def attached(self, *, read_only: bool) -> AsyncIterator[Eye]:
        """A console of a server that runs, also if one has to be started for it."""
        if self.process is None or self.process.poll() is not None:
            await self.start()
        async with hello_to(self.socket, language="en", read_only=read_only) as (eye, hello):
            assert "error" not in hello, hello
            yield eye

    def defects(self) -> Iterator[str]:
        """What the log tells since it was read last that no hand may bring about."""
        text = self.log.read_text(errors="replace")[self._read :]
        self._read += len(text)
        for line in text.splitlines():
            is_defect = "Traceback" in line or "crashed" in line or '"level": "critical"' in line
            if is_defect and WANTED not in line:
                yield line

    def kilobytes(self) -> int:
        """What the server holds in memory."""
        assert self.process is not None
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) if found else 0


@contextmanager
def showing(folder: Path) -> Iterator[Show]:
    """A demo, ended at the end."""
    show = Show(folder)
    try:
        yield show
    finally:
        if show.process is not None and show.process.poll() is None:
            show.process.kill()
            show.process.wait()


async def _seed(show: Show, seed: int, given: argparse.Namespace) -> list[str]:
    played = await play(lambda: show.attached(read_only=given.read_only), Hand(seed), given.moves)
    found = list(show.defects())
    wanted = show.log.read_text(errors="replace").count(WANTED)
    found += [CRASHED for end in played.ends if end is not None and end.message == CRASHED][wanted:]
    found += [f"ended without a word: {end}" for end in played.ends if end is None]
    stopped = sum(end is not None and end.code == CODE_STOPPED for end in played.ends)
    print(
        f"seed {seed:4}  {played.sent:6} moves  {played.consoles:3} consoles  {stopped} stops of the server  "
        f"{show.kilobytes() // 1024:4} MB  {'ok' if not found else 'DEFECTS'}",
        flush=True,
    )
    return found


async def _main(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="tm20tui-noise-") as name, showing(Path(name)) as show:
        await show.start()
        for seed in range(given.first, given.first + given.seeds):
            try:
                found = await _seed(show, seed, given)
            except* (Silent, trio.TooSlowError) as group:
                found = [*show.defects(), f"silent: {group.exceptions}"]
            if found:
                print(f"FAILED with --first {seed} --seeds 1:", *found[:20], sep="\n")
                return 1
        async with show.attached(read_only=True) as eye:
            assert show.process is not None
            show.process.send_signal(signal.SIGTERM)
            end = await eye.ended(30)
            code = await trio.to_thread.run_sync(show.process.wait)
        if code or end is None or end.code != CODE_STOPPED:
            print(f"FAILED  the server ended with {code}, its console was told {end}")
            return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.noise", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many hands, one after the other")
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--moves", type=int, default=300, help="moves of each in every mode")
    parser.add_argument("--read-only", action="store_true", help="consoles that may only look")
    return trio.run(_main, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
