"""A terminal's wall clock: wrong by its drift until the server sets it."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable

_SHAPE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def parse_wall_time(text: object) -> int | None:
    """Seconds of a naive ``YYYY-MM-DD HH:MM:SS``; None for anything a terminal would not understand."""
    if not isinstance(text, str) or not _SHAPE.fullmatch(text):
        return None
    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None


def format_wall_time(second: int) -> str:
    """The text a terminal writes for a naive second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))


class WallClock:
    """Naive local time in whole seconds. Starts `drift_seconds` off the host's local time."""

    def __init__(self, drift_seconds: float = 0.0, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._offset = time.localtime(now()).tm_gmtoff + drift_seconds
        self._cached_second = -1
        self._cached_text = ""

    def second(self) -> int:
        return int(self._now() + self._offset)

    def text(self, second: int | None = None) -> str:
        if second is None:
            second = self.second()
        if second != self._cached_second:
            self._cached_second = second
            self._cached_text = format_wall_time(second)
        return self._cached_text

    def set(self, text: object) -> bool:
        """Take over a `cloudtime`; False, and nothing changes, when its shape is wrong."""
        second = parse_wall_time(text)
        if second is None:
            return False
        self._offset = second - self._now()
        return True
