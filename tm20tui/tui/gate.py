"""The last gate before every screen: what a terminal would obey is not let through, wherever it came from.

Text of others passes `safe` long before; what is typed and pasted into a line of input does not.
"""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tm20tui.tui.safe import is_hidden


class Gate(LineFilter):
    """Takes hidden characters out of what is painted; the text is as wide as before."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without them."""
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(_harmless(segment.text), *segment[1:])
            for segment in segments
        ]


def _harmless(text: str) -> str:
    clean = "".join("·" * cell_len(char) if is_hidden(char) else char for char in text)
    return set_cell_size(clean, cell_len(text))
