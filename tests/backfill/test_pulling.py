"""One listing, against a desk that says what came of each page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from trio.testing import MockClock

from tm20tui.backfill.pulling import Puller
from tm20tui.model import utc_now
from tm20tui.protocol import GetAllLog, GetNewLog, LogPage, Reply, decode, parse_reply
from tm20tui.store.reconciliations import Reconciliation

JOB = cast("Reconciliation", SimpleNamespace(operator="", correlation_id=""))


def page(start: int, rows: int, count: int) -> LogPage:
    records = [
        {"enrollid": start + row, "time": "2026-03-02 08:00:00", "mode": 1, "inout": 0, "event": 0}
        for row in range(rows)
    ]
    told = {"ret": "getalllog", "sn": "A", "result": True, "count": count, "from": start, "record": records}
    reply = decode(json.dumps(told | {"to": start + rows}))
    assert isinstance(reply, Reply)
    found = parse_reply("getalllog", reply)
    assert isinstance(found, LogPage)
    return found


class Desk:
    """Gives pages in turn; before some of them the terminal is away and back."""

    def __init__(self, pages: list[LogPage], cut_before: int) -> None:
        self.pages = pages
        self.cut_before = cut_before
        self.generation = 1
        self.asked: list[bool] = []

    async def ask_and_wait(self, _terminal: int, command: GetAllLog | GetNewLog, **_: Any) -> Any:
        self.asked.append(command.stn)
        if len(self.asked) == self.cut_before:
            self.generation += 1
        return SimpleNamespace(status="confirmed", reason=""), self.pages.pop(0)


def listing(desk: Desk) -> Puller:
    return Puller(cast("Any", None), cast("Any", desk), 1, lambda: desk.generation, utc_now)


async def test_a_page_that_a_new_connection_gives_is_no_end(autojump_clock: MockClock) -> None:
    # The terminal counts its pages, so that nobody can tell that half is missing.
    desk = Desk([page(0, 50, 50), page(0, 0, 0), page(0, 50, 50), page(50, 30, 30), page(0, 0, 0)], 2)
    end = await listing(desk)._list(JOB, GetAllLog)
    assert (end.ending, end.listing.given) == ("whole", 80)
    assert desk.asked[:3] == [True, False, True]


async def test_new_records_are_not_given_again(autojump_clock: MockClock) -> None:
    desk = Desk([page(0, 50, 50), page(0, 0, 0)], 2)
    end = await listing(desk)._list(JOB, GetNewLog)
    assert (end.ending, end.reason) == ("interrupted", "disconnected")
