"""Text that both engines can keep."""

from __future__ import annotations


def storable(text: str) -> str:
    """Text that both engines can keep: no NUL, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
