"""The one door through which text from outside reaches a screen."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, set_cell_size

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories that move, hide, reorder or mean nothing: controls, bidi marks, surrogates, line ends."""


def safe(text: object, width: int = 200) -> str:
    """Foreign text as one line of at most `width` cells, without anything that a terminal would obey.

    What is hidden is shown as `·`, what is too long ends in `…`. Never parsed as markup:
    give the result to `Content` or a grid cell, which take it as it is.
    """
    clean = str(text)[: width + 1]
    if not clean.isprintable():  # what is neither hidden nor a space of another kind
        clean = "".join("·" if is_hidden(char) else " " if char.isspace() else char for char in clean)
    return clip(clean, width)


def is_hidden(char: str) -> bool:
    """Whether a terminal would obey it, or show nothing."""
    return unicodedata.category(char) in _HIDDEN


def clip(text: str, width: int) -> str:
    """The text in at most `width` cells."""
    if len(text) <= width and cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def fold(text: str) -> str:
    """For comparing: without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))
