"""Any operation by its name: its arguments as a form, made from the registry."""

from __future__ import annotations

import json
import logging
import types
import typing
from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from tm20tui.errors import Tm20Error
from tm20tui.operations.registry import Argument, Operation, shown_arguments, to_json
from tm20tui.tui.bulk import outcome_of
from tm20tui.tui.dialogs import Confirm, Dialog, Notice
from tm20tui.tui.language import _, sentence
from tm20tui.tui.mode import said_by
from tm20tui.tui.safe import safe

log = logging.getLogger(__name__)

_LONGEST = 20_000
_LONGEST_VALUE = 300
_TYPED = frozenset(
    {"bulk.run", "deliveries.discard", "quarantine.discard", "services.delete", "services.replace"}
)
"""Asked for by name, these want that name typed: what they take away does not come back."""


class OperationForm(Dialog[None]):
    """One line an argument; Enter runs the operation, the answer is shown."""

    def __init__(self, name: str, given: Mapping[str, str] | None = None) -> None:
        super().__init__(name)
        self._operation = name
        self._given = dict(given or {})
        self._is_busy = False

    def body(self) -> ComposeResult:
        """What the operation is, and its arguments."""
        operation = self.app.backend.registry[self._operation]  # type: ignore[attr-defined]
        with VerticalScroll(id="reading"):
            yield Static(_(operation.summary).replace("`", ""), markup=False)
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
            self._begin()

    def footnote(self) -> str:
        """The two ways out."""
        if self.app.backend.registry[self._operation].writes:  # type: ignore[attr-defined]
            return _("Enter goes on to a question · Esc cancels")
        return _("Enter runs it · Esc cancels")

    def on_input_submitted(self) -> None:
        """Enter."""
        self._begin()

    def _begin(self) -> None:
        """Run it; what changes something is asked about first."""
        if self._is_busy:
            return
        app = self.app
        operation = app.backend.registry[self._operation]  # type: ignore[attr-defined]
        try:
            arguments = self._read(operation)
        except ValueError as error:
            self._note(f"✗ {error}")
            return
        self._note("")
        if operation.writes:
            app.push_screen(
                _question(operation, arguments, safe(app.client.operator.name, 40)),  # type: ignore[attr-defined]
                lambda accepted: self._go(operation, arguments) if accepted else None,
            )
        else:
            self._go(operation, arguments)

    def _go(self, operation: Operation, arguments: dict[str, Any]) -> None:
        # Of the application: what was begun is told also when the form has been closed.
        self._is_busy = True
        self._note(_("under way…"))
        self.app.run_worker(self._run(operation, arguments), exit_on_error=False)

    def _read(self, operation: Operation) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for argument in operation.arguments:
            text = self.query_one(f"#argument-{argument.name}", Input).value
            if not text and not argument.required:
                continue
            try:
                arguments[argument.name] = read(argument, text)
            except ValueError as error:
                raise ValueError(f"{argument.name}{_(': ')}{_(str(error))}") from None
        return arguments

    async def _run(self, operation: Operation, arguments: dict[str, Any]) -> None:
        app = self.app
        try:
            result = await app.call(self._operation, **arguments)  # type: ignore[attr-defined]
        except TypeError:
            self._fail(_("these arguments do not fit"))
            return
        except Exception as error:  # told, whatever it is
            if not isinstance(error, Tm20Error):
                log.exception("%s, asked for by name, crashed", self._operation)
            self._fail(_told(error))
            return
        finally:
            self._is_busy = False
        tone, words = outcome_of(result)
        app.tell(tone, f"{self._operation}" + (f" — {words}" if words else ""), ref=app.last_reference)  # type: ignore[attr-defined]
        if app.screen is not self:
            return
        text = json.dumps(to_json(result), ensure_ascii=False, indent=2)[:_LONGEST]
        shown = Content("\n".join(safe(line, 400) for line in text.split("\n")))
        self.dismiss(None)
        app.push_screen(Notice(self._operation, shown))

    def _fail(self, reason: str) -> None:
        if self.is_running:
            self._note(f"✗ {reason}")
        else:
            self.app.tell("bad", f"{self._operation} — {reason}")  # type: ignore[attr-defined]

    def _note(self, text: str) -> None:
        if self.is_running:
            self.query_one("#note", Static).update(text)


def _told(error: Exception) -> str:
    """The sentence of an error, with arguments called as the form calls them."""
    return sentence(str(error)) if isinstance(error, Tm20Error) else said_by(error)


def _question(operation: Operation, arguments: Mapping[str, Any], operator: str) -> Confirm:
    """What will be done with what, in whose name."""
    rows = [(_("Effect"), _(operation.summary.replace("`", "")))]
    for name, value in shown_arguments(operation, arguments).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        rows.append((name, safe(text, _LONGEST_VALUE)))
    rows.append((_("Trace"), _("audit, in the name of {operator}").format(operator=operator)))
    word = operation.name if operation.name in _TYPED else ""
    return Confirm(operation.name, rows, _("Run"), word=word)


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
