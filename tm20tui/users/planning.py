"""The difference between what a user shall be on a terminal and what is known of it there. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tm20tui.protocol import UserLock
from tm20tui.protocol.values import CARD, PASSWORD, PHOTO
from tm20tui.store.enrollments import Wanted

NAME_LENGTH: Final = 100
_BEFORE_ALL: Final = "2000-01-01 00:00:00"
_AFTER_ALL: Final = "2099-12-31 23:59:00"


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody in a terminal's listing: which credential slots are filled."""

    admin: int
    slots: frozenset[int]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a terminal listed. Users without a credential are in no listing.

    `is_reliable` false: who is not in it may be there all the same; `remark` says why.
    """

    users: Mapping[str, Held] = field(default_factory=dict)
    is_reliable: bool = True
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do about one user, in this order; nothing of it is nothing to do.

    `look_first`: the terminal confirmed the name before, so it is asked before it is told.
    `credentials`: slots to put there; `refusals`: what cannot be, in words. `enable` None
    leaves it as it is; `lock` None likewise. `is_absent`: not there, and need not be.
    """

    user: Wanted
    name: str
    look_first: bool = False
    set_name: bool = False
    credentials: tuple[int, ...] = ()
    refusals: tuple[str, ...] = ()
    enable: bool | None = None
    lock: str | None = None
    is_absent: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether the terminal need not be asked anything."""
        asks = self.look_first or self.set_name or self.credentials or self.lock is not None
        return not asks and self.enable is None


Check = Callable[[Wanted, int], str]
"""Why a credential slot of a user cannot be put on the terminal; empty when it can."""


def plan_user(
    user: Wanted, inventory: Inventory, *, timezone: str, check: Check, with_credentials: bool
) -> Steps:
    """The steps for one user. `check` is asked once for each slot that would be sent."""
    name = user.name[:NAME_LENGTH].strip()
    held = inventory.users.get(user.enrollid)
    if user.desired_state != "present":
        is_absent = held is None and user.reported_state == "absent"
        needed = not is_absent and user.reported_state != "disabled"
        return Steps(user, name, enable=False if needed else None, is_absent=is_absent)
    slots, refusals = _credentials(user, held, inventory, check, with_credentials)
    is_named = user.reported_name == name and user.reported_state in ("present", "disabled")
    lock = lock_text(user, timezone)
    return Steps(
        user,
        name,
        look_first=is_named and held is None,
        set_name=not is_named,
        credentials=slots,
        refusals=refusals,
        enable=True if user.reported_state == "disabled" or PHOTO in slots else None,
        lock=None if lock == user.reported_lock else lock,
    )


def lock_text(user: Wanted, timezone: str) -> str:
    """The access limits of a user as one text that can be compared and sent: zone, group, from, to.

    The times are empty while they never were anything but open-ended.
    """
    bounded = user.valid_from or user.valid_until or ":" in user.reported_lock
    start = _local(user.valid_from, timezone, _BEFORE_ALL) if bounded else ""
    end = _local(user.valid_until, timezone, _AFTER_ALL) if bounded else ""
    return f"{user.weekzone},{user.user_group},{start},{end}"


def lock_row(enrollid: str, text: str) -> UserLock:
    """What `lock_text` says as the terminal is told it; ValueError when it cannot be."""
    weekzone, group, start, end = text.split(",")
    return UserLock(
        enrollid, weekzone=int(weekzone), group=int(group), starttime=start or None, endtime=end or None
    )


def _credentials(
    user: Wanted, held: Held | None, inventory: Inventory, check: Check, wanted: bool
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    there = held.slots if held is not None and inventory.is_reliable else frozenset[int]()
    slots: list[int] = []
    refusals: list[str] = []
    for slot in user.slots if wanted else ():
        if slot not in there:
            reason = check(user, slot)
            if reason:
                refusals.append(reason)
            else:
                slots.append(slot)
    role = held.admin if held is not None else 0
    if role != user.admin and not slots:
        # Rights travel with a credential only: one that is there already is sent once more.
        again = [slot for slot in user.slots if slot in there]
        again.sort(key=lambda slot: slot not in (CARD, PASSWORD))
        if again:
            slots.append(again[0])
        else:
            refusals.append("its rights at the terminal cannot be set without a credential that is kept here")
    return tuple(slots), tuple(refusals)


def _local(at: datetime | None, timezone: str, otherwise: str) -> str:
    return otherwise if at is None else at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S")
