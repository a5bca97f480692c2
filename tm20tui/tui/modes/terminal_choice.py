"""Which terminals a service gets punches from: every one, or those with a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input

from tm20tui.snapshot import TerminalLine
from tm20tui.tui.dialogs import Dialog
from tm20tui.tui.grid import MOST_ROWS, Column, Grid, Row
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.safe import fold, safe

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Chosen:
    """`terminal_ids` None: every terminal, those to come included."""

    terminal_ids: tuple[int, ...] | None


class TerminalChoice(Dialog[Chosen]):
    """Ticks; nothing is changed before it is accepted. The result is None when cancelled."""

    BINDINGS: ClassVar = [
        Binding("ctrl+s", "accept", N_("accept"), id="choice.accept"),
        Binding("space", "tick", N_("tick"), show=False),
    ]
    DEFAULT_CSS = """
    TerminalChoice #options { height: 12; }
    TerminalChoice #narrow { width: 60; margin-bottom: 0; }
    """

    def __init__(self, title: str, terminals: Sequence[TerminalLine], chosen: Sequence[int] | None) -> None:
        super().__init__(title)
        self._terminals = terminals
        self._is_all = chosen is None
        self._ids = set(chosen or ())
        self._words = ""
        self.grid = Grid(
            [
                Column("tick", "", 3),
                Column("sn", N_("SN"), 14, grow=1),
                Column("name", N_("Name"), 14, grow=1),
            ],
            id="options",
        )

    def body(self) -> ComposeResult:
        """The list, and a line that narrows it."""
        yield self.grid
        yield Input(id="narrow", compact=True, placeholder=_("type to narrow the list"))

    def on_mount(self) -> None:
        """The list has the focus."""
        self._draw()
        self.grid.focus()

    def footnote(self) -> str:
        """The keys."""
        return _("Space ticks · ^S accepts · Esc cancels")

    def _draw(self) -> None:
        rows = [Row(_ALL, {"tick": _tick(self._is_all), "sn": _("every terminal, new ones too")})]
        words = fold(self._words).split()
        for line in self._terminals:
            text = fold(f"{line.sn} {line.name}")
            if all(word in text for word in words):
                tick = ("[x]", "dim") if self._is_all else _tick(line.id in self._ids)
                rows.append(Row(line.id, {"tick": tick, "sn": safe(line.sn), "name": safe(line.name)}))
        self.grid.show(rows[:MOST_ROWS])
        box = self.query_one("#box")
        count = len(self._ids)
        told = ngettext("{count} ticked", "{count} ticked", count).format(count=count)
        if self._is_all:
            told = _("all")
        box.border_title = Content(f"{self.heading} · {told}")

    def action_tick(self) -> None:
        """Tick or untick the row under the cursor; ticking one ends `every`."""
        row = self.grid.cursor_row
        if row is None:
            return
        if row.key == _ALL:
            self._is_all = not self._is_all
        else:
            ident = int(str(row.key))
            if self._is_all:
                self._is_all, self._ids = False, {ident}
            else:
                self._ids ^= {ident}
        self._draw()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter ticks too."""
        event.stop()
        self.action_tick()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        self._words = event.value
        self._draw()

    def on_input_submitted(self) -> None:
        """Back to the list."""
        self.grid.focus()

    def action_accept(self) -> None:
        """These."""
        self.dismiss(Chosen(None if self._is_all else tuple(sorted(self._ids))))


def _tick(is_ticked: bool) -> str:
    return "[x]" if is_ticked else "[ ]"
