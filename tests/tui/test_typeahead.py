"""What is typed faster than the console works goes where it would have gone slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.message import Message
from textual.widgets import Input

from tm20tui.tui import typeahead
from tm20tui.tui.typeahead import TypeAhead

KEYS = ("a", "tab", "tab", "b", "tab", "c")


class Fields(App[None]):
    """Four fields, and what somebody types into them."""

    def compose(self) -> ComposeResult:
        """The fields."""
        for number in range(4):
            yield Input(id=f"field{number}")

    @property
    def typed(self) -> list[str]:
        """What the fields hold."""
        return [self.query_one(f"#field{number}", Input).value for number in range(4)]


def typed(way: Callable[[Fields], Callable[[Message], object]]) -> list[str]:
    """What comes of all keys at once, put in by `way`."""

    async def play() -> list[str]:
        app = Fields()
        async with app.run_test() as pilot:
            put = way(app)
            for key in KEYS:
                put(events.Key(key, key if len(key) == 1 else None))
            async with asyncio.timeout(30):
                while "".join(sorted("".join(app.typed))) != "abc":
                    await asyncio.sleep(0.01)
            await pilot.pause()
            return app.typed

    return asyncio.run(play())


def test_keys_typed_at_once_go_to_the_fields_that_they_lead_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeahead, "PATIENCE_SECONDS", 30.0)
    assert typed(lambda app: TypeAhead(app, app.post_message).put) == ["a", "", "b", "c"]


def test_nothing_is_passed_on_after_the_end() -> None:
    async def play() -> list[str]:
        app = Fields()
        async with app.run_test() as pilot:
            ahead = TypeAhead(app, app.post_message)
            for key in "ab":
                ahead.put(events.Key(key, key))
            assert len(ahead) == 1
            ahead.close()
            await pilot.pause()
            return app.typed

    assert asyncio.run(play())[0] == "a"
