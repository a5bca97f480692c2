"""`python -m tests.cli.fake_server MODE ARGUMENTS...`: the command line around a server that does nothing.

MODE: serves, drains-slowly, never-drains, already-running, broken-store, crashes, stops-early.
"""

from __future__ import annotations

import sys
import time
import types

import trio

from tm20tui.errors import AlreadyRunning, StoreError

MODE = sys.argv[1] if __name__ == "__main__" else "serves"


def say(word: str) -> None:
    print(word, flush=True)


class Gateway:
    def __init__(self, settings: object) -> None:
        self._stopping = trio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def wait_stopping(self) -> None:
        await self._stopping.wait()

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
