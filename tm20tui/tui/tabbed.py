"""A mode of several tables, one behind the other: `←` and `→` go from tab to tab.

Each tab has its own columns, actions, filter, order, marks and place in its pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from tm20tui.tui import paint
from tm20tui.tui.actions import Action
from tm20tui.tui.filters import parse
from tm20tui.tui.frame import Line
from tm20tui.tui.grid import Column, Row
from tm20tui.tui.language import N_, _
from tm20tui.tui.table_mode import Page, TableMode


@dataclass(frozen=True, slots=True)
class Tab:
    """One table. `title` and `empty` are messages; `sorts` and `is_paged` as in `TableMode`.

    Who may not call `operation` is told so instead of being shown rows.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    empty: str = ""
    operation: str = ""
    sorts: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)
    is_paged: bool = False
    actions: tuple[Action, ...] = ()


class TabbedMode(TableMode):
    """Subclasses give `TABS`, and `ACTIONS` with all the actions of their tabs."""

    TABS: ClassVar[tuple[Tab, ...]] = ()

    BINDINGS: ClassVar = [
        Binding("left", "tab(-1)", N_("previous tab"), show=False, id="tabs.previous"),
        Binding("right", "tab(1)", N_("next tab"), show=False, id="tabs.next"),
    ]

    def __init__(self) -> None:
        self._at = 0
        self._left: dict[str, tuple[Any, ...]] = {}
        self._panes = Line(id="panes")
        super().__init__()

    @property
    def tab(self) -> Tab:
        """The one that is shown."""
        return self.TABS[self._at]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Of the tab."""
        return self.tab.columns

    @property
    def sorts(self) -> Mapping[str, Callable[[Row], Any]]:
        """Of the tab."""
        return self.tab.sorts

    @property
    def is_paged(self) -> bool:
        """Whether the server pages the tab."""
        return self.tab.is_paged

    @property
    def memory_name(self) -> str:
        """One for each tab."""
        return f"{self.MODE}-{self.tab.key}"

    @property
    def offered(self) -> Sequence[Action]:
        """What can be done in the tab."""
        return self.tab.actions

    def heading(self) -> str:
        """The tab's title."""
        return _(self.tab.title)

    def empty_text(self) -> str:
        """What the tab says of nothing, or why it must not be looked at."""
        return self.not_allowed() or _(self.tab.empty)

    def not_allowed(self) -> str:
        """Why this operator may not look at the tab, "" if they may."""
        return self.app.role_refusal(self.tab.operation) if self.tab.operation else ""

    async def look(self) -> None:
        """Ask for the page of the tab; when another is shown by then it is not wanted any more."""
        tab = self.tab
        page = Page(()) if self.not_allowed() else await self.page(self._starts[-1])
        if tab is self.tab:
            self._take(page)

    def body(self) -> ComposeResult:
        """The tabs, the table, the filter."""
        yield self._panes
        yield self.grid
        yield self.bar

    def draw_frame(self) -> None:
        """The frame, and the tabs."""
        if self.is_mounted:
            self._draw_tabs()
        super().draw_frame()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An action of another tab is none: two tabs may use the same key."""
        if action == "do":
            return any(one.id == parameters[0] for one in self.offered)
        return super().check_action(action, parameters)

    def action_tab(self, by: int) -> None:
        """To the next tab, or the one before."""
        self.show_tab(self.TABS[(self._at + by) % len(self.TABS)].key)

    def show_tab(self, key: str) -> None:
        """Show a tab as it was left."""
        if key == self.tab.key:
            return
        row = self.grid.cursor_row
        self._left[self.tab.key] = (
            *(self.filter, self._all, self._sort, self._reversed, self._starts, self._next, self._total),
            *(set(self.grid.marks), self._marked, None if row is None else row.key),
        )
        self._at = next(place for place, tab in enumerate(self.TABS) if tab.key == key)
        self.grid.marks.clear()
        cursor: Any = None
        if key in self._left:
            (self.filter, self._all, self._sort, self._reversed, self._starts, self._next, self._total) = (
                self._left[key][:7]
            )
            marks, self._marked, cursor = self._left[key][7:]
            self.grid.marks |= marks
        else:
            self.filter, self._sort, self._reversed = parse(self._remembered_filter()), *self._remembered()
            self._all, self._starts, self._next, self._total, self._marked = (), [None], None, None, {}
        self._waiting, self._is_settled = 0, False
        with self.bar.prevent(Input.Changed):
            # Nobody typed into it.
            self.bar.value = self.filter.text
        self.bar.display = bool(self.filter)
        self.grid.use_columns(self.columns)
        self._show(settle=True, to_top=True)
        if cursor is not None:
            self.grid.go_to(cursor)
        self.grid.focus()
        self.refresh_bindings()
        self.draw_frame()
        self.do_soon(self.look, f"tab {key}")

    def _remembered_filter(self) -> str:
        return self.app.memory.get(self.memory_name, "filter")

    def _remembered(self) -> tuple[str, bool]:
        sort = self.app.memory.get(self.memory_name, "sort")
        name = sort.lstrip("-")
        return (name, sort.startswith("-")) if name in self.sorts else (next(iter(self.sorts), ""), False)

    def _draw_tabs(self) -> None:
        parts: list[paint.Part] = []
        used = 0
        for tab in self.TABS:
            text = f"[{_(tab.title)}]" if tab is self.tab else f" {_(tab.title)} "
            parts += [(text, "strong") if tab is self.tab else text, " "]
            used += cell_len(text) + 1
        arrows = f"{self.app.key_name('left')} {self.app.key_name('right')} {_('tab')} "
        room = self.app.size.width - used - 1 - cell_len(arrows)
        tail = (" " * room + arrows, "dim") if room > 0 else ""
        self._panes.show(paint.line(" ", *parts, *([tail] if tail else [])))
