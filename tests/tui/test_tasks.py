"""Mode 8: periodic jobs, background work with a line for each target, and the commands of terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from tests.tui.world import Console, World, client, console
from tm20tui.tui.dialogs import Confirm, Notice


def look(world: World, body: Callable[[Console], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        async with console(world, options.pop("who", None), **options) as seen:
            await seen.press("8")
            await body(seen)

    asyncio.run(run())


def terminal_id(world: World, sn: str) -> int:
    views = world.operate("terminals.list")
    return int(next(view.terminal.id for view in views if view.terminal.sn == sn))


def start_endless(world: World, name: str) -> str:
    async def start() -> str:
        return world.gateway.tasks.start(name, trio.sleep_forever).id

    return world.do(start)


def wait_for(world: World, task_id: str) -> Any:
    async def wait() -> Any:
        while (record := world.gateway.tasks.get(task_id)).status == "running":
            await trio.sleep(0.01)
        return record

    return world.do(wait)


def test_bulk_work_has_a_line_for_each_target(world: World) -> None:
    calls = [{"terminal_id": terminal_id(world, "ZX02")}, {"terminal_id": 999_999}]
    wait_for(world, world.operate("bulk.run", operation="terminals.approve", calls=calls).id)

    async def body(seen: Console) -> None:
        await seen.see("approve ×2", "2/2", "1 done, 1 refused")
        await seen.until(lambda: seen.app.terminal_line(calls[0]["terminal_id"]) is not None)
        await seen.press("enter")
        await seen.until(lambda: isinstance(seen.app.screen, Notice))
        await seen.see("Targets", "✓ done  ZX02", "refused  Terminal 999999 — no terminal with id 999999")

    async def french(seen: Console) -> None:
        await seen.see("[Travaux]", "approuver ×2", "1 fait, 1 refusé")

    look(world, body)
    look(world, french, who=client(language="fr"), size=(80, 24))


def test_work_begun_elsewhere_is_there_when_the_mode_is_opened_again(world: World) -> None:
    start_endless(world, "first")

    async def body(seen: Console) -> None:
        await seen.see("first")
        await seen.press("2")
        await seen.see("[2 Terminals]")
        start_endless(world, "second")
        await seen.press("8")
        await seen.see("second", "first")
        assert "F5" not in seen.text()

    look(world, body)


def test_running_work_is_cancelled_after_a_question(world: World) -> None:
    task = start_endless(world, "endless [/x]")

    async def body(seen: Console) -> None:
        await seen.see("endless [/x]", "running")
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("what it did until then stays done")
        await seen.press("enter")
        assert world.gateway.tasks.get(task).status == "running"
        await seen.until(lambda: not isinstance(seen.app.screen, Confirm))
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: world.gateway.tasks.get(task).status == "cancelled")
        await seen.see("cancelled")
        await seen.press("delete")
        await seen.see("it is over")

    look(world, body)


def test_a_periodic_task_is_run_now(world: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("right")
        await seen.see("[Periodic]", "retention", "Next run", "schedules")
        before = {one.name: one.last_started_at for one in world.gateway.tasks.periodic()}
        seen.grid.go_to("last seen")
        await seen.press("r")
        await seen.until(
            lambda: (
                {one.name: one.last_started_at for one in world.gateway.tasks.periodic()}["last seen"]
                != before["last seen"]
            )
        )
        await seen.press("enter")
        await seen.see("Every", "15 s", "Last run")

    look(world, body)


def test_commands_are_listed_filtered_and_taken_back(world: World) -> None:
    two = terminal_id(world, "ZX02")
    for _ in range(3):
        world.operate("commands.ask", terminal_id=two, name="getdevinfo", wait_seconds=0)

    async def body(seen: Console) -> None:
        await seen.press("left")
        await seen.see("[Commands]", "getdevinfo", "queued", "ZX02")
        await seen.press("enter")
        await seen.see("Times sent", "Asked")
        await seen.press("escape", "space", "space", "delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("the terminal is not asked for it any more")
        await seen.press("y")
        await seen.see("2 done")
        await seen.until(lambda: seen.text().count("cancelled") >= 2)
        seen.app.screen.set_filter("terminal:zx02 state:open")
        await seen.until(lambda: [row.record.status for row in seen.grid.rows] == ["queued"])
        seen.app.screen.set_filter("terminal:nowhere")
        await seen.see("no match")

    look(world, body)


def test_viewers_look_but_end_nothing(world: World) -> None:
    task = start_endless(world, "kept")

    async def body(seen: Console) -> None:
        await seen.see("kept")
        await seen.press("delete")
        await seen.see("needs the role operator")
        await seen.press("right", "r")
        await seen.see("needs the role operator")
        await seen.until(lambda: refused() == ["eve"])

    def refused() -> list[str]:
        found = world.operate("audit.list", operation="tasks.cancel", outcome="refused").entries
        return [one.operator for one in found]

    look(world, body, who=client("viewer", name="eve"), size=(60, 16))
    assert world.gateway.tasks.get(task).status == "running"
    world.operate("tasks.cancel", task_id=task)
