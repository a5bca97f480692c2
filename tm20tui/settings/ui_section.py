"""The section of the console, beside the others of `sections`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tm20tui.settings.sections import Section


class UiSettings(Section):
    """How consoles look and feel; each operator may choose otherwise for their own."""

    language: Literal["", "fr", "en"] = Field(
        default="", description="language of consoles: fr, en; empty: that of the operator's terminal"
    )
    theme: Literal["tm20-dark", "tm20-light", "tm20-cb", "tm20-contrast", "ansi-dark", "ansi-light"] = Field(
        default="tm20-dark", description="colours of consoles"
    )
    label: str = Field(
        default="",
        max_length=12,
        description="what the status row calls this server, such as PROD; empty: nothing",
    )
    fps: float = Field(default=2, ge=0.2, le=10, description="frames a second that a console paints at most")
    keys: dict[str, str] = Field(
        default_factory=dict,
        description="other keys for actions, by their ids; the help of the console shows both",
    )
    crash_command: bool = Field(
        default=False, description="offer a command that tries what happens when a console crashes"
    )
