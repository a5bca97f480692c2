"""What reaches terminals that have only ASCII: as many cells, all of them ASCII."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from tm20tui.tui.ascii import AsciiFilter
from tm20tui.tui.safe import safe

BLACK = Color.parse("black")


@given(st.text(max_size=80))
def test_it_is_ascii_in_as_many_cells(text: str) -> None:
    clean = safe(text)
    (segment,) = AsciiFilter(keep_letters=False).apply([Segment(clean)], BLACK)
    assert segment.text.isascii()
    assert cell_len(segment.text) == cell_len(clean)


def test_accents_go_or_stay_as_the_terminal_can() -> None:
    text = "│› ● Dépôt…"
    assert AsciiFilter(keep_letters=False).apply([Segment(text)], BLACK)[0].text == "|> + Depot."
    assert AsciiFilter(keep_letters=True).apply([Segment(text)], BLACK)[0].text == "|> + Dépôt."
