"""For terminals that cannot show more: the last gate before the screen lets only ASCII through."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_OURS = {
    **dict.fromkeys("─━═╌╍┄┅┈┉╴╶╸╺▔▁", "-"),
    **dict.fromkeys("│┃║╎╏┆┇┊┋╵╷╹╻▏▕▎▌▐", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝╠╣╦╩╬", "+"),
    **dict.fromkeys("█▇▆▅▉▊▋", "#"),
    **dict.fromkeys("▄▃▂▀", "="),
    **dict.fromkeys("…·•", "."),
    **dict.fromkeys("–—‒―", "-"),
    **dict.fromkeys("“”«»", '"'),
    **dict.fromkeys("‘’", "'"),
    "›": ">",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "▴": "^",
    "▾": "v",
    "●": "+",
    "▲": "!",
    "○": "o",
    "◆": "?",
    "✓": "v",
    "✗": "x",
    "■": "#",
    "↻": "~",
    "≈": "~",
    "‖": "=",
    "×": "x",
}


class AsciiFilter(LineFilter):
    """Replaces what is not ASCII, cell for cell; with `keep_letters` accents and other letters stay."""

    def __init__(self, *, keep_letters: bool) -> None:
        super().__init__()
        self._keep_letters = keep_letters

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in characters that the terminal has."""
        return [
            segment
            if segment.text.isascii()
            else Segment(_translate(segment.text, self._keep_letters), *segment[1:])
            for segment in segments
        ]


def _translate(text: str, keep_letters: bool) -> str:
    return "".join(char if char.isascii() else _plain(char, keep_letters) for char in text)


@lru_cache(maxsize=4096)
def _plain(char: str, keep_letters: bool) -> str:
    if char in _OURS:
        return _OURS[char]
    if keep_letters and char.isalnum():
        return char
    base = unicodedata.normalize("NFKD", char)[0]
    if base.isascii() and base.isprintable():
        return base.ljust(cell_len(char))
    return "?" * cell_len(char)
