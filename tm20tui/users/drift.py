"""What a terminal holds against what it shall hold, and when to look. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tm20tui.protocol.values import NON_USER, STRANGER, credential_name
from tm20tui.store.inventories import Known, Observed
from tm20tui.users.planning import Held

PREFIX: Final = "inventory: "
"""Begins the reason of whatever an inventory found, so that a later one can take it back."""
LEAST_DROP: Final = 3
_RETRY: Final = timedelta(minutes=10)
_GOLDEN: Final = 0.6180339887498949
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a listing says.

    `observed` is to be written; of it `drifted` are to be brought there anew, by user id, and
    `out_again` are leavers to be removed. `unseen` shall be there and are in no listing, as
    users without a credential never are: they have to be asked for by themselves. `new` are
    users of the site whom nobody asked for there; `others` no users of the site at all.
    """

    observed: tuple[Observed, ...]
    drifted: tuple[int, ...]
    out_again: tuple[int, ...]
    unseen: tuple[Known, ...]
    new: Mapping[int, frozenset[int]]
    others: tuple[str, ...]


def is_due(
    terminal_id: int,
    interval_minutes: float,
    taken_at: datetime | None,
    tried_at: datetime | None,
    now: datetime,
) -> bool:
    """Whether to take an inventory: once in each interval, at a moment of the terminal's own.

    Terminals are spread evenly over the interval, however many they are; one that was away at
    its moment is due when it returns.
    """
    if not interval_minutes or (tried_at is not None and now - tried_at < _RETRY):
        return False
    interval = timedelta(minutes=interval_minutes)
    phase = interval * (terminal_id * _GOLDEN % 1.0)
    moment = _EPOCH + phase + (now - _EPOCH - phase) // interval * interval
    return taken_at is None or taken_at < moment


def compare(known: Sequence[Known], held: Mapping[str, Held]) -> Comparison:
    """Compare the users of a site with a whole listing of a terminal."""
    observed: list[Observed] = []
    drifted: list[int] = []
    out_again: list[int] = []
    unseen: list[Known] = []
    new: dict[int, frozenset[int]] = {}
    for one in known:
        found = held.get(one.enrollid)
        if one.enrollment_id is None:
            if found is not None:
                new[one.user_id] = found.slots
            continue
        if one.desired_state == "present" and not _is_coming_back(one):
            if found is None:
                unseen.append(one)
                continue
            seen = _seen(one, found)
            if seen.result != "confirmed":
                drifted.append(one.user_id)
        elif one.desired_state == "absent" and found is not None and one.result == "confirmed":
            out_again.append(one.user_id)
            seen = Observed(one.user_id, "present", found.slots, one.result, one.reason)
        elif one.desired_state is None:
            state = one.reported_state if found is not None else "absent"
            state = "present" if found is not None and state in ("absent", "unknown") else state
            slots = one.slots if found is None else found.slots
            seen = Observed(one.user_id, state if one.slots or found else one.reported_state, slots, "", "")
        else:
            continue
        if _differs(one, seen):
            observed.append(seen)
    ours = {one.enrollid for one in known} | {NON_USER, STRANGER}
    others = tuple(enrollid for enrollid in held if enrollid not in ours)
    return Comparison(tuple(observed), tuple(drifted), tuple(out_again), tuple(unseen), new, others)


def judge_name(one: Known, name: str | None) -> Observed:
    """What the terminal says of a user that no listing has; None: it shows no such user."""
    if name is None:
        reason = f"{PREFIX}is not on the terminal"
        return Observed(one.user_id, "absent", one.slots, "not verified", reason)
    if one.slots:
        return _lost(one, one.slots, one.slots)
    if one.name and name != one.name[:100].strip():
        reason = f"{PREFIX}has the name {name!r}"
        return Observed(one.user_id, "present", one.slots, "not verified", reason, name)
    return Observed(one.user_id, "present", one.slots, "confirmed", "", name)


def has_dropped(held: int, usual: int, percent: float) -> bool:
    """Whether a terminal holds so many users fewer than usual that somebody should look."""
    return usual - held >= LEAST_DROP and 100 * (usual - held) > percent * usual


def _is_coming_back(one: Known) -> bool:
    """Whether a command to enable the user again is waited for."""
    return one.result == "pending" and one.reported_state == "unknown" and one.reported_at is not None


def _lost(one: Known, lost: frozenset[int], slots: frozenset[int]) -> Observed:
    names = ", ".join(map(credential_name, sorted(lost)))
    return Observed(one.user_id, "present", slots, "not verified", f"{PREFIX}the terminal lost {names}")


def _seen(one: Known, found: Held) -> Observed:
    lost = one.slots - found.slots
    slots = one.slots | found.slots
    if lost:
        return _lost(one, lost, slots)
    if one.result in ("confirmed", "pending") or one.reason.startswith(PREFIX):
        state = "disabled" if one.reported_state == "disabled" else "present"
        result = "pending" if one.result == "pending" else "confirmed"
        return Observed(one.user_id, state, slots, result, "" if result == "confirmed" else one.reason)  # type: ignore[arg-type]
    return Observed(one.user_id, one.reported_state, slots, one.result, one.reason)


def _differs(one: Known, seen: Observed) -> bool:
    before = one.reported_state, one.slots, one.result, one.reason
    return before != (seen.reported_state, seen.slots, seen.result, seen.reason)
