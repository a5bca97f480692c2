"""A listing that is interrupted begins again; pages count as each firmware counts them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tm20tui.protocol import Command, GetUserList, UserListPage, UserRow
from tm20tui.users.asking import Asker, Told
from tm20tui.users.inventory import take_inventory


def page(first: int, last: int, *, count: int = 90, start: int | None = None) -> UserListPage:
    rows = tuple(UserRow(str(n), 0, 0) for n in range(first, last))
    return UserListPage(count, first if start is None else start, last, rows)


def told(answer: UserListPage | str, sends: int = 1) -> Told:
    if isinstance(answer, str):
        return Told("refused", answer, None, sends)
    return Told("confirmed", "", answer, sends)


EMPTY = UserListPage(0, 0, 0, ())
TWICE = UserListPage(91, 0, 91, (UserRow("0", 0, 0), *(UserRow(str(n), 0, 0) for n in range(90))))
WHOLE = [told(page(0, 40)), told(page(40, 80)), told(page(80, 90))]


class Script:
    """Gives the answers in turn."""

    def __init__(self, answers: list[Told]) -> None:
        self.answers = answers
        self.begun = 0

    async def ask(self, command: Command) -> Told:
        assert isinstance(command, GetUserList)
        self.begun += command.stn
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("answers", "begun"),
    [
        (WHOLE, 1),
        ([told(TWICE)], 1),
        ([told(page(0, 40)), told(page(40, 80), 2), *WHOLE], 2),
        ([told(page(0, 40)), told(page(80, 90)), *WHOLE], 2),
        ([told(page(0, 40)), told(page(0, 40)), *WHOLE], 2),
        ([told(page(0, 40)), told(EMPTY), *WHOLE], 2),
        ([told(page(0, 40), 2), *WHOLE[1:]], 1),
        (
            [
                told(page(0, 40, start=0)),
                told(page(40, 80, start=0)),
                told(page(80, 90, start=0)),
                told(EMPTY),
            ],
            1,
        ),
        ([told(page(0, 40, count=40)), told(page(40, 80, count=40)), told(page(80, 90, count=10))], 1),
    ],
)
async def test_listings(answers: list[Told], begun: int) -> None:
    script = Script(list(answers))
    found = await take_inventory(cast(Asker, script), expected=5)
    assert (len(found.users), found.is_reliable, script.begun) == (90, True, begun)
    assert not script.answers


@pytest.mark.parametrize(
    ("answers", "expected", "reliable", "remark"),
    [
        ([told(EMPTY)], 0, True, ""),
        ([told(EMPTY)], 3, False, "lists nobody"),
        ([told("does not know getuserlist")], 0, False, "does not know"),
        ([told(page(0, 40)), told(EMPTY)] * 5, 0, False, "again and again"),
    ],
)
async def test_what_is_no_whole_listing(
    answers: list[Any], expected: int, reliable: bool, remark: str
) -> None:
    found = await take_inventory(cast(Asker, Script(answers)), expected=expected)
    assert (found.users, found.is_reliable) == ({}, reliable)
    assert remark in found.remark
