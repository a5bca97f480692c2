"""A table that repaints nothing but the cells that differ.

Rows are known by their keys: cursor and marks stay with the row, wherever it goes.
At most `MOST_ROWS` are held; who has more shows pages. Columns that do not fit are
dropped, never wrapped.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tm20tui.tui.language import N_, _
from tm20tui.tui.safe import clip
from tm20tui.tui.states import CURSOR, MARKED, glyph
from tm20tui.tui.still import Titled

MOST_ROWS = 500
NORMAL, WIDE = 100, 140
"""Widths of the screen from which columns of level 1 and 2 are shown."""

Key = Hashable
Cell = str | tuple[str, str]
"""Text that is safe already, or text and its tone."""


@dataclass(frozen=True, slots=True)
class Column:
    """`title` is a message. `width` in cells; `grow` is its share of what is left.

    `short` is the message where the title has no room.
    `level` 0 is always wanted, 1 from 100 columns on, 2 from 140. What does not fit is
    dropped: the highest level first, from the right.
    """

    key: str
    title: str
    width: int
    grow: int = 0
    right: bool = False
    level: int = 0
    short: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`cells` by column key; `record` is whatever the mode wants to find again."""

    key: Key
    cells: Mapping[str, Cell]
    record: Any = field(default=None, compare=False)


