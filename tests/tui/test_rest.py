"""What follows the cursor: at once for the first row, once it rests for those it runs over."""

from __future__ import annotations

import asyncio

from textual.app import App

from tm20tui.tui.rest import AtRest


def test_the_first_is_done_at_once_and_of_a_run_only_the_last() -> None:
    async def play() -> list[int]:
        app: App[None] = App()
        done: list[int] = []
        last = asyncio.Event()

        def act(number: int) -> None:
            done.append(number)
            if number == 3:
                last.set()

        async with app.run_test():
            rest = AtRest(app.screen, 0.3)
            for number in range(4):
                rest.do(lambda number=number: act(number))  # type: ignore[misc]
                assert done == [0]
            async with asyncio.timeout(30):
                await last.wait()
        return done

    assert asyncio.run(play()) == [0, 3]
