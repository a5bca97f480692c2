"""The section of back-fill, beside the others of `sections`."""

from __future__ import annotations

from pydantic import Field

from tm20tui.settings.sections import Section


class BackfillSettings(Section):
    """What becomes of records that terminals hold and the server does not."""

    enabled: bool = Field(
        default=True,
        description="compare what terminals count with what is stored, and pull what is missing; "
        "false pulls only when asked",
    )
    days: int = Field(
        default=31,
        ge=0,
        le=3660,
        description="days before today that are pulled without being asked, at most",
    )
    settle_seconds: float = Field(
        default=10,
        gt=0,
        le=600,
        description="seconds that a terminal which registered must be quiet before it is asked",
    )
    at_once: int = Field(default=4, ge=1, le=1000, description="terminals that are pulled from at once")
