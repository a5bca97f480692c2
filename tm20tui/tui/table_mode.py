"""A mode whose heart is one table: filter, sort, marks, pages, copy and export."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from tm20tui.operations.registry import to_json
from tm20tui.tui import formats
from tm20tui.tui.actions import Target
from tm20tui.tui.counted import counted
from tm20tui.tui.dialogs import Choice
from tm20tui.tui.filters import Filter, parse
from tm20tui.tui.grid import Column, Grid, Key, Row
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.safe import safe

_FILTER_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the server's order; `next` is where the next page starts, None after the last.

    `total` is None where counting would cost too much. `existing` are the keys of everything there is,
    where `rows` of a table that is not paged are only some of it; None when they are all.
    """

    rows: tuple[Row, ...]
    next: Any = None
    total: int | None = None
    existing: Collection[Key] | None = None


class FilterBar(Input):
    """Where a filter is typed; Enter keeps it, Escape takes it off."""

    BINDINGS: ClassVar = [Binding("escape", "leave", N_("clear the filter"), show=False)]

    def action_leave(self) -> None:
        """Escape: first the text, then the bar."""
        if self.value:
            self.value = ""
        else:
            screen = self.screen
            assert isinstance(screen, TableMode)
            screen.close_filter()


class TableMode(ModeScreen):
    """Subclasses give `COLUMNS`, `page`, and what a row is when it is a target.

    A table that the server pages (`PAGED`) is filtered there: `page` reads `self.filter`.
    Another holds everything, at most 500 rows, and is filtered and sorted here.
    """

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    PAGED: ClassVar[bool] = False
    SORTS: ClassVar[dict[str, Callable[[Row], Any]]] = {}
    """Column keys that can be sorted by, and what by. The first is the default."""
    WITH_MARKS: ClassVar[bool] = True
    EMPTY: ClassVar[str] = ""
    """What to say when there is nothing at all: a message."""

    BINDINGS: ClassVar = [
        Binding("slash,ctrl+f", "filter", N_("filter"), show=False, id="table.filter"),
        Binding("space", "mark", N_("mark"), show=False, id="table.mark"),
        Binding("M", "mark_all", N_("mark all"), show=False, id="table.mark_all"),
        Binding("u", "clear_marks", N_("clear marks"), show=False, id="table.clear_marks"),
        Binding("s", "sort", N_("sort"), show=False, id="table.sort"),
        Binding("S", "reverse", N_("reverse the order"), show=False, id="table.reverse"),
        Binding("c", "copy_cell", N_("copy"), show=False, id="table.copy"),
        Binding("C", "copy_row", N_("copy the row"), show=False, id="table.copy_row"),
        Binding("x", "export", N_("export to CSV"), show=False, id="table.export"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.filter = Filter()
        self.grid = Grid(self.columns, id="table", with_marks=self.WITH_MARKS)
        self.bar = FilterBar(id="filter", compact=True)
        self._all: tuple[Row, ...] = ()
        self._existing: Collection[Key] = ()
        self._settled: Collection[Key] = ()
        self._marked: dict[Key, Row] = {}
        self._waiting = 0
        self._sort = next(iter(self.sorts), "")
        self._reversed = False
        self._is_settled = False
        self._starts: list[Any] = [None]
        self._next: Any = None
        self._total: int | None = None

    # For subclasses

    def body(self) -> ComposeResult:
        """The table and its filter."""
        yield self.grid
        yield self.bar

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of what is shown now."""
        return self.COLUMNS

    @property
    def sorts(self) -> Mapping[str, Callable[[Row], Any]]:
        """See `SORTS`."""
        return self.SORTS

    @property
    def is_paged(self) -> bool:
        """See `PAGED`."""
        return self.PAGED

    @property
    def hiding(self) -> Filter:
        """What of the filter hides rows."""
        return self.filter

    @property
    def memory_name(self) -> str:
        """Under which name filter and order are remembered."""
        return self.MODE

    async def page(self, start: Any) -> Page:
        """A page from `start`, None for the first. Everything there is when not `PAGED`."""
        raise NotImplementedError

    def target_of(self, row: Row) -> Target:
        """A row as a target of actions."""
        return Target(row.key, safe(row.key, 40), record=row.record)

    def fields_of(self, row: Row) -> dict[str, str]:
        """What `field:value` looks at, by English name."""
        return {}

    def heading(self) -> str:
        """What the table is called, with the scope of its numbers."""
        return _(self.TITLE)

    def open_row(self, row: Row) -> None:
        """Enter."""

    def preview(self, row: Row | None) -> None:
        """The cursor is on this row."""

    def empty_text(self) -> str:
        """What to say when there is nothing at all."""
        return _(self.EMPTY)

    def copied(self, row: Row) -> str:
        """What `c` copies."""
        return str(row.key)

    # Looking

    async def look(self) -> None:
        """Ask for the page that is shown."""
        asked = self.filter, tuple(self._starts)
        page = await self.page(self._starts[-1])
        if self.is_paged and asked != (self.filter, tuple(self._starts)):
            return  # what is asked for now is on its way
        self._take(page)

    def _take(self, page: Page) -> None:
        self._all, self._next, self._total = page.rows, page.next, page.total
        self._existing = {row.key for row in page.rows} if page.existing is None else page.existing
        self._show()

    def _show(self, *, settle: bool = False, to_top: bool = False) -> None:
        rows: Sequence[Row] = self._all
        if not self.is_paged:
            if hiding := self.hiding:
                rows = [row for row in rows if hiding.matches(text_of(row), self.fields_of(row))]
            if self._sort in self.sorts:
                rows = sorted(rows, key=self.sorts[self._sort], reverse=self._reversed)
            if self._is_settled and not settle:
                rows = self._calm(rows)
            else:
                self._waiting, self._is_settled, self._settled = 0, True, set(self._existing)
            self.grid.sorted_by = (self._sort, self._reversed) if self._sort else None
        self.grid.empty = self._nothing() if not rows else ""
        # A filter or another page hides marks, it does not take them off.
        existing = self.grid.marks if self.is_paged else self._existing
        self.grid.show(rows, to_top=to_top, existing=set(existing))
        self._title()
        self.preview(self.grid.cursor_row)

    def _calm(self, rows: Sequence[Row]) -> list[Row]:
        """The rows in the order that is shown; new ones wait until they are asked for."""
        shown = {row.key: place for place, row in enumerate(self.grid.rows)}
        if not shown:
            self._waiting = 0
            return list(rows)
        known = [row for row in rows if row.key in shown]
        # What there was before and is not shown is beyond what a table holds, not new.
        self._waiting = sum(row.key not in shown and row.key not in self._settled for row in rows)
        return sorted(known, key=lambda row: shown[row.key])

    def _nothing(self) -> str:
        if self.filter:
            return _("no match — Esc clears the filter “{filter}”").format(filter=safe(self.filter.text, 60))
        return self.empty_text()

    def _title(self) -> None:
        parts = [self.heading()]
        count = len(self.grid.rows)
        if self.is_paged:
            if self._total is not None:
                parts.append(formats.number(self._total))
            if len(self._starts) > 1 or self._next is not None:
                parts.append(_("page {number}").format(number=len(self._starts)))
        else:
            total = len(self._all)
            parts.append(formats.number(total) if count == total else f"{count}/{formats.number(total)}")
        if self.grid.marks:
            marked = len(self.grid.marks)
            text = counted("marked", marked)
            if hidden := sum(self.grid.find(key) is None for key in self.grid.marks):
                text += " " + ngettext("({count} hidden)", "({count} hidden)", hidden).format(count=hidden)
            parts.insert(0, text)
        if self.filter:
            parts.append(_("filter: {filter}").format(filter=safe(self.filter.text, 40)))
        if self._waiting:
            parts.append(
                ngettext("{count} new — F5", "{count} new — F5", self._waiting).format(count=self._waiting)
            )
        self.grid.entitle(" · ".join(parts))

    def action_refresh_now(self) -> None:
        """Look, and put everything in order."""
        self._is_settled = False
        self.look_soon()

    def freshen(self) -> None:
        """What came meanwhile does not wait."""
        self._is_settled = False

    # Pages

    def on_grid_edge_reached(self, event: Grid.EdgeReached) -> None:
        """A page key at the edge of a page."""
        event.stop()
        if not self.is_paged:
            return
        if event.direction > 0 and self._next is not None:
            self._starts.append(self._next)
        elif event.direction < 0 and len(self._starts) > 1:
            self._starts.pop()
        else:
            return
        self.do_soon(self._turn, "page")

    async def _turn(self) -> None:
        await self.look()
        self._show(settle=True, to_top=True)

    def restart_pages(self) -> None:
        """Back to the first page: another filter."""
        self._starts = [None]
        self.do_soon(self._turn, "page")

    # Rows

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Preview follows the cursor."""
        if event.grid is self.grid:
            self.preview(self.grid.cursor_row)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Enter or a double click."""
        if event.grid is self.grid and (row := self.grid.find(event.key)) is not None:
            event.stop()
            self.open_row(row)

    def on_grid_header_clicked(self, event: Grid.HeaderClicked) -> None:
        """Sort by the column, or the other way round."""
        if event.grid is self.grid and event.column in self.sorts:
            self._order(event.column, reverse=not self._reversed if event.column == self._sort else False)

    def targets(self) -> Sequence[Target]:
        """The marked rows, hidden ones too, else the one under the cursor."""
        if self.grid.marks:
            here = {row.key: row for row in (*self._all, *self.grid.rows)}
            self._marked = {
                key: here.get(key) or row for key, row in self._marked.items() if key in self.grid.marks
            }
            return [self.target_of(row) for row in self._marked.values()]
        row = self.grid.cursor_row
        return [] if row is None else [self.target_of(row)]

    def after(self, plan: Any, failed: Sequence[Target]) -> None:
        """What was done loses its mark, what failed keeps it."""
        keep = {target.key for target in failed}
        for target in plan.eligible:
            if target.key not in keep:
                self.grid.mark(target.key, False)
                self.grid.marks.discard(target.key)
                self._marked.pop(target.key, None)
        super().after(plan, failed)

    def action_mark(self) -> None:
        """Mark or unmark, and go on to the next row."""
        if self.WITH_MARKS and (row := self.grid.cursor_row) is not None:
            self._mark(row, row.key not in self.grid.marks)
            self.grid.action_move(1)
            self._title()
            self.draw_frame()

    def action_mark_all(self) -> None:
        """Mark every row that the filter leaves."""
        if self.WITH_MARKS:
            for row in self.grid.rows:
                self._mark(row, True)
            self._title()

    def _mark(self, row: Row, is_marked: bool) -> None:
        self.grid.mark(row.key, is_marked)
        if is_marked:
            self._marked[row.key] = row
        else:
            self._marked.pop(row.key, None)

    def action_clear_marks(self) -> None:
        """No marks."""
        self._clear_marks()

    def _clear_marks(self) -> bool:
        had = bool(self.grid.marks)
        for key in list(self.grid.marks):
            self.grid.mark(key, False)
        self.grid.marks.clear()
        self._marked.clear()
        self._title()
        return had

    # Filter and order

    def action_filter(self) -> None:
        """Open the filter."""
        self.bar.display = True
        self.bar.focus()

    def close_filter(self) -> None:
        """Back to the table; the filter stays while it has text."""
        self.bar.display = bool(self.filter)
        self.grid.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        if event.input is self.bar:
            event.stop()
            text = event.value
            self.set_timer(_FILTER_SECONDS, lambda: self._apply(text) if text == self.bar.value else None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        if event.input is self.bar:
            event.stop()
            self._apply(event.value)
            self.close_filter()

    def set_filter(self, text: str) -> None:
        """Filter by this text, as if it had been typed."""
        self.bar.value = text
        self.bar.display = bool(text)
        self._apply(text)

    def _apply(self, text: str) -> None:
        new = parse(text)
        if new == self.filter:
            return
        self.filter = new
        self.app.memory.put(self.memory_name, "filter", text)
        if self.is_paged:
            self.restart_pages()
        else:
            self._show(settle=True)
            # A mode that cuts what it holds has other rows for another filter.
            self._is_settled = False
            self.look_soon()
        self.draw_frame()

    def _clear_filter(self) -> bool:
        had = bool(self.filter) or self.bar.has_focus
        if had:
            self.set_filter("")
            self.close_filter()
        return had

    def action_sort(self) -> None:
        """Choose a column to sort by."""
        titles = {column.key: _(column.title) for column in self.columns}
        options = [(key, str(place + 1), titles.get(key, key), "") for place, key in enumerate(self.sorts)]
        if options:
            self.app.push_screen(Choice(_("Sort by"), options), self._sort_chosen)
        else:
            self._tell_one_order()

    def _sort_chosen(self, key: str | None) -> None:
        if key:
            self._order(key, reverse=False)

    def action_reverse(self) -> None:
        """The other way round."""
        if self._sort in self.sorts:
            self._order(self._sort, reverse=not self._reversed)
        else:
            self._tell_one_order()

    def _tell_one_order(self) -> None:
        self.app.tell("warn", _("this list has one order only"))

    def _order(self, key: str, *, reverse: bool) -> None:
        self._sort, self._reversed = key, reverse
        self.app.memory.put(self.memory_name, "sort", ("-" if reverse else "") + key)
        self._show(settle=True)
        self.grid.refresh()

    def steps_out(self) -> Iterable[Callable[[], bool]]:
        """Escape: the filter, then the marks."""
        return (self._clear_filter, self._clear_marks)

    def on_mount(self) -> None:
        """What was chosen last time is chosen again."""
        self.bar.display = False
        sort = self.app.memory.get(self.memory_name, "sort")
        if sort.lstrip("-") in self.sorts:
            self._sort, self._reversed = sort.lstrip("-"), sort.startswith("-")
        if text := self.app.memory.get(self.memory_name, "filter"):
            self.set_filter(text)

    def retranslate(self) -> None:
        """Titles of columns are drawn again."""
        self.grid.refresh()
        self._title()

    # Taking away

    def action_copy_cell(self) -> None:
        """Copy what names the row."""
        if (row := self.grid.cursor_row) is not None:
            self.app.copy(self.copied(row))

    def action_copy_row(self) -> None:
        """Copy the record as JSON; records hold no secrets."""
        if (row := self.grid.cursor_row) is not None:
            self.app.copy(json.dumps(to_json(row.record), ensure_ascii=False))

    def action_export(self) -> None:
        """Write what the filter finds to a CSV file of the server."""
        self.do_soon(self._export, "export")

    async def _export(self) -> None:
        path = self.app.export_path(self.memory_name)
        count = 0
        with path.open("x", encoding="utf-8", newline="") as file:
            path.chmod(0o600)
            writer = csv.writer(file)
            writer.writerow([_(column.title) for column in self.columns])
            if self.is_paged:
                start: Any = None
                while True:
                    page = await self.page(start)
                    count += self._write(writer, page.rows)
                    if page.next is None:
                        break
                    start = page.next
            else:
                count = self._write(writer, self.grid.rows)
        rows = formats.number(count)
        text = ngettext("{count} row written to {path}", "{count} rows written to {path}", count)
        self.app.tell("good", text.format(count=rows, path=path))

    def _write(self, writer: Any, rows: Sequence[Row]) -> int:
        for row in rows:
            cells = (row.cells.get(column.key, "") for column in self.columns)
            writer.writerow([_harmless(cell if isinstance(cell, str) else cell[0]) for cell in cells])
        return len(rows)

    def on_key(self, event: events.Key) -> None:
        """Down from the filter goes to the table."""
        if event.key == "down" and self.bar.has_focus:
            event.stop()
            self.close_filter()


def text_of(row: Row) -> str:
    """Everything a row shows, for a filter to look through."""
    return " ".join(cell if isinstance(cell, str) else cell[0] for cell in row.cells.values())


def _harmless(text: str) -> str:
    """A cell that no spreadsheet runs."""
    is_number = text.lstrip("+-").replace(" ", "").replace(".", "").isdigit()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") and not is_number else text
