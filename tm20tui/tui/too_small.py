"""What is shown instead of everything where a terminal is too small for the console."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from tm20tui.tui.language import _

LEAST_COLUMNS, LEAST_ROWS = 60, 16
CLASS = "-too-small"
"""Of the application, while its terminal is."""


def is_too_small(columns: int, rows: int) -> bool:
    """Whether the console cannot be read at this size."""
    return columns < LEAST_COLUMNS or rows < LEAST_ROWS


class TooSmall(Widget):
    """Lies over a screen, which comes back as it was once there is room."""

    DEFAULT_CSS = """
    TooSmall {
        layer: too-small;
        dock: top;
        width: 100%;
        height: 100%;
        display: none;
        background: $background;
        color: $foreground;
        content-align: center middle;
        text-align: center;
    }
    """

    def render(self) -> Content:
        """How large it is and has to be."""
        size = self.app.size
        text = _("This terminal is too small: {columns}x{rows}. The console needs {least}: enlarge it.")
        least = f"{LEAST_COLUMNS}x{LEAST_ROWS}"
        return Content(text.format(columns=size.width, rows=size.height, least=least))
