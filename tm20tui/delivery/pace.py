"""How many requests a service gets: never more than its limit within any minute. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """`limit` requests a minute, None without; `made` are the times of the latest, oldest first."""

    limit: int | None = None
    made: tuple[datetime, ...] = ()

    @classmethod
    def of(cls, limit: int | None, made: Iterable[datetime]) -> Pace:
        """A pace that knows what was sent before, also by a process that is no more."""
        return cls(limit, tuple(sorted(made))[-limit:] if limit else ())

    def after(self, at: datetime) -> Pace:
        """One more request."""
        return self if self.limit is None else Pace.of(self.limit, (*self.made, at))

    def next_at(self, now: datetime) -> datetime | None:
        """When the next request may go, None at once."""
        if self.limit is None or len(self.made) < self.limit:
            return None
        # A clock that was set back must not make us wait for longer than a minute.
        free_at = min(self.made[0], now) + MINUTE
        return free_at if free_at > now else None
