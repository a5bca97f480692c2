"""When a listing is complete: the stop rules for pages whose counters mean different things.

Real devices put the total into `count` and one past the last row into `to`; the
document puts the rows of the page into `count` (for users) and the last row
into `to`. After the last page a terminal answers an empty one, so asking once
too often costs one exchange, while stopping early loses users or punches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from tm20tui.protocol.replies import LogPage, UserListPage

Page: TypeAlias = UserListPage | LogPage

MAX_PAGES: Final = 20_000
"""More pages than any terminal has; past it the listing goes in circles."""


def next_page(pages: Sequence[Page]) -> bool:
    """Return whether to ask for another page (`stn` false) after `pages`, oldest first.

    With no page yet the answer is yes (ask with `stn` true). Only the first and the
    last two are looked at, so a caller may drop those between.
    """
    if not pages:
        return True
    last = pages[-1]
    size = _size(last)
    if size == 0 or last.count <= 0 or len(pages) >= MAX_PAGES:
        return False
    if len(pages) > 1 and (last == pages[-2] or last == pages[0]):
        return False
    # One past the last row, whichever way `to` is meant.
    end = last.start + size
    if end < last.count:
        return True
    if end == last.count and not _may_be_page_size(last, size):
        return False
    # `count` is the size of this page: the listing ends with a page shorter than the one before.
    return len(pages) == 1 or size >= _size(pages[-2])


def _may_be_page_size(page: Page, size: int) -> bool:
    # Pages are of 40 users or 50 records; some firmware may use another round number.
    return page.start == 0 and size % 10 == 0


def _size(page: Page) -> int:
    return (
        len(page.rows) + page.unread if isinstance(page, UserListPage) else len(page.records) + len(page.bad)
    )
