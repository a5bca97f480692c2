"""The brake of a bisection: when every record alone is refused alike, it is not the records."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tm20tui.store.batches import DeliveryRow

REFUSALS_ALLOWED = 5
# These speak of the request, not of a record: they count on from one batch to the next.
_REQUEST_STATUSES = ("answered 404", "answered 405", "answered 406", "answered 415")


@dataclass(frozen=True, slots=True)
class Brake:
    """Records refused alone, for one reason, in a bisection of which nothing was accepted yet."""

    reason: str = ""
    rows: tuple[DeliveryRow, ...] = ()
    released: bool = False

    def refused(self, row: DeliveryRow, reason: str) -> Brake:
        """One more refusal. A record that failed before proves nothing about the service."""
        if self.released or row.attempts:
            return self
        alike = _without_numbers(reason)
        return Brake(alike, (*self.rows, row) if alike == self.reason else (row,))

    def accepted(self) -> Brake:
        """Something was accepted: from here on it is the records."""
        return Brake(released=True)

    def next_batch(self) -> Brake:
        """A batch that is no half of another begins."""
        return self if self.reason.startswith(_REQUEST_STATUSES) else Brake()

    @property
    def tripped(self) -> bool:
        """Whether to stop."""
        return len(self.rows) >= REFUSALS_ALLOWED


def _without_numbers(reason: str) -> str:
    # The first number is the status.
    head, colon, rest = reason.partition(":")
    return head + colon + re.sub(r"\d+", "#", rest)
