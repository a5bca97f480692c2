"""What is asked about the row under the cursor waits only while the cursor runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from textual.screen import Screen
from textual.timer import Timer


class AtRest:
    """Does at once what it is given; while more comes, only the last, `seconds` after it came."""

    def __init__(self, screen: Screen[Any], seconds: float) -> None:
        self._screen = screen
        self._seconds = seconds
        self._given_at = -1e9
        self._timer: Timer | None = None

    def do(self, act: Callable[[], object]) -> None:
        """Do this now, or once nothing else has come for a while."""
        now = time.monotonic()
        is_running = now - self._given_at < self._seconds
        self._given_at = now
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if is_running:
            self._timer = self._screen.set_timer(self._seconds, act)
        else:
            act()
