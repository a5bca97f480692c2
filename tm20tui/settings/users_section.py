"""The section of users, beside the others of `sections`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tm20tui.settings.sections import Section


class UsersSettings(Section):
    """The users that HR services tell of."""

    sync_minutes: float = Field(
        default=60,
        ge=0,
        le=10_080,
        description="minutes between two fetches of the users of a service that has a users_endpoint and no "
        "users_interval_minutes of its own; 0 fetches only when asked",
    )
    max_gone_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        description="share of a service's users that its list may lack before it is refused, in percent",
    )
    leavers: Literal["disable", "remove"] = Field(
        default="disable",
        description="what terminals do with users who left: disable them, or remove them and what they hold",
    )
    leaver_credentials_days: int = Field(
        default=90,
        ge=0,
        le=3650,
        description="days after which the credentials of a user who left are deleted here; 0 at once",
    )
    inventory_minutes: float = Field(
        default=360,
        ge=0,
        le=10_080,
        description="minutes between two listings of the users of a connected terminal, unless it has an "
        "interval of its own; 0 lists only when asked",
    )
    inventory_at_once: int = Field(
        default=8, ge=1, le=1000, description="terminals whose users are listed at the same time"
    )
    drift: Literal["repair", "report"] = Field(
        default="repair",
        description="what to do with users who are not on a terminal as they shall be: bring them anew, "
        "or only report them",
    )
    drop_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        description="share of a terminal's users that may be gone since its last listing without an alarm, "
        "in percent",
    )
