"""Listings page by page: both conventions, and terminals that have no end."""

from __future__ import annotations

import pytest

from tm20tui.backfill.listing import MOST_PAGES, Listing
from tm20tui.protocol import LogPage, LogRecord


def record(number: int) -> LogRecord:
    return LogRecord(
        str(number), "", f"2026-06-{number % 28 + 1:02} 08:00:00", 1, 0, 0, None, None, None, None
    )


def pages(total: int, count: int | None, inclusive: bool, size: int = 50) -> list[LogPage]:
    records = [record(number) for number in range(total)]
    made = []
    for start in range(0, total, size):
        part = tuple(records[start : start + size])
        stop = start + len(part) - inclusive
        made.append(LogPage(total if count is None else count, start, stop, part))
    return [*made, LogPage(0, 0, 0, ())]


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("count", [None, 50])
@pytest.mark.parametrize("total", [0, 1, 49, 50, 51, 100, 130])
def test_every_record_is_read_whatever_count_and_to_mean(
    total: int, count: int | None, inclusive: bool
) -> None:
    listing = Listing()
    coming = iter(pages(total, count, inclusive))
    while listing.take(next(coming)):
        pass
    assert (listing.given, listing.stopped) == (total, "")
    assert sum(listing.days.values()) == total


def test_the_last_page_may_come_once_more() -> None:
    listing = Listing()
    first, second, _ = pages(100, 200, inclusive=False)
    listing = Listing()
    assert listing.take(first)
    assert listing.take(second)
    assert not listing.take(second)
    assert listing.stopped == "the terminal repeats page 2: stopped"
    assert (listing.reported, listing.given) == (200, 100)


def test_a_terminal_that_begins_again_is_stopped() -> None:
    listing = Listing()
    made = pages(150, 1000, inclusive=False)[:3]
    for page in made:
        assert listing.take(page)
    assert not listing.take(made[0])
    assert listing.stopped == "the terminal repeats page 1: stopped"


def test_there_is_an_end_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_PAGES == 20_000
    monkeypatch.setattr("tm20tui.backfill.listing.MOST_PAGES", 5)
    listing = Listing()
    number = 0
    while listing.take(LogPage(10**9, number, number + 1, (record(number),))):
        number += 1
    assert listing.stopped == "the terminal has no end: stopped after 5 pages"
