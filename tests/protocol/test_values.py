from __future__ import annotations

import pytest

from tm20tui.protocol import values


@pytest.mark.parametrize(
    ("backupnum", "name"),
    [
        (0, "fingerprint 0"),
        (9, "fingerprint 9"),
        (10, "password"),
        (11, "card"),
        (20, "face 0"),
        (30, "palm 0"),
        (41, "palm 9"),
        (50, "photo"),
        (77, "credential 77"),
        (None, "unknown"),
    ],
)
def test_credentials_have_names(backupnum: int | None, name: str) -> None:
    assert values.credential_name(backupnum) == name


def test_unknown_numbers_are_shown_as_numbers() -> None:
    assert values.mode_name(8) == "face"
    assert values.mode_name(99) == "mode 99"
    assert values.door_event_name(5) == "forced open"
    assert values.door_event_name(99) == "door event 99"


def test_the_codes_that_delete_several_credentials_are_no_credentials() -> None:
    assert not {values.ALL_FINGERPRINTS, values.WHOLE_USER} & values.CREDENTIALS
