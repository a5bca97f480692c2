"""The form of a service: what is wrong is said under its field, secrets are never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Checkbox, Input, Select, Static

from tm20tui.errors import Conflict, InvalidInput
from tm20tui.model import Service
from tm20tui.operations.doctor import ServiceTest
from tm20tui.tui.actions import Undo
from tm20tui.tui.dialogs import Confirm
from tm20tui.tui.language import N_, _, ngettext, sentence
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.service_acts import tell_test, terminals_text, test_lines
from tm20tui.tui.modes.service_fields import FIELDS, BadText, Field, check, initial, read
from tm20tui.tui.modes.terminal_choice import TerminalChoice
from tm20tui.tui.safe import safe
from tm20tui.tui.states import glyph

_SAVE, _TEST = "services.change", "services.test"


class ServiceForm(ModeScreen):
    """A new service, or changes of one."""

    MODE = "services"
    NUMBER = 7
    TITLE = N_("Services")
    HELP_TEXT = N_(
        "Tab goes to the next field, Ctrl+S saves, Ctrl+T tests what is typed without saving it. "
        "A secret that is set is never shown: empty keeps it, - forgets it, "
        "env:NAME takes it from the environment."
    )
    AUTO_FOCUS = "#field-name"
    LOOK_SECONDS = 3600.0
    BINDINGS: ClassVar = [
        Binding("ctrl+s", "save", N_("save"), id="form.save"),
        Binding("ctrl+t", "test", N_("test the connection"), id="form.test"),
        Binding("q", "step_out", N_("back"), show=False),
    ]
    DEFAULT_CSS = """
    ServiceForm #form { height: 1fr; padding: 0 1; }
    ServiceForm .row { height: 1; }
    ServiceForm .label { width: 22; height: 1; }
    ServiceForm .row Input { width: 1fr; max-width: 60; background: $surface; }
    ServiceForm .row Select { width: 24; height: 1; }
    ServiceForm .row Checkbox { width: 24; height: 1; }
    ServiceForm .row Button { width: 30; height: 1; }
    ServiceForm .note { width: auto; max-width: 40; height: 1; padding: 0 1; color: $text-warning; }
    ServiceForm .wrong { height: auto; color: $text-error; padding: 0 0 0 22; display: none; }
    ServiceForm #found { height: auto; margin-top: 1; }
    """

    def __init__(self, service: Service | None = None) -> None:
        super().__init__()
        self.service = service
        self._terminals: tuple[int, ...] | None = None if service is None else service.terminal_ids
        self._start: dict[str, Any] = {}
        self._is_busy = False

    def body(self) -> ComposeResult:
        """One row a field, what is wrong below it, what a test found at the end."""
        with VerticalScroll(id="form", can_focus=False):
            for field in FIELDS:
                with Vertical(classes="field") as box:
                    box.styles.height = "auto"
                    with Horizontal(classes="row"):
                        yield Static(_(field.label), classes="label", markup=False)
                        yield self._widget(field)
                        yield Static("", id=f"note-{field.name}", classes="note", markup=False)
                    yield Static("", id=f"wrong-{field.name}", classes="wrong", markup=False)
            yield Static("", id="found", markup=False)

    def _widget(self, field: Field) -> Input | Select[str] | Checkbox | Button:
        ident = f"field-{field.name}"
        value = initial(field, self.service)
        if field.kind == "choice":
            return Select(
                [(_(choice), choice) for choice in field.choices],
                value=str(value),
                allow_blank=False,
                id=ident,
                compact=True,
            )
        if field.kind == "flag":
            return Checkbox("", bool(value), id=ident, compact=True)
        if field.kind == "terminals":
            return Button(terminals_text(self._terminals), id=ident, compact=True)
        return Input(
            "" if field.kind == "secret" else str(value),
            password=field.kind == "secret",
            placeholder=self._placeholder(field),
            id=ident,
            compact=True,
        )

    def _placeholder(self, field: Field) -> str:
        if field.kind != "secret":
            return _(field.example) if field.example else ""
        if self.service is not None and field.is_set(self.service):
            return _("set — empty keeps it, - forgets it")
        return _(field.example)

    def on_mount(self) -> None:
        """What is there now is what a change is measured by."""
        self._start = self._values()
        self._notes()

    # What is typed

    def _values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in FIELDS:
            widget = self.query_one(f"#field-{field.name}")
            if field.kind == "terminals":
                found[field.name] = self._terminals
            else:
                found[field.name] = getattr(widget, "value", "")
        return found

    @property
    def is_modified(self) -> bool:
        """Whether something differs from what is saved."""
        return bool(self._start) and self._values() != self._start

    def _given(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What is to be saved, and what is wrong, by field."""
        given: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        values = self._values()
        for field in FIELDS:
            value = values[field.name]
            is_same = value == self._start[field.name]
            if (self.service is not None and is_same) or (field.kind == "secret" and not value):
                continue
            try:
                given[field.name] = read(field, value)
            except BadText as error:
                wrong[field.name] = f"{field.name} {error}"
        return given, wrong | check(given, self.service, set(wrong))

    def _validate(self) -> dict[str, Any] | None:
        given, wrong = self._given()
        self._show_wrong(wrong)
        return None if wrong else given

    def _show_wrong(self, wrong: Mapping[str, str]) -> None:
        for field in FIELDS:
            below = self.query_one(f"#wrong-{field.name}", Static)
            below.display = field.name in wrong
            if field.name in wrong:
                below.update(f"{glyph('✗')} {_said(field.name, wrong[field.name])}")
        if wrong:
            names = [_(field.label) for field in FIELDS if field.name in wrong]
            text = ngettext(
                "{count} field to correct: {names}", "{count} fields to correct: {names}", len(wrong)
            )
            self.app.tell("bad", text.format(count=len(wrong), names=", ".join(names)))
            first = next((field.name for field in FIELDS if field.name in wrong), "name")
            self.query_one(f"#field-{first}").focus()
        self.draw_frame()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Warnings follow what is typed."""
        self._notes()

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """A field that was left is checked alone."""
        self._check_left((event.input.id or "").removeprefix("field-"))

    def _check_left(self, name: str) -> None:
        if not self._start:
            return
        _given, wrong = self._given()
        below = self.query_one(f"#wrong-{name}", Static)
        # What was never touched is not complained of before it is saved.
        is_wrong = name in wrong and self._values()[name] != self._start[name]
        below.display = is_wrong
        if is_wrong:
            below.update(f"{glyph('✗')} {_said(name, wrong[name])}")

    def _notes(self) -> None:
        values = self._values()
        url = str(values["base_url"])
        self._note("base_url", _("▲ not encrypted") if url.casefold().startswith("http://") else "")
        moved = self.service is not None and _origin(url) != _origin(self.service.base_url)
        for field in FIELDS:
            if field.kind != "secret":
                continue
            typed = str(values[field.name])
            if self.service is not None and moved and field.is_set(self.service) and not typed:
                self._note(field.name, _("▲ enter it again: another host"))
            elif len(typed) >= 12 and not typed.startswith("env:"):
                self._note(field.name, _("ends in {end}").format(end=safe(typed[-4:])))
            else:
                self._note(field.name, "")

    def _note(self, name: str, text: str) -> None:
        note = self.query_one(f"#note-{name}", Static)
        if str(note.content) != text:
            note.update(text.replace("▲", glyph("▲")))

    # Terminals

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Which terminals."""
        event.stop()

        def chosen(choice: Any) -> None:
            if choice is not None:
                self._terminals = choice.terminal_ids
                button = self.query_one("#field-terminal_ids", Button)
                button.label = terminals_text(self._terminals)

        name = safe(self.query_one("#field-name", Input).value, 40)
        title = _("Terminals of {target}").format(target=name)
        self.app.push_screen(TerminalChoice(title, self.app.seen.terminals, self._terminals), chosen)

    # Saving, testing, leaving

    def action_save(self) -> None:
        """Ctrl+S."""
        if not self._is_busy:
            self._is_busy = True
            self.do_soon(self._save, "save", outlives=True)

    async def _save(self) -> None:
        try:
            await self._save_once()
        finally:
            self._is_busy = False

    async def _save_once(self) -> None:
        given = self._validate()
        if given is None:
            return
        if self.service is not None and not given:
            self.app.tell("dim", _("nothing was changed"))
            self.app.pop_screen()
            return
        try:
            if self.service is None:
                saved: Service = await self.call("services.add", given=given)
            else:
                saved = await self.call("services.change", service_id=self.service.id, given=given)
        except (InvalidInput, Conflict) as error:
            if self.is_running and error.field in {field.name for field in FIELDS}:
                self._show_wrong({str(error.field): str(error)})
                return
            raise
        self._offer_undo(given)
        self.app.tell(
            "good", _("saved: {target}").format(target=safe(saved.name, 60)), ref=self.app.last_reference
        )
        if self.is_current:
            self.app.pop_screen()

    def _offer_undo(self, given: Mapping[str, Any]) -> None:
        before = self.service
        secrets = {field.name for field in FIELDS if field.kind == "secret"}
        if before is None or given.keys() & (secrets | {"base_url", "auth_type"}):
            return  # what was forgotten or must be entered again cannot be brought back
        back = {name: getattr(before, name) for name in given}
        if "terminal_ids" in back and back["terminal_ids"] is not None:
            back["terminal_ids"] = list(back["terminal_ids"])
        said = _("as before: {target}").format(target=safe(before.name, 60))
        self.app.remember_undo(Undo("services.change", {"service_id": before.id, "given": back}, said))

    def action_test(self) -> None:
        """Ctrl+T."""
        if not self._is_busy:
            self.do_soon(self._test, "test")

    async def _test(self) -> None:
        given = self._validate()
        if given is None:
            return
        found_text = self.query_one("#found", Static)
        found_text.update(_("testing…"))
        self._is_busy = True
        try:
            if self.service is None:
                found: ServiceTest = await self.call("services.test_fields", given=given)
            else:
                found = await self.call(_TEST, service_id=self.service.id, given=given or None)
        except (InvalidInput, Conflict) as error:
            found_text.update("")
            if error.field in {field.name for field in FIELDS}:
                self._show_wrong({str(error.field): str(error)})
                return
            raise
        finally:
            self._is_busy = False
        found_text.update(test_lines(found))
        self.query_one("#form", VerticalScroll).scroll_end(animate=False)
        tell_test(self, found, safe(found.name, 40))

    def action_step_out(self) -> None:
        """Escape: asks when something was changed."""
        if not self.is_modified:
            self.app.pop_screen()
            return
        rows = [(_("Changes"), _("they are not saved"))]

        def answered(accepted: bool | None) -> None:
            if accepted:
                self.app.pop_screen()

        self.app.push_screen(Confirm(_("Leave without saving?"), rows, _("Leave")), answered)

    def on_key(self, event: events.Key) -> None:
        """Enter goes to the next field, as in every form."""
        if event.key == "enter" and isinstance(self.focused, Input):
            event.stop()
            self.focus_next()

    def hints(self) -> list[tuple[str, str]]:
        """The keys of a form."""
        app = self.app
        return [
            (app.key_name("tab"), _("next field")),
            (app.key_name("ctrl+s"), _("save")),
            (app.key_name("ctrl+t"), _("test")),
            (app.key_name("escape"), _("cancel")),
        ]

    def trail(self) -> list[str]:
        """Which one."""
        return [_("new service") if self.service is None else self.service.name]


def _said(name: str, text: str) -> str:
    """A sentence about fields, by the names they have in the form."""
    said = sentence(text)
    for field in FIELDS:
        said = re.sub(rf"\b{field.name}\b", _(field.label), said) if field.name != "name" else said
    if name == "name":
        said = re.sub(r"^name\b", _("Name"), said)
    return safe(said, 300)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None
