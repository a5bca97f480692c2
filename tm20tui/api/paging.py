"""Pages of lists: where one starts, and where the next one does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar

from tm20tui.api.queries import IdQuery, KeyQuery
from tm20tui.api.views import Pagination
from tm20tui.errors import NotFound

Numbered = TypeVar("Numbered")
Named = TypeVar("Named")


def show_page(query: IdQuery, count: int, next_id: int | None) -> Pagination:
    """What is said of a page that an operation cut."""
    return Pagination(
        limit=query.limit,
        count=count,
        has_more=next_id is not None,
        next_cursor=None if next_id is None else str(next_id),
    )


def cut_by_id(
    items: Iterable[Numbered], query: IdQuery, ident: Callable[[Numbered], int] = attrgetter("id")
) -> tuple[tuple[Numbered, ...], Pagination]:
    """The page of a whole list that is sorted by id."""
    after = query.position() or 0
    left = [item for item in items if ident(item) > after]
    page = tuple(left[: query.limit])
    return page, show_page(query, len(page), ident(page[-1]) if len(left) > len(page) else None)


def cut_by_key(
    items: Sequence[Named], query: KeyQuery, key: Callable[[Named], str]
) -> tuple[tuple[Named, ...], Pagination]:
    """The page of a whole, short list whose members have distinct keys."""
    left = list(items)
    if query.cursor is not None:
        keys = [key(item) for item in left]
        if query.cursor not in keys:
            raise NotFound("page behind", query.cursor[:100], field="cursor")
        left = left[keys.index(query.cursor) + 1 :]
    page = tuple(left[: query.limit])
    more = len(left) > len(page)
    return page, Pagination(
        limit=query.limit,
        count=len(page),
        has_more=more,
        next_cursor=key(page[-1]) if more else None,
    )
