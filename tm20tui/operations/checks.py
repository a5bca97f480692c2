"""What several operations ask of their arguments."""

from __future__ import annotations

from datetime import datetime

from tm20tui.errors import InvalidInput

LARGEST_PAGE = 500


def check_limit(limit: int) -> None:
    """A page has 1 to 500 rows."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit must be from 1 to {LARGEST_PAGE}", field="limit")


def check_period(
    start: datetime | None, end: datetime | None, *, names: tuple[str, str] = ("from_at", "to_at")
) -> None:
    """Times have a zone, and a period begins before it ends."""
    for field, at in zip(names, (start, end), strict=True):
        if at is not None and at.tzinfo is None:
            raise InvalidInput(f"{field} must have a zone, such as 2026-06-02T08:00:00Z", field=field)
    if start is not None and end is not None and start >= end:
        raise InvalidInput(f"{names[0]} must be earlier than {names[1]}", field=names[0])


def check_line(text: str, field: str, longest: int, *, needed: bool = False) -> str:
    """One line of printable text, trimmed."""
    text = text.strip()
    if len(text) > longest or not text.isprintable() or (needed and not text):
        at_least = "1" if needed else "0"
        raise InvalidInput(f"{field} must be one line of {at_least} to {longest} characters", field=field)
    return text


def check_word(word: str | None, field: str, allowed: tuple[str, ...]) -> None:
    """None, or one of the words."""
    if word is not None and word not in allowed:
        raise InvalidInput(f"{field} must be one of {', '.join(allowed)}", field=field)
