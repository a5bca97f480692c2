"""A dialog to choose several of a list: Space marks, Enter takes the marked, or the one under the cursor."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from tm20tui.tui.dialogs import Dialog
from tm20tui.tui.grid import Column, Grid, Row
from tm20tui.tui.language import N_, _


class Pick(Dialog[tuple[Hashable, ...]]):
    """An option is `(key, text, reason)`: with a reason it is dimmed and cannot be chosen."""

    BINDINGS: ClassVar = [
        Binding("space", "mark", N_("mark"), id="pick.mark"),
        Binding("M", "mark_all", N_("mark all"), id="pick.mark_all"),
    ]

    def __init__(self, title: str, options: Sequence[tuple[Hashable, str, str]], *, note: str = "") -> None:
        super().__init__(title)
        self._options = options
        self._note = note
        self._grid = Grid([Column("text", "", 20, grow=1)], id="options", with_marks=True)

    def body(self) -> ComposeResult:
        """The note and the options."""
        if self._note:
            yield Static(self._note, id="note", markup=False)
        yield self._grid

    def footnote(self) -> str:
        """The keys."""
        return _("Space marks · M all · Enter accepts · Esc cancels")

    def on_mount(self) -> None:
        """Show them; the box is as high as there are options."""
        self._grid.styles.height = min(len(self._options) + 1, max(4, self.app.size.height - 8))
        self._grid.show(
            Row(key, {"text": (f"{text} — {reason}", "dim") if reason else text}, reason)
            for key, text, reason in self._options
        )
        self._grid.focus()

    def action_mark(self) -> None:
        """Mark or unmark, and go on."""
        row = self._grid.cursor_row
        if row is not None and not row.record:
            self._grid.mark(row.key, row.key not in self._grid.marks)
        self._grid.action_move(1)

    def action_mark_all(self) -> None:
        """Mark whatever can be chosen."""
        for row in self._grid.rows:
            if not row.record:
                self._grid.mark(row.key, True)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter."""
        event.stop()
        marked = tuple(row.key for row in self._grid.rows if row.key in self._grid.marks)
        row = self._grid.find(event.key)
        if marked:
            self.dismiss(marked)
        elif row is not None and not row.record:
            self.dismiss((event.key,))
