"""A table of what comes in, newest first: it follows while the cursor is at the top, and can be frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual.binding import Binding

from tm20tui.tui.grid import Grid
from tm20tui.tui.language import N_, _, ngettext
from tm20tui.tui.states import FROZEN, glyph
from tm20tui.tui.table_mode import TableMode

PAGE = 200
"""Rows a page; the server would give 500."""


class FollowingTable(TableMode):
    """Below the first row nothing new is pushed in above: it waits for F5, or for the cursor at the top."""

    PAGED = True
    LOOK_SECONDS = 2.0
    BINDINGS: ClassVar = [
        Binding("f", "freeze", N_("freeze, or go on"), show=False, id="table.freeze"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.is_frozen = False
        self._counted = 0

    def counted(self) -> int:
        """A count that grows with what is new; 0 where nothing tells."""
        return 0

    @property
    def follows(self) -> bool:
        """Whether what is new is shown at once."""
        return not self.is_frozen and self.grid.cursor_index == 0 and len(self._starts) == 1

    async def look(self) -> None:
        """The first page as it is now, or, below the top, as it was; nothing while frozen."""
        if self.is_frozen and self._all:
            self._subtitle()
            return
        if self.follows:
            self._counted = self.counted()
        followed = self.follows
        asked = self.filter, tuple(self._starts)
        is_pinned = len(self._starts) == 1 and not followed and self._all
        page = await self.page(self.pinned_start() if is_pinned else self._starts[-1])
        if asked != (self.filter, tuple(self._starts)):
            return  # what is asked for now is on its way
        self._all, self._next, self._total = page.rows, page.next, page.total
        self._show(to_top=followed and self.grid.cursor_index == 0)
        self._subtitle()

    def pinned_start(self) -> Any:
        """Where the first page starts when nothing new may come in above what it shows."""
        return None

    def last_shown(self, of: Callable[[Any], bool] = lambda record: True) -> int | None:
        """The largest id that is shown."""
        return max((int(str(row.key)) for row in self._all if of(row.record)), default=None)

    def _subtitle(self) -> None:
        new = max(0, self.counted() - self._counted) if not self.follows else 0
        told = ngettext("{count} new — F5", "{count} new — F5", new).format(count=new) if new else ""
        if self.is_frozen:
            words = f"{glyph(FROZEN)} " + _("frozen — f goes on")
        elif self.follows:
            words = _("follows")
        else:
            words = _("stands still — F5")
            if told:
                words, told = told, ""
        self.grid.subtitle(" · ".join(filter(None, (words, told))))

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Whether it follows depends on where the cursor is."""
        super().on_grid_moved(event)
        if event.grid is self.grid and self._all:
            self._subtitle()

    def action_freeze(self) -> None:
        """Nothing changes until it is pressed again."""
        self.is_frozen = not self.is_frozen
        self._subtitle()
        self.look_soon()

    def action_refresh_now(self) -> None:
        """Everything that is new, from the top."""
        self.is_frozen = False
        self._starts = [None]
        self.grid.action_first()
        self.look_soon()

    def _clear_freeze(self) -> bool:
        was, self.is_frozen = self.is_frozen, False
        if was:
            self._subtitle()
        return was

    def steps_out(self) -> Iterable[Callable[[], bool]]:
        """Escape: the filter, the marks, then what is frozen."""
        return (*super().steps_out(), self._clear_freeze)
