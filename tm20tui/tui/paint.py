"""Tones: the few colours there are, by what they mean. Text is never read as markup."""

from __future__ import annotations

from textual.content import Content

TONES = {
    "": "",
    "good": "$text-success",
    "warn": "$text-warning",
    "bad": "$text-error",
    "dead": "bold $text-error",
    "special": "$text-secondary",
    "accent": "$text-accent",
    "dim": "dim",
    "strong": "bold",
    "reverse": "reverse",
}

Part = str | tuple[str, str]
"""Text, or text and its tone."""


def line(*parts: Part) -> Content:
    """Parts one after the other, each in its tone."""
    return Content.assemble(
        *(
            part if isinstance(part, str) else (part[0], TONES[part[1]]) if part[1] else part[0]
            for part in parts
        )
    )


def lines(*rows: Content | str) -> Content:
    """Rows below each other."""
    return Content("\n").join([Content(row) if isinstance(row, str) else row for row in rows])
