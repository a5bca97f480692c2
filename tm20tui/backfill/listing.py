"""One listing of records, page by page: when it is over, and whether it was whole. Pure.

Stop rules are those of `protocol.paging`; a terminal that never ends, or gives a page again,
is found out, and what it gave is counted for what it is.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Final

from tm20tui.ingest.times import parse_wall_clock
from tm20tui.protocol import LogPage, next_page

MOST_PAGES: Final = 20_000


class Listing:
    """What was read so far. `take` each page as it comes.

    `given` counts records in pages that were not there before; `reported` is the terminal's own
    count, or what it gave where that is more. `stopped` is the sentence why the listing was given
    up, empty while it was not. `days` counts the records by the day they are printed with; what
    has no readable time is under None.
    """

    def __init__(self) -> None:
        self.pages = 0
        self.given = 0
        self.stopped = ""
        self.days: Counter[date | None] = Counter()
        self._count = 0
        self._kept: list[LogPage] = []
        self._numbers: dict[int, int] = {}

    @property
    def reported(self) -> int:
        """Records that the terminal says it has, in what was asked for."""
        return max(self._count, self.given)

    @property
    def is_begun(self) -> bool:
        """Whether a page came."""
        return self.pages > 0

    def take(self, page: LogPage) -> bool:
        """Count a page; whether to ask for the next one."""
        self.pages += 1
        rows = len(page.records) + len(page.bad)
        if self.pages == 1:
            self._count = page.count
        if rows:
            digest = hash((page.records, page.bad))
            earlier = self._numbers.setdefault(digest, self.pages)
            if earlier != self.pages:
                return self._repeated(earlier, page)
            self.given += rows
            self._note_days(page)
        if self.pages >= MOST_PAGES:
            self.stopped = f"the terminal has no end: stopped after {self.pages} pages"
            return False
        self._kept = [*self._kept[:1], *self._kept[1:][-1:], page]
        return next_page(self._kept)

    def _repeated(self, earlier: int, page: LogPage) -> bool:
        # Behind the last page some firmware gives it once more. Where `count` is that of one page
        # nobody can tell that from one that does not get on.
        is_end = earlier == self.pages - 1 and 0 < self._count <= self.given
        if not is_end or self._count <= len(page.records) + len(page.bad) < self.given:
            self.stopped = f"the terminal repeats page {earlier}: stopped"
        return False

    def _note_days(self, page: LogPage) -> None:
        last, day = "", None
        for record in page.records:
            text = record.time_raw[:10]
            if text != last:
                local = parse_wall_clock(record.time_raw)
                last, day = text, None if local is None else local.date()
            self.days[day] += 1
        if page.bad:
            self.days[None] += len(page.bad)
