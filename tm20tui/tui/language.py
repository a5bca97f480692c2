"""The language of the console that is being drawn: each has its own, and may change it while it runs."""

from __future__ import annotations

from textual._context import active_app

from tm20tui.locale import N_, Voice

__all__ = ["N_", "_", "ngettext", "quoted", "sentence", "voice"]

_FALLBACK = Voice()


def voice() -> Voice:
    """The voice of the console whose code runs now."""
    app = active_app.get(None)
    found = getattr(app, "voice", None)
    return found if isinstance(found, Voice) else _FALLBACK


def _(message: str) -> str:
    """The message in the language of this console."""
    return voice().text(message)


def quoted(text: str) -> str:
    """A name in the quotation marks of this console's language."""
    return _("“{text}”").format(text=text)


def ngettext(one: str, many: str, count: int) -> str:
    """The text for a count in the language of this console."""
    return voice().ngettext(one, many, count)


def sentence(text: str) -> str:
    """A sentence of the server, which may hold values, in the language of this console."""
    return voice().sentence(text)
