"""Terminals listed time and again: only what changed is read whole, on either database."""

from __future__ import annotations

from tests.store.factories import add_terminal
from tm20tui.model import utc_now
from tm20tui.store.engine import Database
from tm20tui.store.terminals import TerminalsReader, list_terminals, update_terminal


async def test_only_what_changed_is_made_anew(database: Database) -> None:
    reader = TerminalsReader()
    await database.write(add_terminal, "A")
    changed = await database.write(add_terminal, "B")
    first = await database.read(reader.list)
    assert first == await database.read(list_terminals)
    again = await database.read(reader.list)
    assert all(one is other for one, other in zip(first, again, strict=True))
    values = {"name": "Dépôt", "capacity": {"usedlog": 3}, "last_seen_at": utc_now()}
    await database.write(update_terminal, changed, values)
    third = await database.read(reader.list)
    assert third[0] is first[0]
    assert third == await database.read(list_terminals)


async def test_when_a_connected_terminal_was_heard_is_not_read_anew(database: Database) -> None:
    reader = TerminalsReader()
    ident = await database.write(add_terminal, "A")
    (first,) = await database.read(reader.list)
    await database.write(update_terminal, ident, {"last_seen_at": utc_now()})
    assert (await database.read(reader.list, {ident}))[0] is first
    assert await database.read(reader.list) == await database.read(list_terminals)
