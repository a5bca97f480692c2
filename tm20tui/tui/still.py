"""Widgets that do not paint what is on the screen already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Static

# Not a widget of its own: Textual would rank its style below that of what it is mixed into.
if TYPE_CHECKING:
    _Base = Widget
else:
    _Base = object


class Titled(_Base):
    """A bordered widget whose title may change without painting more than its line."""

    _muted = False

    def entitle(self, title: Content | str) -> None:
        """Show this title from now on; never markup."""
        content = Content(title) if isinstance(title, str) else title
        widget: Widget = self
        if content.markup == widget.border_title:
            return
        self._muted = True
        try:
            widget.border_title = content
        finally:
            self._muted = False
        if self.is_mounted:
            self.refresh(Region(-1, -1, self.outer_size.width, 1))

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """As Textual's, but not while only the title changes."""
        if not self._muted:
            super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        return self


class Still(Titled, Static):
    """Text that is painted when it differs. It is never read as markup."""

    def __init__(
        self, content: Content | str = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(content, id=id, classes=classes, markup=False)
        self._shown: Content | None = None

    def show(self, content: Content | str) -> None:
        """Show this from now on."""
        new = Content(content) if isinstance(content, str) else content
        old = self._shown
        if old is not None and old.plain == new.plain and old.spans == new.spans:
            return
        self._shown = new
        self.update(new, layout=old is None or old.plain.count("\n") != new.plain.count("\n"))
