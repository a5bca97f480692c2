from __future__ import annotations

from dataclasses import dataclass

import pytest

from tm20tui.protocol import LogPage, LogRecord, Page, UserListPage, UserRow, next_page


def users(count: int, start: int, stop: int, rows: int | None = None) -> UserListPage:
    size = stop - start if rows is None else rows
    return UserListPage(count, start, stop, tuple(UserRow(str(start + n + 1), 0, 0) for n in range(size)))


def logs(count: int, start: int, stop: int, rows: int) -> LogPage:
    record = LogRecord("7", "", "t", 1, 0, 0, None, None, None, None)
    return LogPage(
        count, start, stop, tuple(record._replace(enrollid=str(start + n + 1)) for n in range(rows))
    )


EMPTY = users(0, 0, 0)


def test_a_listing_starts() -> None:
    assert next_page([])


@pytest.mark.parametrize("count", [6, 2, 1, 39, 41, 55])
def test_a_single_page_with_everything_is_the_last(count: int) -> None:
    assert not next_page([users(count, 0, count)])
    assert not next_page([logs(count, 0, count - 1, count)])


def test_total_and_exclusive_end_as_on_real_terminals() -> None:
    first, second = users(55, 0, 40), users(55, 40, 55)
    assert next_page([first])
    assert not next_page([first, second])
    assert not next_page([first, second, EMPTY])


def test_total_and_inclusive_end_as_in_the_document() -> None:
    first, second, third = logs(120, 0, 49, 50), logs(120, 50, 99, 50), logs(120, 100, 119, 20)
    assert next_page([first])
    assert next_page([first, second])
    assert not next_page([first, second, third])


def test_count_as_page_size_as_in_the_document_for_users() -> None:
    first, second, third = users(40, 0, 39, 40), users(40, 40, 79, 40), users(15, 80, 94, 15)
    assert next_page([first])
    assert next_page([first, second])
    assert not next_page([first, second, third])


def test_an_empty_page_ends_everything() -> None:
    assert not next_page([EMPTY])
    assert not next_page([users(55, 0, 40), EMPTY])
    assert not next_page([users(55, 0, 40), users(55, 40, 40)])
    assert not next_page([UserListPage(0, 0, 0, (UserRow("7", 0, 0),))])


def test_a_terminal_that_repeats_itself_is_not_asked_again() -> None:
    page = users(55, 0, 40)
    assert not next_page([page, page])
    assert not next_page([page, users(200, 40, 80), page])


@dataclass
class Terminal:
    """Answers a listing of `total` rows the way one firmware counts."""

    total: int
    size: int
    inclusive: bool
    counts_page: bool

    def page(self, start: int) -> Page:
        stop = min(start + self.size, self.total)
        rows = max(0, stop - start)
        if not rows:
            return EMPTY
        return users(rows if self.counts_page else self.total, start, stop - self.inclusive, rows)


@pytest.mark.parametrize("total", [0, 1, 39, 40, 41, 79, 80, 81, 119, 120, 121, 400])
@pytest.mark.parametrize("size", [10, 40, 50])
@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("counts_page", [False, True])
def test_every_row_is_read_and_the_listing_ends(
    total: int, size: int, inclusive: bool, counts_page: bool
) -> None:
    terminal = Terminal(total, size, inclusive, counts_page)
    pages: list[Page] = []
    seen: set[str] = set()
    while next_page(pages):
        page = terminal.page(len(pages) * size)
        assert isinstance(page, UserListPage)
        pages.append(page)
        seen.update(row.enrollid for row in page.rows)
    assert len(seen) == total
    assert len(pages) <= total // size + 2
