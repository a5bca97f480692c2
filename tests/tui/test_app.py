"""The console on a real server: the frame, its keys, roles, languages."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.tui.world import client, console, running


def test_the_frame_and_an_empty_first_screen(tmp_path: Path) -> None:
    async def body() -> None:
        async with console(world) as seen:
            await seen.press("2")
            await seen.see("tm20tui", "Terminals", "no terminal has connected yet")
            print(seen.text())

    with running(tmp_path) as world:
        asyncio.run(body())


def test_the_language_changes_while_it_runs(tmp_path: Path) -> None:
    async def body() -> None:
        async with console(world, client(language="fr")) as seen:
            seen.app.speak("en")
            await seen.see("listens")

    with running(tmp_path) as world:
        asyncio.run(body())
