"""The looks: dark, light, for the colour-blind (Okabe and Ito's palette), and high contrast."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="tm20-dark",
    primary="#5B9BD5",
    secondary="#B48EDE",
    accent="#7FB2E5",
    warning="#FFA62B",
    error="#E06C75",
    success="#4EBF71",
    foreground="#D8DEE9",
    background="#14171C",
    surface="#191D24",
    panel="#232933",
    dark=True,
    variables={
        "text-success": "#4EBF71",
        "text-warning": "#FFA62B",
        "text-error": "#E06C75",
        "text-secondary": "#B48EDE",
        "text-accent": "#7FB2E5",
        "border": "#3D4654",
        "border-blurred": "#3D4654",
    },
)
LIGHT = Theme(
    name="tm20-light",
    primary="#1F5FA8",
    secondary="#6B3FA0",
    accent="#1F5FA8",
    warning="#8A5A00",
    error="#B3261E",
    success="#1B6E37",
    foreground="#1E2329",
    background="#FBFBF9",
    surface="#F3F3F0",
    panel="#E6E6E1",
    dark=False,
    variables={
        "text-success": "#1B6E37",
        "text-warning": "#8A5A00",
        "text-error": "#B3261E",
        "text-secondary": "#6B3FA0",
        "text-accent": "#1F5FA8",
        "border": "#A8A8A0",
        "border-blurred": "#A8A8A0",
    },
)
# Vermillion and orange of the palette, lighter: as they are the one is hard to read on the rows of the frame.
COLOUR_BLIND = Theme(
    name="tm20-cb",
    primary="#56B4E9",
    secondary="#CC79A7",
    accent="#56B4E9",
    warning="#F0B020",
    error="#EA6C12",
    success="#56B4E9",
    foreground="#E4E4E4",
    background="#14171C",
    surface="#191D24",
    panel="#232933",
    dark=True,
    variables={
        "text-success": "#56B4E9",
        "text-warning": "#F0B020",
        "text-error": "#EA6C12",
        "text-secondary": "#CC79A7",
        "text-accent": "#F0E442",
        "border": "#3D4654",
        "border-blurred": "#3D4654",
    },
)
CONTRAST = Theme(
    name="tm20-contrast",
    primary="#FFFFFF",
    secondary="#FF9CFF",
    accent="#00FFFF",
    warning="#FFFF00",
    error="#FF8080",
    success="#80FF80",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#1C1C1C",
    dark=True,
    variables={
        "text-success": "#80FF80",
        "text-warning": "#FFFF00",
        "text-error": "#FF8080",
        "text-secondary": "#FF9CFF",
        "text-accent": "#00FFFF",
        "border": "#FFFFFF",
        "border-blurred": "#A0A0A0",
    },
)

THEMES = (DARK, LIGHT, COLOUR_BLIND, CONTRAST)
PLAIN = "ansi-dark"
"""What is used where colours are not wanted, or dear: it leaves them to the terminal."""
NAMES = (*(theme.name for theme in THEMES), PLAIN, "ansi-light")


def choose(asked: str | None, configured: str, *, no_color: bool, slow: bool) -> str:
    """The theme of a console: the client's wish, NO_COLOR, `--slow`, the configuration."""
    if asked in NAMES and asked is not None:
        return asked
    if no_color or slow:
        return PLAIN
    return configured if configured in NAMES else DARK.name
