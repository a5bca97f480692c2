"""The help of a mode: every key, what it does, and why it cannot be used now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tm20tui.tui import paint
from tm20tui.tui.language import _

if TYPE_CHECKING:
    from tm20tui.tui.app import ConsoleApp
    from tm20tui.tui.mode import ModeScreen


def help_of(app: ConsoleApp, mode: ModeScreen) -> Content:
    """What can be pressed here, in the operator's language and with the operator's keys."""
    rows: list[Content] = []
    if mode.HELP_TEXT:
        rows += [Content(_(mode.HELP_TEXT)), Content("")]
    if mode.offered:
        rows.append(paint.line((_("Actions"), "strong")))
        for action in mode.offered:
            reason = mode.unavailable(action)
            key = app.key_of(action) if action.key else _("menu")
            text = _(action.label)
            rows.append(
                paint.line((f"  {key:<12} {text} — {reason}", "dim"))
                if reason
                else paint.line((f"  {key:<12} ", "accent"), text)
            )
        rows.append(Content(""))
    rows.append(paint.line((_("Keys"), "strong")))
    seen: set[tuple[str, str]] = set()
    for found in mode.active_bindings.values():
        binding = found.binding
        # No terminal of ours sends the keys of a Mac's keyboard.
        if not binding.description or binding.action.startswith("do(") or "super+" in binding.key:
            continue
        name, text = app.key_name(binding.key), _(binding.description)
        if (binding.action, text) in seen:
            continue
        seen.add((binding.action, text))
        keys = [
            app.key_name(other.binding.key)
            for other in mode.active_bindings.values()
            if other.binding.action == binding.action
        ]
        name = " ".join(dict.fromkeys(keys))
        rows.append(paint.line((f"  {name:<12} ", "accent"), text))
    rows += [
        Content(""),
        paint.line((_("Filter"), "strong")),
        Content("  " + _("words are all needed · !word excludes · field:value (state:failed since:2h)")),
    ]
    return paint.lines(*rows)
