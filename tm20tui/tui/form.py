"""A form: fields with their mistakes below them, saved by Ctrl+S, left by Escape.

What is wrong is said by the operation that is to take it: its error names the field.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Checkbox, Input, Select, Static

from tm20tui.errors import InvalidInput, OperationError, Tm20Error
from tm20tui.tui.dialogs import Dialog
from tm20tui.tui.field_words import in_words
from tm20tui.tui.language import N_, _, quoted, sentence
from tm20tui.tui.mode import said_by
from tm20tui.tui.safe import safe
from tm20tui.tui.states import glyph

log = logging.getLogger(__name__)

Save = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `name` as the operation calls it, `label` and `note` translated already.

    Of a `text` that may be `blank` nothing typed is None; `number` is a whole number, `flag`
    yes or no, `choice` one of `choices` (value, words).
    """

    name: str
    label: str
    kind: Literal["text", "number", "flag", "choice", "secret"] = "text"
    value: Any = None
    blank: bool = False
    choices: Sequence[tuple[Any, str]] = ()
    note: str = ""
    width: int = 30


class Form(Dialog[Any]):
    """The result is what `save` returned, None when left.

    `save` gets every field's value by name, and raises an `OperationError` when one is wrong.
    """

    BINDINGS: ClassVar = [
        Binding("ctrl+s", "save", N_("save"), priority=True, id="form.save"),
        Binding("enter", "app.focus_next", N_("next field"), show=False, id="form.next"),
    ]
    DEFAULT_CSS = """
    Form #fields { height: auto; max-height: 100%; width: 74; max-width: 100%; }
    Form .row { height: 1; width: 100%; }
    Form .label { width: 20; }
    Form .mistake { height: auto; width: 100%; color: $text-error; display: none; }
    Form .mistake.-shown { display: block; }
    Form .beside { width: 1fr; color: $text-muted; padding-left: 1; }
    Form Input { margin: 0; }
    Form Select { width: 30; height: 1; }
    Form Checkbox { border: none; padding: 0; background: $surface; width: 8; height: 1; }
    Form #form-note { height: auto; width: 100%; }
    Form #buttons { margin-top: 1; }
    """

    def __init__(self, title: str, fields: Sequence[Field], save: Save, *, note: str = "") -> None:
        super().__init__(title)
        self._fields = fields
        self._save = save
        self._note = note
        self._is_saving = False
        self._is_warned = False

    def body(self) -> ComposeResult:
        """A row a field, its mistake below it."""
        with VerticalScroll(id="fields", can_focus=False):
            if self._note:
                yield Static(self._note, id="form-note", markup=False)
            for field in self._fields:
                with Horizontal(classes="row"):
                    yield Static(field.label, classes="label", markup=False)
                    yield self._input(field)
                    yield Static(field.note, classes="beside", markup=False)
                yield Static("", id=f"mistake-{field.name}", classes="mistake", markup=False)
            yield Static("", id="mistake", classes="mistake", markup=False)
        with Horizontal(id="buttons"):
            yield Button(Content(f"{_('Save')}  ^S"), id="save", compact=True)
            yield Button(_("Cancel"), id="cancel", compact=True)

    def _input(self, field: Field) -> Input | Checkbox | Select[Any]:
        ident = f"field-{field.name}"
        if field.kind == "flag":
            return Checkbox("", bool(field.value), id=ident, compact=True)
        if field.kind == "choice":
            options = [(Content(words), value) for value, words in field.choices]
            return Select(options, value=field.value, allow_blank=False, id=ident, compact=True)
        text = "" if field.value is None else str(field.value)
        made = Input(text, id=ident, compact=True, password=field.kind == "secret")
        made.styles.width = field.width
        return made

    def footnote(self) -> str:
        """The ways out."""
        return _("Tab next · ^S saves · Esc leaves")

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(f"#field-{self._fields[0].name}").focus()

    def values(self) -> dict[str, Any]:
        """What the fields hold.

        Raises:
            InvalidInput: a number is none.
        """
        return {field.name: self._value(field) for field in self._fields}

    def _value(self, field: Field) -> Any:
        widget = self.query_one(f"#field-{field.name}")
        if isinstance(widget, Checkbox | Select):
            return widget.value
        assert isinstance(widget, Input)
        text = widget.value if field.kind == "secret" else widget.value.strip()
        if not text and field.blank:
            return None
        if field.kind == "number":
            if not text.lstrip("-").isdecimal():
                raise InvalidInput(f"{field.name} must be a whole number", field=field.name)
            return int(text)
        return text

    @property
    def is_changed(self) -> bool:
        """Whether something differs from what the form began with."""
        return any(self._differs(field) for field in self._fields)

    def _differs(self, field: Field) -> bool:
        try:
            value = self._value(field)
        except OperationError:
            return True
        return (value or None) != (field.value or None)

    def action_cancel(self) -> None:
        """Leave; what was changed is given up at the second time only."""
        if self._is_saving:
            if self._is_warned:
                self.dismiss(None)
            self._is_warned = True
            self._say("", _("being saved: Esc again leaves, what comes of it is told then"))
            return
        if self.is_changed and not self._is_warned:
            self._is_warned = True
            self._say("", _("changed and not saved: Esc again gives it up, ^S saves"))
            return
        self.dismiss(None)

    def action_save(self) -> None:
        """Hand over what was typed."""
        if not self._is_saving:
            self._is_saving, self._is_warned = True, False
            # Of the application: what was begun is told also when the form has been left.
            self.app.run_worker(self._try(), exit_on_error=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """The two ways out."""
        if event.button.id == "save":
            self.action_save()
        else:
            self.action_cancel()

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field: only ^S saves."""
        self.focus_next()

    async def _try(self) -> None:
        for field in self._fields:
            self._say(field.name, "")
        self._say("", "")
        try:
            result = await self._save(self.values())
        except OperationError as error:
            named = next((field for field in self._fields if field.name == error.field), None)
            self._say("" if named is None else named.name, self._told(error))
            if named is not None and self.is_running:
                self.query_one(f"#field-{named.name}").focus()
        except Tm20Error as error:
            self._say("", said_by(error))
        except Exception as error:  # a defect must not end the console
            log.exception("saving the form %s crashed", self.heading)
            self._say("", said_by(error))
        else:
            if self.is_current:
                self.dismiss(result if result is not None else True)
        finally:
            self._is_saving = False

    def _told(self, error: OperationError) -> str:
        """The sentence, with fields called as they are called here."""
        text = sentence(str(error))
        for field in self._fields:
            if "_" in field.name or text.startswith(f"{field.name} "):
                text = text.replace(field.name, quoted(field.label))
        return safe(in_words(text, error.field), 400)

    def _say(self, name: str, text: str) -> None:
        if not self.is_running:
            if text:
                self.app.tell("bad", f"{self.heading}{_(': ')}{text}")  # type: ignore[attr-defined]
            return
        widget = self.query_one(f"#mistake-{name}" if name else "#mistake", Static)
        widget.set_class(bool(text), "-shown")
        widget.update(f"{glyph('✗')} {text}" if text else "")


def changed(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The values that differ from what there was."""
    return {name: value for name, value in values.items() if value != before.get(name)}
