"""A terminal's listing of its users, page by page, whichever way it counts its pages.

The cursor is the terminal's. A page that was sent twice, or does not follow on the one before,
means that some may have been lost: then the listing begins again.
"""

from __future__ import annotations

from typing import Final

from tm20tui.protocol import GetUserList, UserListPage, UserRow, next_page
from tm20tui.users.asking import Asker
from tm20tui.users.planning import Held, Inventory

_BEGINNINGS: Final = 5


async def take_inventory(asker: Asker, *, expected: int) -> Inventory:
    """What the terminal lists. `expected`: how many users with a credential it should have at least."""
    remark = ""
    for _ in range(_BEGINNINGS):
        pages = await _list_once(asker)
        if isinstance(pages, list):
            return _judge(_held(pages), expected)
        if pages:
            return Inventory(is_reliable=False, remark=pages)
        remark = "the listing of users was interrupted again and again"
    return Inventory(is_reliable=False, remark=remark)


async def _list_once(asker: Asker) -> list[UserListPage] | str:
    """All pages; the reason why there are none; or an empty reason when it must begin again."""
    pages: list[UserListPage] = []
    seen: set[UserRow] = set()
    unread = 0
    while next_page(pages):
        told = await asker.ask(GetUserList(stn=not pages))
        if not told.is_confirmed or not isinstance(told.result, UserListPage):
            return told.reason or "no listing of users"
        page = told.result
        if pages and (told.sends > 1 or not _follows(page, pages[0], len(seen) + unread)):
            return ""
        seen.update(page.rows)
        # Who is listed twice in one page is counted twice by the terminal.
        unread += page.unread + len(page.rows) - len(set(page.rows))
        pages.append(page)
    total = max((page.count for page in pages), default=0)
    return "" if len(seen) + unread < total else pages


def _follows(page: UserListPage, first: UserListPage, rows: int) -> bool:
    """Whether a page goes on where those before ended; some firmware begins each at the same number."""
    return not page.rows or page.start in (first.start, first.start + rows)


def _held(pages: list[UserListPage]) -> dict[str, Held]:
    found: dict[str, tuple[int, set[int]]] = {}
    for page in pages:
        for row in page.rows:
            _, slots = found.setdefault(row.enrollid, (row.admin, set()))
            if row.backupnum is not None:
                slots.add(row.backupnum)
    return {enrollid: Held(admin, frozenset(slots)) for enrollid, (admin, slots) in found.items()}


def _judge(users: dict[str, Held], expected: int) -> Inventory:
    if not users and expected > 0:
        return Inventory(
            is_reliable=False,
            remark="the terminal lists nobody though it has users: each one is asked for by itself",
        )
    return Inventory(users)
