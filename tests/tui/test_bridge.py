"""The bridge: operations from the consoles' thread, whoever leaves first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.tui.world import World, running
from tm20tui.errors import Forbidden, NotFound, Unavailable
from tm20tui.operations.call import Operator

ANN = Operator("ann", "admin", "console", "console 1")
EVE = Operator("eve", "viewer", "console", "console 2")


def test_results_and_refusals_come_back(world: World) -> None:
    async def body() -> None:
        assert len(await world.bridge.call(ANN, "terminals.list", {}, "c1")) == 3
        with pytest.raises(Forbidden):
            await world.bridge.call(EVE, "terminals.approve", {"terminal_id": 1}, "c2")
        with pytest.raises(NotFound):
            await world.bridge.call(ANN, "terminals.get", {"terminal_id": 99}, "c3")
        with pytest.raises(NotFound):
            await world.bridge.call(ANN, "terminals.fly", {}, "c4")

    asyncio.run(body())


def test_a_change_is_audited_under_its_correlation_with_the_console(world: World) -> None:
    async def body() -> None:
        await world.bridge.call(ANN, "terminals.change", {"terminal_id": 1, "name": "Gate"}, "c0ffee")

    asyncio.run(body())
    entry = world.operate("audit.list", operation="terminals.change").entries[0]
    assert (entry.operator, entry.origin, entry.address, entry.correlation_id) == (
        "ann",
        "console",
        "console 1",
        "c0ffee",
    )


def test_a_console_that_leaves_does_not_take_back_what_it_began(world: World) -> None:
    async def body() -> None:
        call = world.bridge.call(ANN, "terminals.change", {"terminal_id": 2, "name": "Left"}, "c5")
        task = asyncio.create_task(call)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30):
            while world.operate("terminals.get", terminal_id=2).terminal.name != "Left":
                await asyncio.sleep(0.02)

    asyncio.run(body())


def test_after_the_server_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with running(tmp_path) as world:
        bridge = world.bridge

    async def body() -> None:
        with pytest.raises(Unavailable):
            await bridge.call(ANN, "terminals.list", {}, "c6")

    asyncio.run(body())
