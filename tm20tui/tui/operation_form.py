"""Any operation by its name: its arguments as a form, made from the registry."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from tm20tui.errors import Tm20Error
from tm20tui.operations.registry import Argument, to_json
from tm20tui.tui.bulk import outcome_of
from tm20tui.tui.dialogs import Dialog, Notice
from tm20tui.tui.language import _
from tm20tui.tui.mode import said_by
from tm20tui.tui.safe import safe

_LONGEST = 20_000


class OperationForm(Dialog[None]):
    """One line an argument; Enter runs the operation, the answer is shown."""

    def __init__(self, name: str, given: Mapping[str, str] | None = None) -> None:
        super().__init__(name)
        self._operation = name
        self._given = dict(given or {})

    def body(self) -> ComposeResult:
        """What the operation is, and its arguments."""
        operation = self.app.backend.registry[self._operation]  # type: ignore[attr-defined]
        with VerticalScroll(id="reading"):
            yield Static(_(operation.summary.replace("`", "")), markup=False)
            for argument in operation.arguments:
                title = (
                    argument.name
                    if argument.required
                    else _("{name} (may be left out)").format(name=argument.name)
                )
                yield Static(title, markup=False)
                value = self._given.get(argument.name, "")
                yield Input(value, id=f"argument-{argument.name}", compact=True)
            yield Static("", id="note", markup=False)

    def on_mount(self) -> None:
        """The first argument has the focus."""
        self.add_class("notice")
        found = self.query(Input)
        empty = next((one for one in found if not one.value), None)
        (empty or found.first() if found else self.query_one("#reading")).focus()
        if not found:
            self.run_worker(self._run(), exit_on_error=False)

    def footnote(self) -> str:
        """The two ways out."""
        return _("Enter runs it · Esc cancels")

    def on_input_submitted(self) -> None:
        """Enter."""
        self.run_worker(self._run(), exclusive=True, exit_on_error=False)

    async def _run(self) -> None:
        app = self.app
        operation = app.backend.registry[self._operation]  # type: ignore[attr-defined]
        note = self.query_one("#note", Static)
        arguments: dict[str, Any] = {}
        for argument in operation.arguments:
            text = self.query_one(f"#argument-{argument.name}", Input).value
            if not text and not argument.required:
                continue
            try:
                arguments[argument.name] = read(argument, text)
            except ValueError as error:
                note.update(f"✗ {argument.name}: {_(str(error))}")
                return
        try:
            result = await app.call(self._operation, **arguments)  # type: ignore[attr-defined]
        except Tm20Error as error:
            note.update(f"✗ {said_by(error)}")
            return
        except TypeError:
            note.update("✗ " + _("these arguments do not fit"))
            return
        tone, words = outcome_of(result)
        app.tell(tone, f"{self._operation}" + (f" — {words}" if words else ""), ref=app.last_reference)  # type: ignore[attr-defined]
        text = json.dumps(to_json(result), ensure_ascii=False, indent=2)[:_LONGEST]
        shown = Content("\n".join(safe(line, 400) for line in text.split("\n")))
        self.dismiss(None)
        app.push_screen(Notice(self._operation, shown))


def read(argument: Argument, text: str) -> Any:
    """What was typed, as the operation takes it; lists and objects are JSON.

    Raises:
        ValueError: with what is expected.
    """
    wanted = _names(argument.annotation)
    if wanted & {"Mapping", "dict", "Sequence", "list", "tuple"} and text.lstrip()[:1] in "[{":
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError("not valid JSON") from None
    if "bool" in wanted:
        if text.casefold() in ("true", "yes", "oui", "1"):
            return True
        if text.casefold() in ("false", "no", "non", "0"):
            return False
        raise ValueError("yes or no")
    if "int" in wanted:
        if not text.strip().lstrip("-").isdigit():
            raise ValueError("a whole number")
        return int(text)
    return text


def _names(annotation: Any) -> set[str]:
    parts = [annotation]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        parts = list(typing.get_args(annotation))
    return {getattr(typing.get_origin(part) or part, "__name__", str(part)) for part in parts}
