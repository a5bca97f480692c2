"""The fixed frame of every mode: status row, tabs, message line, key hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tm20tui.tui import formats, paint
from tm20tui.tui.language import _, sentence
from tm20tui.tui.messages import room_in
from tm20tui.tui.safe import clip, safe
from tm20tui.tui.states import (
    ATTENTION,
    FAILED,
    OFFLINE,
    ONLINE,
    PENDING,
    TO_APPROVE,
    Totals,
    glyph,
)

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp

_NARROW = 100


class Line(Widget):
    """One row of text; painted only when it differs."""

    DEFAULT_CSS = "Line { height: 1; width: 100%; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._content = Content()

    def show(self, content: Content) -> None:
        """Show this from now on."""
        if content.plain != self._content.plain or content.spans != self._content.spans:
            self._content = content
            self.refresh()

    def render(self) -> Content:
        """What is shown."""
        return self._content


class Lines(Line):
    """One row, and a second where the text needs it: its end is what matters most."""

    MOST: ClassVar[int] = 2

    def show(self, content: Content) -> None:
        """Show this from now on."""
        rows = min(self.MOST, len(content.wrap(max(1, self.app.size.width)))) or 1
        if self.styles.height is None or self.styles.height.value != rows:
            self.styles.height = rows
        super().show(content)


class StatusRow(Line):
    """Who and what this is, and the counts that matter."""

    def draw(self, app: ConsoleApp) -> None:
        """Show the state of now, in as many words as there is room for."""
        totals, width = Totals.of(app.seen), app.size.width
        right = self._right(app, with_words=width >= _NARROW)
        for words, address in ((True, True), (True, False), (False, False)):
            left = self._left(app, totals, with_words=words, with_address=address)
            if left.cell_length + right.cell_length < width:
                break
        self.show(_spread(left, right, width))

    def _left(self, app: ConsoleApp, totals: Totals, *, with_words: bool, with_address: bool) -> Content:
        parts: list[paint.Part] = [(" tm20tui", "strong"), " "]
        if label := app.label:
            parts += [(f" {label} ", "reverse"), " "]
        if with_address:
            address = app.seen.listener_address.rpartition("//")[2].rstrip("/")
            parts += [
                safe(app.node, 20),
                " ",
                address,
                " ",
                (ONLINE.mark(), ONLINE.tone),
                " ",
                _("listens"),
                "  ",
            ]
        parts += [_("Terminals") if with_words else _("T"), " "]
        for state, count in (
            (ONLINE, totals.online),
            (ATTENTION, totals.attention),
            (OFFLINE, totals.offline),
            (TO_APPROVE, totals.to_approve),
        ):
            parts += [(f"{state.mark()}{count}", state.tone if count else "dim"), " "]
        parts += [" ", _("Deliveries") if with_words else _("D"), " "]
        for state, count in ((PENDING, totals.pending), (FAILED, totals.failed)):
            parts += [(f"{state.mark()}{formats.number(count)}", state.tone if count else "dim"), " "]
        return paint.line(*parts)

    def _right(self, app: ConsoleApp, *, with_words: bool) -> Content:
        operator = app.client.operator
        role = _(operator.role)
        parts = [formats.minute(app.now(), app.zone), "  ", safe(operator.name, 16)]
        parts.append(f" ({role})" if with_words else f" [{role}]")
        others = len(app.host.attached()) - 1
        if others > 0:
            parts.append(f" +{others}")
        parts.append(f" {app.voice.language.upper()} ")
        return paint.line(*parts)


class TabsRow(Line):
    """The modes, the one that is shown in brackets; in a detail, where one is."""

    def draw(self, app: ConsoleApp, current: str, trail: Sequence[str], right: str = "") -> None:
        """Show the tabs, or numbers and a trail where there is no room."""
        tail, width = paint.line(right, " "), app.size.width
        left = self._compact(app, current, trail)
        if not trail and width >= _NARROW:
            full = self._full(app, current)
            left = full if full.cell_length + tail.cell_length <= width else left
        self.show(_spread(left, tail, width))

    def _full(self, app: ConsoleApp, current: str) -> Content:
        parts: list[paint.Part] = []
        for mode in app.modes:
            title = f"{mode.NUMBER} {_(mode.TITLE)}"
            parts.append((f"[{title}]", "strong") if current == mode.MODE else f" {title} ")
        return paint.line(*parts)

    def _compact(self, app: ConsoleApp, current: str, trail: Sequence[str]) -> Content:
        active = next(mode for mode in app.modes if current == mode.MODE)
        numbers = " ".join(str(mode.NUMBER) for mode in app.modes)
        path = f" {glyph('›')} ".join([_(active.TITLE), *trail])
        return paint.line(f" {numbers}   ", (f"[{active.NUMBER}] {path}", "strong"))


class Banner(Lines):
    """What is wrong with the server as a whole, in every mode; no row while nothing is."""

    DEFAULT_CSS = """
    Banner { display: none; }
    Banner.-shown { display: block; }
    """

    def draw(self, app: ConsoleApp) -> None:
        """Show that nothing can be stored, and why, while that is so."""
        trouble = app.seen.store_trouble
        self.set_class(bool(trouble), "-shown")
        if trouble:
            text = _("Database: punches are not acknowledged, terminals keep them")
            told = f"{FAILED.mark()} {text} — {safe(sentence(trouble), 300)}"
            self.show(paint.line((f" {clip(told, room_in(self.MOST, app.size.width) - 1)}", FAILED.tone)))


class MessageLine(Lines):
    """What came of the last action. An error stays until it is dismissed."""


class KeyHints(Line):
    """The keys that matter here, as many as there is room for."""

    def draw(self, hints: Sequence[tuple[str, str]], right: tuple[str, str], kept: int = 0) -> None:
        """`(key, what it does)`, most important first; the `kept` last ones stay: they lead to the others."""
        tail = f"{right[0]} {right[1]} "
        room = self.app.size.width - cell_len(tail) - 2
        parts: list[paint.Part] = [" "]
        first, last = hints[: len(hints) - kept], hints[len(hints) - kept :]
        used = 1 + sum(map(_hint_cells, last))
        shown = []
        for hint in first:
            used += _hint_cells(hint)
            if used > room:
                break
            shown.append(hint)
        for key, text in (*shown, *last):
            parts += [(key, "accent"), f" {text}  "]
        self.show(
            _spread(
                paint.line(*parts), paint.line((right[0], "accent"), f" {right[1]} "), self.app.size.width
            )
        )


def _hint_cells(hint: tuple[str, str]) -> int:
    return cell_len(hint[0]) + 1 + cell_len(hint[1]) + 2


def _spread(left: Content, right: Content, width: int) -> Content:
    room = width - right.cell_length
    if left.cell_length > room:
        left = left.truncate(max(0, room - 1), ellipsis=True)
    return Content.assemble(left, " " * max(1, room - left.cell_length), right)
