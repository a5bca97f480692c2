"""What a terminal holds against what it shall hold, and when to look: all of it without a terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tm20tui.store.inventories import Known
from tm20tui.users.drift import compare, has_dropped, is_due, judge_name
from tm20tui.users.planning import Held

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN = Known(1, "7", "Ann", 1, "present", "present", NOON, frozenset(), "confirmed", "")
FINGER = replace(ANN, slots=frozenset({0, 1}))


def held(*slots: int) -> dict[str, Held]:
    return {"7": Held(0, frozenset(slots))}


@pytest.mark.parametrize(
    ("known", "listing", "drifted", "said"),
    [
        (FINGER, held(0, 1), False, None),
        (FINGER, held(0), True, ("present", "not verified", "inventory: the terminal lost finger")),
        (ANN, held(0), False, ("present", "confirmed", "")),
        (
            replace(FINGER, reported_state="absent", result="not verified", reason="inventory: gone"),
            held(0, 1),
            False,
            ("present", "confirmed", ""),
        ),
        (replace(FINGER, result="refused", reason="full"), held(0, 1), True, None),
        (replace(FINGER, desired_state="disabled"), {}, False, None),
        (replace(ANN, desired_state=None), held(0), False, ("present", "", "")),
        (replace(FINGER, desired_state=None), {}, False, ("absent", "", "")),
    ],
)
def test_what_is_not_as_it_shall_be(
    known: Known, listing: dict[str, Held], drifted: bool, said: tuple[str, str, str] | None
) -> None:
    found = compare([known], listing)
    assert bool(found.drifted) is drifted
    if said is None:
        assert found.observed == ()
    else:
        (one,) = found.observed
        assert (one.reported_state, one.result) == said[:2]
        assert one.reason.startswith(said[2])


def test_users_without_a_credential_are_asked_for_by_themselves() -> None:
    found = compare([ANN], {})
    assert (found.unseen, found.drifted) == ((ANN,), ())
    assert judge_name(ANN, "Ann").result == "confirmed"
    assert judge_name(ANN, None).reported_state == "absent"
    assert judge_name(ANN, "Bob").reason == "inventory: has the name 'Bob'"


def test_who_was_listed_once_and_is_not_any_more_is_asked_for_too() -> None:
    found = compare([FINGER], {})
    assert (found.unseen, found.drifted) == ((FINGER,), ())
    assert judge_name(FINGER, None).reported_state == "absent"
    seen = judge_name(FINGER, "Ann")
    assert (seen.reported_state, seen.result) == ("present", "not verified")
    assert seen.reason.startswith("inventory: the terminal lost finger")


def test_leavers_who_are_back_and_people_nobody_knows() -> None:
    removed = replace(ANN, desired_state="absent", reported_state="absent")
    elsewhere = replace(ANN, user_id=2, enrollid="8", enrollment_id=None, desired_state=None)
    listing = held(0) | {"8": Held(0, frozenset({11})), "9": Held(0, frozenset({0}))}
    found = compare([removed, elsewhere], listing)
    assert (found.out_again, found.new, found.others) == ((1,), {2: frozenset({11})}, ("9",))
    assert compare([removed], {}).out_again == ()


@pytest.mark.parametrize(
    ("now", "usual", "expected"),
    [(100, 100, False), (80, 100, False), (79, 100, True), (1, 3, False), (0, 3, True), (0, 0, False)],
)
def test_a_sharp_drop(now: int, usual: int, expected: bool) -> None:
    assert has_dropped(now, usual, 20) is expected


def test_two_thousand_terminals_are_spread_over_the_interval() -> None:
    start = NOON - timedelta(days=1)
    turns: Counter[int] = Counter()
    taken: dict[int, datetime] = dict.fromkeys(range(1, 2001), start)
    for minute in range(360):
        now = start + timedelta(minutes=minute + 1)
        for ident, at in taken.items():
            if is_due(ident, 360, at, at if at > start else None, now):
                turns[minute] += 1
                taken[ident] = now
    assert sum(turns.values()) == 2000
    assert max(turns.values()) <= 8


def test_an_inventory_is_due_once_in_an_interval_and_not_again_at_once_when_it_failed() -> None:
    def due(**values: Any) -> bool:
        given: dict[str, Any] = {"taken_at": None, "tried_at": None} | values
        return is_due(5, 60, given["taken_at"], given["tried_at"], NOON)

    assert due()
    assert not due(taken_at=NOON)
    assert due(taken_at=NOON - timedelta(minutes=61))
    assert not due(tried_at=NOON - timedelta(minutes=9))
    assert due(tried_at=NOON - timedelta(minutes=11))
    assert not is_due(5, 0, None, None, NOON)
