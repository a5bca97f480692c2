"""`python -m tests.cli.fake_server MODE ARGUMENTS...`: the command line around a server that does nothing.

MODE: serves, drains-slowly, never-drains, already-running, broken-store, crashes, stops-early.
"""

from __future__ import annotations

import os
import sys
import time
import types
from datetime import UTC, datetime

import trio

from tm20tui.errors import AlreadyRunning, StoreError

ON_A_TERMINAL = os.isatty(1)
MODE = sys.argv[1] if __name__ == "__main__" else "serves"


def say(word: str) -> None:
    if not ON_A_TERMINAL:  # which may be gone or stalled
        print(word, flush=True)


def line(**fields: object) -> types.SimpleNamespace:
    return types.SimpleNamespace(**fields)


def snapshot() -> types.SimpleNamespace:
    now = datetime.now(UTC)
    return line(
        started_at=now,
        terminals=(
            line(
                sn="TM20-\x1b[31m001",
                name="[bold]Gate[/bold]",
                state="online",
                last_seen_at=now,
                punches=7,
                drift_seconds=-3.0,
                address="192.0.2.7:4000",
            ),
        ),
        services=(
            line(
                name="HR",
                health="paused",
                health_reason="401",
                pending=5,
                sent=2,
                failed=1,
                next_round_at=None,
            ),
        ),
        punches_stored=8,
        duplicates=1,
        quarantined=0,
        alarms=("terminal \x1b]0;x\x07 fails",),
        listener_address="ws://0.0.0.0:7788/",
        api_address="http://127.0.0.1:8000/",
        database="sqlite:////x.db",
    )


class Gateway:
    def __init__(self, settings: object) -> None:
        self._stopping = trio.Event()

    def stop(self) -> None:
        self._stopping.set()

    def snapshot(self) -> types.SimpleNamespace:
        return snapshot()

    async def run(self, front_ends: object = (), *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery():
            if MODE == "already-running":
                raise AlreadyRunning("port 7788 belongs to another server")
            if MODE == "broken-store":
                raise StoreError("the database cannot be used: disk full")
            if MODE == "crashes":
                raise RuntimeError("nobody expected this")
            if MODE != "stops-early":
                task_status.started()
            say("serving")
            await self._stopping.wait()
            if MODE == "drains-slowly":
                await trio.sleep(0.5)
            if MODE == "never-drains":
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(time.sleep, 3600)
        say("drained")


if __name__ == "__main__":
    module = types.ModuleType("tm20tui.gateway")
    module.Gateway = Gateway  # type: ignore[attr-defined]
    module.FrontEnd = object  # type: ignore[attr-defined]
    sys.modules["tm20tui.gateway"] = module
    from tm20tui.cli.main import main

    sys.exit(main(sys.argv[2:]))
