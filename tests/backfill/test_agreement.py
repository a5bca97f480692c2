"""What is written down once a terminal and the server agree."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from tests.store.factories import NOON, add_punch, add_terminal
from tm20tui.backfill.policy import Told
from tm20tui.backfill.running import agree
from tm20tui.store.engine import Database
from tm20tui.store.reconciliations import find_reconciliation


@pytest.mark.parametrize(("told", "counted"), [(3, 5), (2, 5), (1, 4)])
async def test_what_is_printed_in_the_second_of_telling_may_have_come_after(
    database: Database, told: int, counted: int
) -> None:
    """One record a second from 0 to 4, and a count told in second 2: with or without that of 2."""

    def work(conn: Connection) -> int | None:
        terminal_id = add_terminal(conn)
        for number in range(5):
            add_punch(conn, terminal_id, number)
        at = NOON + timedelta(seconds=2)
        agree(conn, terminal_id, Told(told, None, f"{at:%Y-%m-%d %H:%M:%S}", at, at))
        return find_reconciliation(conn, terminal_id).counted

    assert await database.write(work) == counted
