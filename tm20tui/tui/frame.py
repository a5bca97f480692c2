"""The fixed frame of every mode: status row, tabs, message line, key hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from tm20tui.tui import formats, paint
from tm20tui.tui.language import _
from tm20tui.tui.safe import clip, safe
from tm20tui.tui.states import (
    ATTENTION,
    DEAD,
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


class StatusRow(Line):
    """Who and what this is, and the counts that matter."""

    def draw(self, app: ConsoleApp) -> None:
        """Show the state of now."""
        totals, narrow = Totals.of(app.seen), app.size.width < _NARROW
        left: list[paint.Part] = [(" tm20tui", "strong"), " "]
        if label := app.label:
            left += [(f" {label} ", "reverse"), " "]
        if not narrow:
            address = app.seen.listener_address.rpartition("//")[2]
            left += [
                safe(app.node, 20),
                " ",
                address,
                " ",
                (ONLINE.mark(), ONLINE.tone),
                " ",
                _("listens"),
                "  ",
            ]
        left += [(_("T") if narrow else _("Terminals")), " "]
        for state, count in (
            (ONLINE, totals.online),
            (ATTENTION, totals.attention),
            (OFFLINE, totals.offline),
            (TO_APPROVE, totals.to_approve),
        ):
            left += [(f"{state.mark()}{count}", state.tone if count else "dim"), " "]
        left += [" ", (_("D") if narrow else _("Deliveries")), " "]
        for state, count in ((PENDING, totals.pending), (DEAD, totals.failed)):
            left += [(f"{state.mark()}{formats.number(count)}", state.tone if count else "dim"), " "]
        role = _(app.client.operator.role)
        name = safe(app.client.operator.name, 16)
        others = len(app.host.attached()) - 1
        right = [formats.minute(app.now(), app.zone), "  ", name]
        right.append(f" [{role}]" if narrow else f" ({role})")
        if others > 0:
            right.append(f" +{others}")
        right.append(f" {app.voice.language.upper()} ")
        self.show(_spread(paint.line(*left), paint.line(*right), app.size.width))


class TabsRow(Line):
    """The modes, the one that is shown in brackets; in a detail, where one is."""

    def draw(self, app: ConsoleApp, current: str, trail: Sequence[str], right: str = "") -> None:
        """Show the tabs, or numbers and a trail where there is no room."""
        modes = app.modes
        if not trail and app.size.width >= _NARROW:
            parts: list[paint.Part] = []
            for place, mode in enumerate(modes):
                title = f"{mode.NUMBER} {_(mode.TITLE)}"
                before = current == modes[place - 1].MODE if place else False
                if current == mode.MODE:
                    parts.append((f"[{title}]", "strong"))
                else:
                    parts.append(f"{title} " if before else f" {title} ")
            left = paint.line(*parts)
        else:
            active = next(mode for mode in modes if current == mode.MODE)
            numbers = " ".join(str(mode.NUMBER) for mode in modes)
            path = f" {glyph('›')} ".join([_(active.TITLE), *trail])
            left = paint.line(f" {numbers}   ", (f"[{active.NUMBER}] {path}", "strong"))
        self.show(_spread(left, paint.line(right, " "), app.size.width))


class MessageLine(Line):
    """What came of the last action. An error stays until it is dismissed."""


class KeyHints(Line):
    """The keys that matter here, as many as there is room for."""

    def draw(self, hints: Sequence[tuple[str, str]], right: tuple[str, str]) -> None:
        """`(key, what it does)`, most important first."""
        tail = f"{right[0]} {right[1]} "
        room = self.app.size.width - cell_len(tail) - 2
        parts: list[paint.Part] = [" "]
        used = 1
        for key, text in hints:
            size = cell_len(key) + 1 + cell_len(text) + 2
            if used + size > room:
                break
            parts += [(key, "accent"), f" {text}  "]
            used += size
        self.show(
            _spread(
                paint.line(*parts), paint.line((right[0], "accent"), f" {right[1]} "), self.app.size.width
            )
        )


def _spread(left: Content, right: Content, width: int) -> Content:
    room = width - right.cell_length
    if left.cell_length > room:
        left = left.truncate(max(0, room - 1), ellipsis=True)
    return Content.assemble(left, " " * max(1, room - left.cell_length), right)


def shorten(text: str, width: int) -> str:
    """Foreign text on one line of a frame."""
    return clip(safe(text), width)
