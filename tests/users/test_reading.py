"""A service's list: the customer's format, tolerant envelopes, sound and unsound records."""

from __future__ import annotations

from typing import Any

import pytest

from tm20tui.users.reading import BadUser, HrUser, read_users

JOHN = {"enrollid": 123, "name": "John Doe", "admin": 0, "is_enabled": True, "weekzone": 1, "group": 0}


@pytest.mark.parametrize(
    "document",
    [
        {"users": [JOHN]},
        {"data": [JOHN]},
        {"employees": [JOHN]},
        {"items": [JOHN]},
        {"data": {"items": [JOHN]}},
        [JOHN],
    ],
)
def test_envelopes(document: object) -> None:
    assert read_users([document]).users == (HrUser("123", "John Doe"),)


@pytest.mark.parametrize("document", [{}, {"error": "no"}, "users", None, 3, {"users": "none"}])
def test_what_is_no_list_is_not_taken_for_an_empty_one(document: object) -> None:
    with pytest.raises(ValueError, match="no list of users"):
        read_users([document])


def test_an_empty_list_is_one() -> None:
    assert read_users([[]]).users == ()


@pytest.mark.parametrize(
    ("record", "user"),
    [
        ({"enrollid": "0012", "name": " Ann "}, HrUser("12", "Ann")),
        ({"enrollid": 10**29, "name": "A"}, HrUser("1" + "0" * 29, "A")),
        (JOHN | {"admin": "2", "is_enabled": 0, "group": 3}, HrUser("123", "John Doe", 2, False, 1, 3)),
        (
            JOHN | {"admin": None, "is_enabled": "false", "weekzone": None},
            HrUser("123", "John Doe", 0, False),
        ),
    ],
)
def test_sound_records(record: dict[str, Any], user: HrUser) -> None:
    assert read_users([[record]]).users == (user,)


@pytest.mark.parametrize(
    ("record", "enrollid", "reason"),
    [
        ("John", "", "not an object"),
        ({"name": "A"}, "", "enrollid"),
        (JOHN | {"enrollid": True}, "", "enrollid"),
        (JOHN | {"enrollid": 1.5}, "", "enrollid"),
        (JOHN | {"enrollid": "1" * 31}, "", "1 to 30 digits"),
        (JOHN | {"enrollid": -1}, "", "1 to 30 digits"),
        (JOHN | {"enrollid": 0}, "", "not a person's"),
        (JOHN | {"enrollid": 99999999}, "", "not a person's"),
        (JOHN | {"name": ""}, "123", "name"),
        (JOHN | {"name": "a\nb"}, "123", "name"),
        (JOHN | {"name": 7}, "123", "name"),
        (JOHN | {"admin": 3}, "123", "admin"),
        (JOHN | {"admin": True}, "123", "admin"),
        (JOHN | {"is_enabled": "maybe"}, "123", "is_enabled"),
        (JOHN | {"is_enabled": []}, "123", "is_enabled"),
        (JOHN | {"weekzone": 256}, "123", "weekzone"),
        (JOHN | {"group": "x"}, "123", "group"),
    ],
)
def test_unsound_records_are_named_and_the_others_taken(record: object, enrollid: str, reason: str) -> None:
    found = read_users([[record, {"enrollid": 5, "name": "Eve"}]])
    assert found.users == (HrUser("5", "Eve"),)
    (bad,) = found.bad
    assert bad == BadUser(1, enrollid, bad.reason)
    assert reason in bad.reason
    assert ("123" in found.mentioned) == bool(enrollid)


def test_an_enrollid_that_comes_twice_is_nobodys_over_all_pages() -> None:
    found = read_users([[JOHN, {"enrollid": 5, "name": "Eve"}], [{"enrollid": "0123", "name": "Jane"}]])
    assert found.users == (HrUser("5", "Eve"),)
    assert found.duplicates == (("123", ("John Doe", "Jane")),)
    assert found.mentioned == {"123", "5"}
