"""Terminals through the operations: what is live is shown, what an operator says reaches the session."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.store.factories import NOON, add_terminal
from tm20tui.errors import Conflict, InvalidInput, NotFound
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.model import Terminal
from tm20tui.operations import terminals
from tm20tui.operations.call import SERVER, Call
from tm20tui.settings import load
from tm20tui.store.engine import Database
from tm20tui.terminals.roster import Roster, SessionView


class FakeSession:
    """A live connection that remembers what it was told."""

    address = "10.0.0.5:4000"

    def __init__(self, terminal_id: int, state: Any = "online") -> None:
        self.terminal: Terminal | None = None
        self.ended: tuple[int, str] | None = None
        self._view = SessionView(terminal_id, "A", state, self.address, NOON, NOON, 3, 0, 0)

    async def prove_alive(self, seconds: float) -> bool:
        return True

    def end(self, code: int, reason: str) -> None:
        self.ended = (code, reason)

    def view(self) -> SessionView | None:
        return self._view


@pytest.fixture
def gateway(sqlite_database: Database) -> Gateway:
    settings = load(None, {"terminals": {"blocked": ["bad-one"]}})
    return cast(
        Gateway,
        SimpleNamespace(database=sqlite_database, roster=Roster(5), settings=settings, events=EventBus()),
    )


async def connect(gateway: Gateway, terminal_id: int, state: Any = "online") -> FakeSession:
    session = FakeSession(terminal_id, state)
    assert await gateway.roster.claim("A", session)
    return session


async def test_a_connected_terminal_is_shown_as_it_is_now(gateway: Gateway) -> None:
    ident = await gateway.database.write(add_terminal, "A")
    view = await terminals.get_terminal(Call(gateway, SERVER), ident)
    assert (view.state, view.session, view.last_seen_at) == ("offline", None, None)
    await connect(gateway, ident)
    (view,) = await terminals.list_terminals(Call(gateway, SERVER))
    assert (view.state, view.last_seen_at) == ("online", NOON)
    assert view.session is not None
    assert view.session.punches == 3


async def test_approval_and_blocking_reach_the_live_session(gateway: Gateway) -> None:
    ident = await gateway.database.write(add_terminal, "A", admission="pending")
    session = await connect(gateway, ident, "waiting")
    assert (await terminals.get_terminal(Call(gateway, SERVER), ident)).state == "waiting"
    await terminals.approve_terminal(Call(gateway, SERVER), ident)
    assert session.terminal is not None
    assert session.terminal.admission == "approved"
    assert session.ended is None
    view = await terminals.block_terminal(Call(gateway, SERVER), ident)
    assert (view.state, view.terminal.admission) == ("blocked", "blocked")
    assert session.ended is not None
    assert await terminals.list_terminals(Call(gateway, SERVER), admission="approved") == []


async def test_what_cannot_be_done_is_said(gateway: Gateway) -> None:
    ident = await gateway.database.write(add_terminal, "BAD-ONE", admission="blocked")
    with pytest.raises(Conflict, match=r"terminals\.blocked"):
        await terminals.approve_terminal(Call(gateway, SERVER), ident)
    with pytest.raises(NotFound):
        await terminals.block_terminal(Call(gateway, SERVER), ident + 1)
    with pytest.raises(InvalidInput, match="alternate"):
        await terminals.change_terminal(Call(gateway, SERVER), ident, direction_policy="up")
    with pytest.raises(InvalidInput, match="admission"):
        await terminals.list_terminals(Call(gateway, SERVER), admission="maybe")
