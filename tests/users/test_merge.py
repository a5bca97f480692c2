"""What a list makes of a site: added, changed, gone; conflicts and refusals change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tm20tui.store.hr_users import SiteUser
from tm20tui.users.merge import MergePlan, plan_merge
from tm20tui.users.reading import HrUser, HrUsers


def here(enrollid: int, name: str = "Ann", **values: Any) -> SiteUser:
    fields: dict[str, Any] = {"admin": 0, "is_enabled": True, "weekzone": 1, "user_group": 0}
    return SiteUser(enrollid, str(enrollid), name, **({"source": "service 1"} | fields | values))


def listed(*users: HrUser, duplicates: tuple[str, ...] = ()) -> HrUsers:
    twice = tuple((enrollid, ("A", "B")) for enrollid in duplicates)
    return HrUsers(users, (), twice, frozenset({*(one.enrollid for one in users), *duplicates}))


def plan(present: list[SiteUser], users: HrUsers, percent: float = 20) -> MergePlan:
    return plan_merge(present, users, 1, max_gone_percent=percent)


def test_added_changed_unchanged() -> None:
    found = plan(
        [here(1), here(2), here(3, is_enabled=False)],
        listed(HrUser("1", "Ann"), HrUser("2", "Anna", 1), HrUser("3", "Ann"), HrUser("4", "Bob")),
    )
    assert [user.enrollid for user in found.add] == ["4"]
    assert [(one.user.enrollid, one.values) for one in found.change] == [
        ("2", {"name": "Anna", "admin": 1}),
        ("3", {"is_enabled": True}),
    ]
    assert (found.unchanged, found.gone, found.refusal, found.standings) == (1, (), "", {3: True})


def test_another_persons_enrollid_is_shown_and_left_alone() -> None:
    found = plan([here(123, "Marie", source="terminal A")], listed(HrUser("123", "Jean")))
    (clash,) = found.conflicts
    assert (clash.theirs, clash.ours) == ("Jean", "Marie")
    assert "terminal A" in clash.reason
    assert (found.add, found.change, found.gone) == ((), (), ())


@pytest.mark.parametrize("name", ["", "jean  DUPONT"])
def test_the_same_person_known_from_elsewhere_is_taken_over(name: str) -> None:
    (change,) = plan([here(1, name, source="terminal A")], listed(HrUser("1", "Jean Dupont"))).change
    assert change.values == {"name": "Jean Dupont", "source": "service 1"}


def test_the_same_person_in_two_services_stays_with_the_first() -> None:
    present, users = [here(1, "Ann", source="service 2")], listed(HrUser("1", "Ann", 1))
    found = plan_merge(present, users, 1, max_gone_percent=20, others=[1, 2])
    assert (found.change, found.unchanged, found.gone) == ((), 1, ())
    # Service 2 was deleted: who came from it is taken over.
    (change,) = plan_merge(present, users, 1, max_gone_percent=20, others=[3]).change
    assert change.values == {"admin": 1, "source": "service 1"}


def test_who_is_listed_twice_is_a_conflict_and_not_gone() -> None:
    found = plan(
        [here(n) for n in range(1, 4)], listed(HrUser("1", "Ann"), HrUser("2", "Ann"), duplicates=("3",))
    )
    assert [clash.enrollid for clash in found.conflicts] == ["3"]
    assert (found.gone, found.refusal) == ((), "")


def test_gone_is_only_who_came_from_this_service_and_is_enabled() -> None:
    others = [here(10, source="terminal A"), here(11, source="service 2"), here(12, is_enabled=False)]
    found = plan(
        [*(here(n) for n in range(1, 6)), *others], listed(*(HrUser(str(n), "Ann") for n in range(1, 5)))
    )
    assert [user.enrollid for user in found.gone] == ["5"]
    assert (found.refusal, found.standings) == ("", {5: False})


@pytest.mark.parametrize(("left", "refused"), [(8, False), (7, True), (5, True)])
def test_a_list_that_lacks_too_many_is_refused(left: int, refused: bool) -> None:
    found = plan(
        [here(n) for n in range(1, 11)], listed(*(HrUser(str(n), "Ann") for n in range(1, left + 1)))
    )
    assert bool(found.refusal) == refused


def test_an_empty_list_is_refused_even_where_nobody_would_be_gone() -> None:
    assert "no user" in plan([], listed()).refusal
    assert "no user" in plan([here(1)], listed(), percent=100).refusal
