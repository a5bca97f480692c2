"""Whether a door opens for a user: decided by the user's state and validity. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Access:
    """A decision for one person at one moment; `message` may be shown on the terminal's screen."""

    granted: bool
    message: str = ""
    enrollid: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a user that matters at a door; the validity bounds are inclusive."""

    enrollid: str
    name: str
    is_enabled: bool
    valid_from: datetime | None
    valid_until: datetime | None


def decide_access(standing: Standing | None, now: datetime, *, allow_unknown: bool) -> Access:
    """Grant to an enabled user within the validity period; unknown users as configured."""
    if standing is None:
        return Access(True) if allow_unknown else Access(False, "Unknown user")
    if not standing.is_enabled:
        verdict, message = False, "User disabled"
    elif standing.valid_from is not None and now < standing.valid_from:
        verdict, message = False, "Not valid yet"
    elif standing.valid_until is not None and now > standing.valid_until:
        verdict, message = False, "No longer valid"
    else:
        verdict, message = True, ""
    return Access(verdict, message, standing.enrollid, standing.name)
