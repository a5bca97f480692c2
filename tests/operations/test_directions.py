"""A changed policy reaches the punches that are stored, over the whole site where people alternate."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, text, update

from tests.store.factories import add_punch, add_terminal
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.model import DirectionPolicy
from tm20tui.operations import directions
from tm20tui.operations.directions import recompute_directions
from tm20tui.settings import load
from tm20tui.store.engine import Database
from tm20tui.store.schema import terminals


async def recompute(
    database: Database, terminal: int, before: DirectionPolicy, after: DirectionPolicy
) -> Any:
    gateway = cast(Gateway, SimpleNamespace(database=database, settings=load(None, {}), events=EventBus()))

    def change(conn: Connection) -> None:
        conn.execute(update(terminals).where(terminals.c.id == terminal).values(direction_policy=after))

    await database.write(change)
    return await recompute_directions(gateway, terminal, before)


async def stored(database: Database) -> list[str | None]:
    return list(
        await database.read(
            lambda conn: conn.scalars(text("SELECT direction FROM punches ORDER BY id")).all()
        )
    )


@pytest.mark.parametrize("chunk", [1, 2, 100])
async def test_people_alternate_over_the_terminals_of_a_site(
    database: Database, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(directions, "CHUNK", chunk)
    monkeypatch.setattr(directions, "PAGE", 2)

    def fill(conn: Connection) -> tuple[int, int]:
        one, two = add_terminal(conn, "A"), add_terminal(conn, "B", direction_policy="alternate")
        for number, terminal in enumerate((one, two, one, one)):
            add_punch(conn, terminal, number, inout=0, direction="in")
        add_punch(conn, one, 0, enrollid="9", inout=1, direction="out")
        add_punch(conn, one, 7, time_raw="????", time_utc=None, time_problem="unreadable", direction="in")
        return one, two

    one, _ = await database.write(fill)
    result = await recompute(database, one, "terminal", "alternate")
    assert result == {"terminal_id": one, "punches": 5}
    assert await stored(database) == ["in", "out", "in", "out", "in", None]
    # Leaving takes its punches out of the turns of the others.
    await recompute(database, one, "alternate", "terminal")
    assert await stored(database) == ["in", "in", "in", "in", "out", "in"]
    await recompute(database, one, "terminal", "fixed-out")
    assert await stored(database) == ["out", "in", "out", "out", "out", "out"]
