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
    """A bordered widget whose titles may change without painting more than their lines."""

    _muted = False

    def entitle(self, title: Content | str) -> None:
        """Show this title in the border above from now on; never markup."""
        self._show_title("border_title", title, 0)

    def subtitle(self, title: Content | str) -> None:
        """Show this title in the border below from now on; never markup."""
        self._show_title("border_subtitle", title, self.outer_size.height - 1)

    def _show_title(self, name: str, title: Content | str, line: int) -> None:
        content = Content(title) if isinstance(title, str) else title
        widget: Widget = self
        if content.markup == getattr(widget, name):
            return
        self._muted = True
        try:
            setattr(widget, name, content)
        finally:
            self._muted = False
        if self.is_mounted:
            left, top = self.content_offset
            self.refresh(Region(-left, line - top, self.outer_size.width, 1))

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
        is_as_high = old is not None and old.plain.count("\n") == new.plain.count("\n")
        self.update(new, layout=self.styles.auto_dimensions and not is_as_high)
