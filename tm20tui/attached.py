"""The consoles that are open on this server: who looks, from where, and how to end one.

Consoles live in a thread of their own; what is here may be asked from any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AttachedConsole:
    """A console that is open. `address` says where it is looked at from."""

    number: int
    operator: str
    role: str
    since: datetime
    address: str
    is_local: bool = False
    read_only: bool = False


class Attached:
    """Open consoles by number; a number is never given twice, so that none is ended for another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_number = 0
        self._open: dict[int, tuple[AttachedConsole, Callable[[str], None]]] = {}

    def take_number(self) -> int:
        """The number of the next console."""
        with self._lock:
            self._last_number += 1
            return self._last_number

    def add(self, console: AttachedConsole, end: Callable[[str], None]) -> None:
        """A console has opened; `end(reason)` closes it, from any thread and without waiting."""
        with self._lock:
            self._open[console.number] = (console, end)

    def change_role(self, number: int, role: str) -> None:
        """The operator of a console has another role."""
        with self._lock:
            if (found := self._open.get(number)) is not None:
                self._open[number] = replace(found[0], role=role), found[1]

    def remove(self, number: int) -> None:
        """A console has ended."""
        with self._lock:
            self._open.pop(number, None)

    def all(self) -> tuple[AttachedConsole, ...]:
        """Every console that is open, by number."""
        with self._lock:
            return tuple(self._open[number][0] for number in sorted(self._open))

    def end(self, number: int, reason: str) -> AttachedConsole | None:
        """Close a console and tell it why; None when there is none of this number."""
        with self._lock:
            found = self._open.get(number)
        if found is None:
            return None
        console, end = found
        end(reason)
        return console
