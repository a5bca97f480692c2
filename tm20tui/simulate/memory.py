"""What one terminal holds: users with their credentials, stored logs, settings."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tm20tui.simulate.ledger import Punch
from tm20tui.simulate.people import Person

PASSWORD, CARD, ALL_FINGERS, EVERYTHING, PHOTO = 10, 11, 12, 13, 50


def make_template(enrollid: int, backupnum: int) -> str:
    """A fingerprint text of real length and alphabet, always the same for the same finger."""
    digest = hashlib.shake_128(f"{enrollid}/{backupnum}".encode()).hexdigest(450)
    return f"c51c{digest}(32)"


@dataclass(slots=True)
class StoredUser:
    """One user. A credential of None is a template not yet read by anybody, made when asked for."""

    enrollid: int
    name: str = ""
    admin: int = 0
    enabled: bool = True
    credentials: dict[int, str | int | None] = field(default_factory=dict)
    lock: dict[str, Any] = field(default_factory=dict)
    profile: str = ""

    def read(self, backupnum: int) -> str | int:
        record = self.credentials[backupnum]
        return make_template(self.enrollid, backupnum) if record is None else record


class UserTable:
    """The users of one terminal, built from the site's roster when first looked at."""

    def __init__(self, roster: Sequence[Person]) -> None:
        self._roster = roster
        self._rows: dict[int, StoredUser] | None = None

    @property
    def rows(self) -> dict[int, StoredUser]:
        if self._rows is None:
            self._rows = {person.enrollid: _enrol(person) for person in self._roster}
        return self._rows

    def name_of(self, enrollid: int) -> str:
        """The user's name, empty for one the terminal does not know."""
        if self._rows is None:
            return self._roster[enrollid - 1].name if 0 < enrollid <= len(self._roster) else ""
        user = self._rows.get(enrollid)
        return user.name if user else ""

    def credentials(self) -> list[tuple[StoredUser, int]]:
        """One row per credential, as `getuserlist` lists them."""
        return [(user, number) for user in self.rows.values() for number in sorted(user.credentials)]

    def counts(self) -> dict[str, int]:
        """Counters of devinfo; taken from the roster while nobody changed it."""
        if self._rows is None:
            cards = len(range(0, len(self._roster), 5))
            return {
                "useduser": len(self._roster),
                "usedfp": len(self._roster),
                "usedcard": cards,
                "usedpwd": 0,
                "usedface": 0,
            }
        held = [number for user in self._rows.values() for number in user.credentials]
        return {
            "useduser": len(self._rows),
            "usedfp": sum(number <= 9 for number in held),
            "usedcard": held.count(CARD),
            "usedpwd": held.count(PASSWORD),
            "usedface": sum(20 <= number <= 27 or number >= PHOTO for number in held),
        }


class LogStore:
    """Stored logs: position counts from 0 since the last `cleanlog`; the oldest beyond `keep` are gone.

    `pending` are those the server has not acknowledged: always the newest ones.
    """

    def __init__(self, keep: int) -> None:
        self._kept: deque[Punch] = deque(maxlen=keep)
        self.pending: deque[Punch] = deque()
        self.total = 0
        self.cleared = 0
        self.read_by_getnewlog = 0

    @property
    def first_pending(self) -> int:
        """Storage position of the oldest record not acknowledged."""
        return self.total - len(self.pending)

    def append(self, punches: Sequence[Punch]) -> None:
        self.pending.extend(punches)
        self._kept.extend(punches)
        self.total += len(punches)

    def keep_back(self, punches: Sequence[Punch]) -> None:
        """Store records that the terminal takes for sent: only asking gets them out."""
        self._kept.extend(punches)
        self.total += len(punches)

    def since(self, position: int) -> list[Punch]:
        """Records still kept from `position` on."""
        oldest = self.total - len(self._kept)
        return list(islice(self._kept, max(0, position - oldest), None))

    def clear(self) -> int:
        """Forget everything; answers how many had not been acknowledged."""
        lost = len(self.pending)
        self.cleared += self.total
        self._kept.clear()
        self.pending.clear()
        self.total = self.read_by_getnewlog = 0
        return lost


def _enrol(person: Person) -> StoredUser:
    user = StoredUser(person.enrollid, person.name, person.admin, credentials={0: None})
    if (person.enrollid - 1) % 5 == 0:
        user.credentials[CARD] = 1_000_000 + person.enrollid
    return user
