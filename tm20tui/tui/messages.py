"""What the console told its operator: the message line shows the last, the log mode all of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from textual.content import Content

from tm20tui.tui import paint
from tm20tui.tui.safe import clip, safe
from tm20tui.tui.states import glyph

_KEPT = 500
_LONGEST_WORD = 20
"""What may be left empty at the end of a line, because the next word has no room there."""
_GLYPHS = {"good": "✓", "bad": "✗", "warn": "▲", "accent": "→", "dim": "·"}


@dataclass(frozen=True, slots=True)
class Said:
    """One message; `reference` finds it in audit and log, "" when there is nothing to find."""

    at: datetime
    tone: str
    text: str
    reference: str = ""

    def content(self, width: int) -> Content:
        """Glyph, text and reference, on two lines at most."""
        tail = f" · {self.reference}" if self.reference else ""
        text = clip(self.text, max(10, room_in(2, width) - len(tail) - 3))
        return paint.line((f"{glyph(_GLYPHS.get(self.tone, '·'))} ", self.tone), text, (tail, "dim"))


def room_in(lines: int, width: int) -> int:
    """Cells for a text that is broken between words into so many lines."""
    return lines * width - (lines - 1) * min(_LONGEST_WORD, width // 3)


class Messages:
    """The messages of one console, oldest first. An error stays shown until an outcome, or Escape."""

    def __init__(self) -> None:
        self.all: deque[Said] = deque(maxlen=_KEPT)
        self._shown: Said | None = None

    def add(self, at: datetime, tone: str, text: str, reference: str = "") -> None:
        """Tell something."""
        said = Said(at, tone, safe(text, 400), reference)
        self.all.append(said)
        is_aside = tone in ("dim", "accent") and not reference
        if not (is_aside and self._shown is not None and self._shown.tone == "bad"):
            self._shown = said

    def dismiss(self) -> None:
        """Take the shown one away."""
        self._shown = None

    def line(self, width: int) -> Content:
        """What the message line shows."""
        return Content() if self._shown is None else self._shown.content(width)
