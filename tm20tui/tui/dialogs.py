"""Dialogs: what is asked before something is done. Enter alone is always Cancel."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tm20tui.tui import paint
from tm20tui.tui.actions import Plan
from tm20tui.tui.grid import Column, Grid, Row
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.too_small import TooSmall

T = TypeVar("T")
EXPIRES_SECONDS = 15.0
_TARGETS_SHOWN = 8


class Dialog(ModalScreen[T]):
    """A box in the middle. `title` is translated already."""

    BINDINGS: ClassVar = [Binding("escape", "cancel", N_("cancel"), id="dialog.cancel")]

    def __init__(self, title: str) -> None:
        super().__init__(classes="dialog")
        self.heading = title

    def compose(self) -> ComposeResult:
        """The box with its title and what `body` has."""
        with Vertical(id="box") as box:
            box.border_title = Content(self.heading)
            box.border_subtitle = Content(self.footnote())
            yield from self.body()
        yield TooSmall()

    def body(self) -> ComposeResult:
        """What is in the box."""
        raise NotImplementedError

    def footnote(self) -> str:
        """What is said under the box."""
        return _("Esc cancels")

    def action_cancel(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)


class Confirm(Dialog[bool]):
    """Shows what will be done to what, and wants `y`, or a word typed. It gives up after 15 seconds.

    The result is True, or None: also when it expired.
    """

    BINDINGS: ClassVar = [Binding("y", "accept", N_("accept"), id="dialog.accept")]

    def __init__(
        self, title: str, rows: Sequence[tuple[str, str]], accept: str, *, word: str = "", note: str = ""
    ) -> None:
        super().__init__(title)
        self._rows = rows
        self._accept = accept
        self._word = word
        self._note = note

    @classmethod
    def of(cls, plan: Plan, operator: str) -> Confirm:
        """Ask about a plan: targets, effect, what is skipped and why."""
        action, targets = plan.action, plan.eligible
        rows = [(ngettext("Target", "Targets", len(targets)), targets[0].label)]
        if len(targets) == 1 and targets[0].state:
            rows.append((_("State"), targets[0].state))
        rows += [("", target.label) for target in targets[1:_TARGETS_SHOWN]]
        if len(targets) > _TARGETS_SHOWN:
            rows.append(("", _("and {count} more").format(count=len(targets) - _TARGETS_SHOWN)))
        rows += [
            (_("Skipped"), f"{target.label}{_(': ')}{_(reason)}")
            for target, reason in plan.skipped[:_TARGETS_SHOWN]
        ]
        if len(plan.skipped) > _TARGETS_SHOWN:
            rows.append(("", _("and {count} more").format(count=len(plan.skipped) - _TARGETS_SHOWN)))
        rows.append((_("Action"), _(action.label)))
        if action.effect:
            rows.append((_("Effect"), _(action.effect)))
        rows.append((_("Trace"), _("audit, in the name of {operator}").format(operator=operator)))
        word = ""
        if action.tier_for(len(targets)) >= 2:
            word = targets[0].word if len(targets) == 1 and targets[0].word else str(len(targets))
        return cls(_(action.label), rows, _(action.label), word=word)

    def body(self) -> ComposeResult:
        """What will be done, and the two ways out."""
        width = max((len(name) for name, _text in self._rows), default=0)
        room = max(20, self.app.size.width * 9 // 10 - width - 10)
        lines = [
            paint.line((f"{name if first else '':<{width}}  ", "dim"), part)
            for name, text in self._rows
            for first, part in _wrapped(text, room)
        ]
        yield Static(paint.lines(*lines), id="facts", markup=False)
        if self._note:
            yield Static(self._note, id="note", markup=False)
        if self._word:
            yield Static(_("Type {word} to confirm:").format(word=self._word), id="typing", markup=False)
            yield Input(id="word", compact=True)
        with Horizontal(id="buttons"):
            yield Button(_("Cancel"), id="cancel", compact=True)
            label = self._accept if self._word else f"y  {self._accept}"
            yield Button(Content(label), id="accept", compact=True, disabled=bool(self._word))

    def footnote(self) -> str:
        """How it ends without an answer."""
        seconds = f"{EXPIRES_SECONDS * (4 if self._word else 1):.0f}"
        return _("Esc cancels · expires in {seconds} s").format(seconds=seconds)

    def on_mount(self) -> None:
        """Cancel has the focus, or the word to type; time is running."""
        self.query_one("#word" if self._word else "#cancel").focus()
        self.set_timer(EXPIRES_SECONDS * (4 if self._word else 1), self.action_cancel)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A letter is a letter where a word is typed."""
        return not (action == "accept" and self._word)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the right word opens the way."""
        self.query_one("#accept", Button).disabled = event.value.strip().casefold() != self._word.casefold()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter after the right word."""
        if event.value.strip().casefold() == self._word.casefold():
            self.dismiss(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the two ways out."""
        if event.button.id == "accept":
            self.dismiss(True)
        else:
            self.action_cancel()

    def action_accept(self) -> None:
        """`y`."""
        self.dismiss(True)


def _wrapped(text: str, room: int) -> list[tuple[bool, str]]:
    """The text in lines that fit, each with whether it is the first."""
    return [(place == 0, part) for place, part in enumerate(textwrap.wrap(text, room) or [""])]


class Choice(Dialog[str]):
    """A list to choose from by letter, or by cursor and Enter. The result is an option's id.

    An option is `(id, letter, text, reason)`: with a reason it is dimmed and cannot be chosen, but
    those in `answered`, which whoever asked refuses.
    """

    def __init__(
        self,
        title: str,
        options: Sequence[tuple[str, str, str, str]],
        *,
        answered: Collection[str] = (),
    ) -> None:
        super().__init__(title)
        self._options = options
        self._answered = answered

    def body(self) -> ComposeResult:
        """The options."""
        grid = Grid([Column("letter", "", 2), Column("text", "", 20, grow=1)], id="options")
        yield grid

    def on_mount(self) -> None:
        """Show them; the box is as high as there are options."""
        grid = self.query_one("#options", Grid)
        grid.styles.height = min(len(self._options) + 1, max(4, self.app.size.height - 6))
        grid.show(
            Row(
                ident,
                {
                    "letter": (letter, "dim" if reason else "accent"),
                    "text": (f"{text} — {reason}", "dim") if reason else text,
                },
                reason,
            )
            for ident, letter, text, reason in self._options
        )
        grid.focus()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter."""
        event.stop()
        row = event.grid.find(event.key)
        if row is not None:
            self._choose(str(event.key), row.record)

    def on_key(self, event: events.Key) -> None:
        """A letter."""
        for ident, letter, _text, reason in self._options:
            if letter and event.character == letter:
                event.stop()
                event.prevent_default()
                self._choose(ident, reason)
                return

    def _choose(self, ident: str, reason: str) -> None:
        if not reason or ident in self._answered:
            self.dismiss(ident)


class Ask(Dialog[str]):
    """One line to type. The result is the text, None when cancelled."""

    def __init__(self, title: str, prompt: str, value: str = "") -> None:
        super().__init__(title)
        self._prompt = prompt
        self._value = value

    def body(self) -> ComposeResult:
        """The question and the line."""
        yield Static(self._prompt, markup=False)
        yield Input(self._value, id="line", compact=True)

    def footnote(self) -> str:
        """The two ways out."""
        return _("Enter accepts · Esc cancels")

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one("#line", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value)


class Notice(Dialog[None]):
    """Text to read, which may be longer than the screen."""

    BINDINGS: ClassVar = [Binding("q,enter", "cancel", N_("close"), id="notice.close")]

    def __init__(self, title: str, content: Content | str) -> None:
        super().__init__(title)
        self.add_class("notice")
        self._content = content

    def body(self) -> ComposeResult:
        """The text, with a bar when it is long."""
        from textual.containers import VerticalScroll

        with VerticalScroll(id="reading"):
            yield Static(self._content, markup=False)

    def on_mount(self) -> None:
        """Arrows scroll."""
        self.query_one("#reading").focus()

    def footnote(self) -> str:
        """The way out."""
        return _("Esc closes")
