"""Keys as people call them, and the digits of every keyboard."""

from __future__ import annotations

from tm20tui.tui.language import N_, _

MODE_KEYS = (
    "1,ampersand",
    "2,é",
    "3,quotation_mark",
    "4,apostrophe",
    "5,left_parenthesis",
    "6,minus,§",
    "7,è",
    "8,underscore,exclamation_mark",
    "9,ç",
)
"""The digits, and the unshifted top row of French and Belgian keyboards."""

_NAMES = {
    "space": N_("Space"),
    "enter": N_("Enter"),
    "escape": N_("Esc"),
    "delete": N_("Del"),
    "tab": "Tab",
    "pageup": N_("PgUp"),
    "pagedown": N_("PgDn"),
    "home": N_("Home"),
    "end": N_("End"),
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "ampersand": "&",
    "quotation_mark": '"',
    "apostrophe": "'",
    "left_parenthesis": "(",
    "minus": "-",
    "underscore": "_",
    "exclamation_mark": "!",
}
_ASCII = {"up": "Up", "down": "Down", "left": "Left", "right": "Right"}


def name_of(key: str, *, ascii_only: bool = False) -> str:
    """`ctrl+s` as `^S`, `slash` as `/`, `delete` as `Suppr` where that is its name."""
    if key.startswith("ctrl+"):
        rest = key[5:]
        return f"^{rest.upper()}" if len(rest) == 1 else f"^{name_of(rest, ascii_only=ascii_only)}"
    if key == "shift+tab":
        return _("shift+Tab")
    if ascii_only and key in _ASCII:
        return _ASCII[key]
    if len(key) > 1 and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return _(_NAMES[key]) if key in _NAMES else key
