"""The section of schedules, beside the others of `sections`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tm20tui.settings.sections import Section


class SchedulesSettings(Section):
    """Working hours on terminals."""

    stale_zones: Literal["report", "resend"] = Field(
        default="report",
        description="what to do when the schedules of a terminal say something else than the access zones "
        "that were written to it: report it with an alarm, or write them anew",
    )
