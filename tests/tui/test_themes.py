"""Every text can be read on every ground of its theme."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import Theme

from tm20tui.tui.themes import THEMES

LEAST = 4.5
"""What WCAG asks of text of normal size."""


def light(colour: str) -> float:
    """Relative luminance as WCAG counts it."""
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(colour).normalized
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    less, more = sorted((light(one), light(other)))
    return (more + 0.05) / (less + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_texts_stand_out_from_every_ground(theme: Theme) -> None:
    texts = {"foreground": theme.foreground} | {
        name: colour for name, colour in theme.variables.items() if name.startswith("text-")
    }
    assert len(texts) == 6
    poor = [
        f"{name} {text} on {ground}: {contrast(text, ground):.1f}"
        for name, text in texts.items()
        for ground in (theme.background, theme.surface, theme.panel)
        if text and ground and contrast(text, ground) < LEAST
    ]
    assert not poor