class Grid(Titled, ScrollView, can_focus=True):
    """Rows and columns with a cursor and marks."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--header",
        "grid--good",
        "grid--warn",
        "grid--bad",
        "grid--dead",
        "grid--special",
        "grid--accent",
        "grid--dim",
        "grid--strong",
        "grid--empty",
    }
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", N_("up"), show=False, id="grid.up"),
        Binding("down,j", "move(1)", N_("down"), show=False, id="grid.down"),
        Binding("pageup", "page(-1)", N_("page up"), show=False, id="grid.page_up"),
        Binding("pagedown", "page(1)", N_("page down"), show=False, id="grid.page_down"),
        Binding("home,g", "first", N_("first"), show=False, id="grid.first"),
        Binding("end,G", "last", N_("last"), show=False, id="grid.last"),
        Binding("enter", "open", N_("open the row"), show=False, id="grid.open"),
    ]

    @dataclass
    class Moved(Message):
        """The cursor is on another row; `key` is None when there is none."""

        grid: Grid
        key: Key | None

    @dataclass
    class Opened(Message):
        """Enter, or a second click, on a row."""

        grid: Grid
        key: Key

    @dataclass
    class EdgeReached(Message):
        """A page key at the first (-1) or last (1) row."""

        grid: Grid
        direction: int

    @dataclass
    class HeaderClicked(Message):
        """A click on a column's title."""

        grid: Grid
        column: str

    def __init__(
        self, columns: Sequence[Column], *, id: str | None = None, empty: str = "", with_marks: bool = False
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self._empty = empty
        self.with_marks = with_marks
        self.sorted_by: tuple[str, bool] | None = None
        """Column key and whether reversed: only shown."""
        self.marks: set[Key] = set()
        self._rows: list[Row] = []
        self._places: dict[Key, int] = {}
        self._cursor = 0
        self._layout: list[tuple[Column, int, int]] = []
        self._tones: dict[str, Style] = {}

    # What there is

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown, in order."""
        return self._rows

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def cursor_index(self) -> int:
        """Its place, from 0."""
        return self._cursor

    def find(self, key: Key) -> Row | None:
        """The row of a key."""
        place = self._places.get(key)
        return None if place is None else self._rows[place]

    def room_of(self, column: str) -> int:
        """How many cells a column has, 0 when it is not shown."""
        return next((room for found, _start, room in self._layout if found.key == column), 0)

    @property
    def empty(self) -> str:
        """What is said where there is no row."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        if text != self._empty:
            self._empty = text
            if not self._rows:
                self.refresh()

    # What changes

    def show(
        self, rows: Iterable[Row], *, to_top: bool = False, existing: Collection[Key] | None = None
    ) -> None:
        """Show these rows; only what differs is painted.

        The cursor stays on its key, or where it was when that is gone; with `to_top` it goes
        to the first row. Marks of rows that are not `existing`, by default not shown, are taken off.
        """
        new = list(rows)[:MOST_ROWS]
        old, before = self._rows, self.cursor_row
        self._rows = new
        self._places = {row.key: place for place, row in enumerate(new)}
        self.marks.intersection_update(self._places.keys() if existing is None else existing)
        cursor = self._cursor
        if to_top:
            self._cursor = 0
        elif before is not None and before.key in self._places:
            self._cursor = self._places[before.key]
        self._cursor = max(0, min(self._cursor, len(new) - 1))
        if not self.is_mounted:
            return
        if len(old) != len(new):
            self._measure()
            if not old or not new:
                self.refresh()
        for place in range(max(len(old), len(new))):
            self._repaint_difference(place, old, new, cursor)
        if to_top or self._cursor != cursor:
            self._scroll_to_cursor()
        after = self.cursor_row
        if (before and before.key) != (after and after.key):
            self.post_message(self.Moved(self, after.key if after else None))

    def use_columns(self, columns: Sequence[Column]) -> None:
        """Other columns, or other titles, from now on."""
        self.columns = tuple(columns)
        self._measure()
        self.refresh()

    def go_to(self, key: Key) -> bool:
        """Put the cursor on a row; False when there is none of that key."""
        if key not in self._places:
            return False
        self._move_to(self._places[key])
        return True

    def mark(self, key: Key, is_marked: bool) -> None:
        """Mark a row, or take its mark off."""
        if key in self._places and (key in self.marks) != is_marked:
            (self.marks.add if is_marked else self.marks.discard)(key)
            self._repaint_row(self._places[key])

    # Keys

    def action_move(self, by: int) -> None:
        """Up or down by rows."""
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Up or down by pages; at an edge the mode may have more."""
        edge = 0 if by < 0 else len(self._rows) - 1
        if self._cursor == edge or not self._rows:
            self.post_message(self.EdgeReached(self, by))
            return
        self._move_to(self._cursor + by * max(1, self.size.height - 2))

    def action_first(self) -> None:
        """To the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """To the last row."""
        self._move_to(len(self._rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if (row := self.cursor_row) is not None:
            self.post_message(self.Opened(self, row.key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a second one opens."""
        event.stop()
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            for column, start, width in self._layout:
                if start <= offset.x < start + width:
                    self.post_message(self.HeaderClicked(self, column.key))
            return
        place = offset.y - 1 + self.scroll_offset.y
        if 0 <= place < len(self._rows):
            self._move_to(place)
            if event.chain == 2:
                self.action_open()

    # Drawing

    def on_mount(self) -> None:
        """Lay out for the first time."""
        self._measure()

    def on_resize(self) -> None:
        """Other columns may fit."""
        self._measure()
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        """Another theme, other tones."""
        self._tones.clear()
        super().notify_style_update()

    def on_focus(self) -> None:
        """The cursor is in reverse where the keys go."""
        self._repaint_row(self._cursor)

    def on_blur(self) -> None:
        """See `on_focus`."""
        self._repaint_row(self._cursor)

    def render_line(self, y: int) -> Strip:
        """One line of what is seen: the titles stay, rows scroll under them."""
        width = self.size.width
        base = self.rich_style
        if y == 0:
            return self._header(width, base)
        place = y - 1 + self.scroll_offset.y
        if place < len(self._rows):
            return self._row(place, width, base)
        if not self._rows and self._empty:
            rows = self._empty.split("\n")
            if 0 <= y - 2 < len(rows):
                text = clip("  " + rows[y - 2], width)
                return Strip([Segment(text, base + self._tone("empty"))]).adjust_cell_length(width, base)
        return Strip.blank(width, base)

    def _header(self, width: int, base: Style) -> Strip:
        style = base + self._tone("header")
        text = [" " * (2 if self.with_marks else 1)]
        at = cell_len(text[0])
        for column, start, room in self._layout:
            text.append(" " * (start - at))
            arrow = ""
            if self.sorted_by is not None and self.sorted_by[0] == column.key:
                arrow = (("^", "v") if glyph("›") == ">" else ("▴", "▾"))[1 if self.sorted_by[1] else 0]
            title = _(column.title)
            if column.short and cell_len(title + arrow) > room:
                title = _(column.short)
            text.append(_fit(title + arrow, room, column.right))
            at = start + room
        return Strip([Segment("".join(text), style)]).adjust_cell_length(width, style).crop(0, width)

    def _row(self, place: int, width: int, base: Style) -> Strip:
        row = self._rows[place]
        is_cursor = place == self._cursor
        is_reverse = is_cursor and self.has_focus
        look = base + Style(reverse=True) if is_reverse else base
        mark = glyph(MARKED) if row.key in self.marks else " "
        head = (glyph(CURSOR) if is_cursor else " ") + (mark if self.with_marks else "")
        segments = [Segment(head, look + self._tone("accent") if head.strip() else look)]
        at = len(head)
        for column, start, room in self._layout:
            if start > at:
                segments.append(Segment(" " * (start - at), look))
            cell = row.cells.get(column.key, "")
            text, tone = (cell, "") if isinstance(cell, str) else cell
            if is_reverse:  # a tone would be a block of colour in the bar of the cursor
                tone = ""
            segments.append(
                Segment(_fit(text, room, column.right), look + self._tone(tone) if tone else look)
            )
            at = start + room
        return Strip(segments).adjust_cell_length(width, look).crop(0, width)

    def _tone(self, name: str) -> Style:
        if name not in self._tones:
            partial = self.get_component_rich_style(f"grid--{name}", partial=True)
            self._tones[name] = partial
        return self._tones[name]

    def _measure(self) -> None:
        if not self.is_mounted:
            return
        if self.container_size:
            # Textual would find out after it has laid out and painted everything without the bar.
            self.show_vertical_scrollbar = len(self._rows) + 1 > self.container_size.height
        self._layout = self._fit_columns(self.scrollable_content_region.width or self.size.width)
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def _fit_columns(self, width: int) -> list[tuple[Column, int, int]]:
        gap = 2 if self.app.size.width >= 70 else 1
        head = 2 if self.with_marks else 1
        level = 2 if self.app.size.width >= WIDE else 1 if self.app.size.width >= NORMAL else 0
        columns = [column for column in self.columns if column.level <= level]

        def needed() -> int:
            return head + sum(column.width + gap for column in columns) - gap

        while len(columns) > 1 and needed() > width:
            highest = max(column.level for column in columns)
            last = max(place for place, column in enumerate(columns) if column.level == highest)
            del columns[last]
        spare, shares = max(0, width - needed()), sum(column.grow for column in columns)
        layout, at = [], head
        for column in columns:
            more = spare * column.grow // shares if shares else 0
            layout.append((column, at, column.width + more))
            at += column.width + more + gap
        return layout

    def _repaint_difference(self, place: int, old: list[Row], new: list[Row], cursor: int) -> None:
        before = old[place] if place < len(old) else None
        after = new[place] if place < len(new) else None
        moved = place in (cursor, self._cursor) and cursor != self._cursor
        if before is None or after is None or before.key != after.key or moved:
            self._repaint_row(place)
            return
        for column, start, room in self._layout:
            if before.cells.get(column.key) != after.cells.get(column.key):
                self._repaint(place, start, room)

    def _repaint_row(self, place: int) -> None:
        self._repaint(place, 0, self.size.width)

    def _repaint(self, place: int, start: int, room: int) -> None:
        y = place + 1 - self.scroll_offset.y
        if 1 <= y < self.size.height:
            self.refresh(Region(start, y, room, 1))

    def _move_to(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        if place == self._cursor or not self._rows:
            return
        before, self._cursor = self._cursor, place
        self._repaint_row(before)
        self._repaint_row(place)
        self._scroll_to_cursor()
        self.post_message(self.Moved(self, self._rows[place].key))

    def _scroll_to_cursor(self) -> None:
        room = self.size.height - 1
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif room > 0 and self._cursor >= top + room:
            self.scroll_to(y=self._cursor - room + 1, animate=False, immediate=True)


def _fit(text: str, room: int, right: bool) -> str:
    shown = clip(text, room)
    blank = " " * (room - cell_len(shown))
    return blank + shown if right else shown + blank
