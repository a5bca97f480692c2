"""The section of terminals' clocks, beside the others of `sections`."""

from __future__ import annotations

from pydantic import Field

from tm20tui.settings.sections import Section


class ClockSettings(Section):
    """What becomes of terminals' clocks that are wrong."""

    check_minutes: float = Field(
        default=60,
        ge=0,
        le=1440,
        description="minutes between two looks at the clock of each connected terminal; 0 never looks",
    )
    correct_seconds: float = Field(
        default=30,
        ge=0,
        le=86_400,
        description="seconds that a clock may be off before it is set; 0 never sets it",
    )
