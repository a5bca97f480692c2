"""Dialogs: Enter alone is Cancel, the accepting key is never the one that asked, grave things want a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from textual.app import App
from textual.screen import Screen
from textual.widgets import Button, Input

from tm20tui.tui import dialogs
from tm20tui.tui.actions import Action, Plan, Target
from tm20tui.tui.dialogs import Ask, Choice, Confirm
from tm20tui.tui.form import Field, Form

DOOR = Action("x.door", "o", "open the door", operation="terminals.door", tier=1, effect="at once")
REBOOT = Action("x.reboot", "", "restart", operation="terminals.reboot", tier=1, tier_many=2)
OFFLINE = "not connected"


def targets(count: int) -> list[Target]:
    return [Target(n, f"Door {n}", word=f"ZX{n:02}", state="online") for n in range(1, count + 1)]


class Stage(App[None]):
    CSS_PATH = "../../tm20tui/tui/console.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []

    def ask(self, dialog: Screen[Any]) -> None:
        self.push_screen(dialog, self.answers.append)


def ask(dialog: Callable[[], Screen[Any]], body: Callable[[Stage, Any], Coroutine[Any, Any, None]]) -> Stage:
    app = Stage()

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            app.ask(dialog())
            await pilot.pause()
            await body(app, pilot)
            await pilot.pause()

    asyncio.run(run())
    return app


def shown(app: Stage) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], None),
        (["escape"], None),
        (["y"], True),
        (["tab", "enter"], True),
        (["o", "enter"], None),
    ],
)
def test_only_y_or_going_to_the_button_accepts(keys: list[str], answer: bool | None) -> None:
    async def body(app: Stage, pilot: Any) -> None:
        await pilot.press(*keys)

    assert ask(lambda: Confirm.of(Plan.of(DOOR, targets(1)), "ann"), body).answers == [answer]


def test_it_says_what_is_done_to_what_in_whose_name() -> None:
    async def body(app: Stage, pilot: Any) -> None:
        text = shown(app)
        for words in (
            "Door 1",
            "online",
            "open the door",
            "at once",
            "in the name of ann",
            "expires in 15 s",
        ):
            assert words in text

    ask(lambda: Confirm.of(Plan.of(DOOR, targets(1)), "ann"), body)


def test_what_is_skipped_is_told_with_its_reason() -> None:
    action = Action(
        "x", "x", "do", operation="x", tier=1, why_not=lambda one: OFFLINE if one.key == 2 else ""
    )
    plan = Plan.of(action, targets(3))
    assert [target.key for target in plan.eligible] == [1, 3]

    async def body(app: Stage, pilot: Any) -> None:
        assert "Door 2: not connected" in shown(app)

    ask(lambda: Confirm.of(plan, "ann"), body)


def test_many_targets_are_counted_not_scrolled() -> None:
    async def body(app: Stage, pilot: Any) -> None:
        assert "and 92 more" in shown(app)

    ask(lambda: Confirm.of(Plan.of(DOOR, targets(100)), "ann"), body)


def test_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "EXPIRES_SECONDS", 0.05)

    async def body(app: Stage, pilot: Any) -> None:
        async with asyncio.timeout(30):
            while not app.answers:
                await asyncio.sleep(0.02)

    assert ask(lambda: Confirm.of(Plan.of(DOOR, targets(1)), "ann"), body).answers == [None]


@pytest.mark.parametrize(("typed", "answer"), [("2", True), ("3", None), ("y", None), ("", None)])
def test_several_restarts_want_their_number_typed(typed: str, answer: bool | None) -> None:
    async def body(app: Stage, pilot: Any) -> None:
        assert isinstance(app.focused, Input)
        await pilot.press(*typed)
        assert app.screen.query_one("#accept", Button).disabled is (answer is None)
        await pilot.press("enter", "escape")

    assert ask(lambda: Confirm.of(Plan.of(REBOOT, targets(2)), "ann"), body).answers == [answer]


def test_one_grave_thing_wants_its_name_typed() -> None:
    action = Action("x.delete", "", "delete", operation="x", tier=2)

    async def body(app: Stage, pilot: Any) -> None:
        assert "Type ZX01 to confirm" in shown(app)
        await pilot.press(*"zx01", "enter")

    assert ask(lambda: Confirm.of(Plan.of(action, targets(1)), "ann"), body).answers == [True]


def test_more_than_ten_are_always_asked_about() -> None:
    harmless = Action("x.time", "t", "set the clock", operation="x")
    assert harmless.tier_for(10) == 0
    assert harmless.tier_for(11) == 1


@pytest.mark.parametrize(
    ("keys", "answer"),
    [(["b"], "two"), (["down", "enter"], "two"), (["enter"], "one"), (["c", "escape"], None)],
)
def test_a_choice_is_made_by_letter_or_cursor_and_never_of_what_cannot_be(
    keys: list[str], answer: str | None
) -> None:
    options = [("one", "a", "first", ""), ("two", "b", "second", ""), ("three", "c", "third", "not now")]

    async def body(app: Stage, pilot: Any) -> None:
        assert "third — not now" in shown(app)
        await pilot.press(*keys)

    assert ask(lambda: Choice("Choose", options), body).answers == [answer]


def test_a_line_is_typed() -> None:
    async def body(app: Stage, pilot: Any) -> None:
        await pilot.press(*"why not", "enter")

    assert ask(lambda: Ask("Reason", "Why?"), body).answers == ["why not"]


def test_a_form_saves_once_and_goes_on_saving_when_it_is_left() -> None:
    begun, answer = [], asyncio.Event()
    ended = []

    async def save(values: dict[str, Any]) -> str:
        begun.append(values)
        await answer.wait()
        ended.append(values)
        return "saved"

    async def body(app: Stage, pilot: Any) -> None:
        await pilot.press("x", "ctrl+s", "ctrl+s", "escape")
        assert isinstance(app.screen, Form)
        await pilot.press("escape")
        assert not isinstance(app.screen, Form)
        answer.set()
        await pilot.pause()

    ask(lambda: Form("New", [Field("name", "Name")], save), body)
    assert begun == ended == [{"name": "x"}]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([{"terminal_id": 7}], {"terminal_id": 7}),
        ([{"terminal_id": 7}, {"terminal_id": 8}], {"terminal_ids": [7, 8]}),
        (
            [{"user_id": 1, "is_enabled": True}, {"user_id": 2, "is_enabled": True}],
            {"user_ids": [1, 2], "is_enabled": True},
        ),
        ([{"user_ids": [1]}, {"user_ids": [2]}], {"user_ids": [1, 2]}),
        ([], {}),
    ],
)
def test_the_audit_is_told_of_every_target_of_a_refusal(
    values: list[dict[str, Any]], told: dict[str, Any]
) -> None:
    action = Action("act", "x", "act", arguments=lambda target: target.record)
    targets = [Target(place, "", record=record) for place, record in enumerate(values)]
    assert action.about(targets) == told
