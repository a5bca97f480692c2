"""The difference between wanted and known: only what is needed, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tm20tui.store.enrollments import SealedCredential, Wanted
from tm20tui.users.credentials import Fitting, is_same
from tm20tui.users.planning import Held, Inventory, Steps, lock_row, lock_text, plan_user

LOCK = "1,0,,"


def wanted(**values: Any) -> Wanted:
    fields: dict[str, Any] = {
        "user_id": 1,
        "enrollid": "7",
        "name": "Ann",
        "admin": 0,
        "weekzone": 1,
        "user_group": 0,
        "valid_from": None,
        "valid_until": None,
        "desired_state": "present",
        "reported_state": "present",
        "reported_name": "Ann",
        "reported_lock": LOCK,
    }
    return Wanted(**(fields | values))


def plan(
    user: Wanted, *, slots: set[int] | None = None, reason: str = "", admin: int = 0, **options: Any
) -> Steps:
    users = {} if slots is None else {"7": Held(admin, frozenset(slots))}
    inventory = Inventory(users, options.pop("is_reliable", True))
    return plan_user(
        user,
        inventory,
        timezone="UTC",
        check=lambda user, slot: reason,
        with_credentials=options.pop("with_credentials", False),
    )


def test_who_is_there_as_wanted_costs_nothing() -> None:
    assert plan(wanted(), slots={0}).is_nothing


def test_who_is_in_no_listing_is_looked_for_before_being_told() -> None:
    steps = plan(wanted())
    assert (steps.look_first, steps.set_name) == (True, False)


def test_a_new_user() -> None:
    steps = plan(wanted(reported_state="unknown", reported_name="", reported_lock=""))
    assert (steps.look_first, steps.set_name, steps.lock, steps.enable) == (False, True, LOCK, None)


@pytest.mark.parametrize(
    ("desired", "reported", "enable", "absent"),
    [
        ("disabled", "present", False, False),
        ("disabled", "unknown", False, False),
        ("disabled", "disabled", None, False),
        ("disabled", "absent", None, True),
        ("present", "disabled", True, False),
        ("present", "present", None, False),
    ],
)
def test_enabled_and_disabled(desired: str, reported: str, enable: bool | None, absent: bool) -> None:
    steps = plan(wanted(desired_state=desired, reported_state=reported))
    assert (steps.enable, steps.is_absent) == (enable, absent)


def test_credentials_that_are_there_are_not_sent_again() -> None:
    user = wanted(slots=(0, 1, 11))
    assert plan(user, slots={0, 11}, with_credentials=True).credentials == (1,)
    assert plan(user, slots={0, 11}, with_credentials=False).credentials == ()
    assert plan(user, slots=None, is_reliable=False, with_credentials=True).credentials == (0, 1, 11)
    assert plan(user, slots={0}, with_credentials=True, reason="no").refusals == ("no", "no")


def test_rights_travel_with_a_credential() -> None:
    assert plan(wanted(admin=1, slots=(0, 11)), slots={0, 11}).credentials == (11,)
    assert "rights" in plan(wanted(admin=1), slots={0}).refusals[0]
    assert plan(wanted(admin=1), slots={0}, admin=1).is_nothing


def test_limits_as_text_and_on_the_wire() -> None:
    until = datetime(2026, 6, 1, tzinfo=UTC)
    bounded = wanted(valid_until=until)
    text = lock_text(bounded, "Africa/Kinshasa")
    assert text == "1,0,2000-01-01 00:00:00,2026-06-01 01:00:00"
    assert plan(bounded, slots={0}).lock is not None
    # Once bounded, an open end is said as such.
    assert lock_text(wanted(reported_lock=text), "UTC").endswith("2099-12-31 23:59:00")
    row = lock_row("7", text)
    assert (row.weekzone, row.group, row.endtime) == (1, 0, "2026-06-01 01:00:00")
    with pytest.raises(ValueError):
        lock_row("7", "1,77,,")


def fitting(slot: int, *, model: str = "M", capacity: dict[str, int] | None = None, **values: Any) -> str:
    from tests.users.rig import terminal_record

    kept = SealedCredential(1, slot, values.get("made", "thbio3.0" if slot < 10 else ""), "M", b"")
    terminal = terminal_record(model=model, fpalgo="thbio3.0", capacity=capacity or {})
    return Fitting(terminal, [kept]).refuse(wanted(), slot)


def test_which_credentials_fit() -> None:
    assert fitting(0) == ""
    assert "made for thbio1.0, the terminal has thbio3.0" in fitting(0, made="thbio1.0")
    assert "unknown algorithm" in fitting(0, made="")
    assert "no place left" in fitting(0, capacity={"fpsize": 10, "usedfp": 10})
    assert fitting(11, capacity={"cardsize": 10, "usedcard": 9}) == ""
    assert "does not tell that it takes a face" in fitting(50)
    assert fitting(50, capacity={"facesize": 10}, model="N") == ""
    assert "made by M, the terminal is N" in fitting(20, capacity={"facesize": 10}, model="N")


def test_places_are_counted() -> None:
    from tests.users.rig import terminal_record

    terminal = terminal_record(capacity={"cardsize": 5, "usedcard": 4})
    check = Fitting(terminal, [SealedCredential(n, 11, "", "M", b"") for n in (1, 2)])
    assert check.refuse(wanted(user_id=1), 11) == ""
    assert "no place left" in check.refuse(wanted(user_id=2), 11)


def test_what_counts_as_the_same() -> None:
    assert is_same(11, "00123", "123")
    assert not is_same(11, "124", "123")
    assert is_same(0, "c51c(3)", "c51c(3)")
    assert not is_same(0, "c51c", "c51d")
    assert is_same(50, "/9j/AA", "/9j/BB")
    assert not is_same(50, "/9j/AA", None)
