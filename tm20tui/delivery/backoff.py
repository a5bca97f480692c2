"""How long to leave a service alone: steps with jitter, and what it asked for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def pause_seconds(failures: int, steps: Sequence[float], jitter: float, draw: float) -> float:
    """The pause after that many failures in a row; `draw` is a random number from 0 to 1."""
    if not steps:
        return 0.0
    step = steps[min(max(failures, 1), len(steps)) - 1]
    return step * (1 + jitter * (2 * draw - 1))


def retry_after_seconds(header: str, now: datetime, cap_seconds: float) -> float | None:
    """What a `Retry-After` asks for, as seconds or as an HTTP date; None when it says nothing readable."""
    text = header.strip()
    if not text:
        return None
    try:
        wanted = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            return None
        wanted = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    # NaN fails every comparison.
    return min(wanted, cap_seconds) if wanted > 0 else (0.0 if wanted <= 0 else None)
