"""Who is connected: at most one live session per serial, and what is known of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from tm20tui.model import Terminal
from tm20tui.terminals.command_exchange import CommandSession

log = logging.getLogger(__name__)

SessionState = Literal["online", "offline", "waiting", "blocked"]


@dataclass(frozen=True, slots=True)
class SessionView:
    """One live connection as others see it.

    `state`: `online` (registered and heard lately), `offline` (connected but mute),
    `waiting` (for an operator's approval), `blocked`. `last_heard_at` counts any
    traffic, pongs included. `punches` and `duplicates` count since it connected.
    """

    terminal_id: int
    sn: str
    state: SessionState
    address: str
    connected_at: datetime
    last_heard_at: datetime
    punches: int
    duplicates: int
    broken_frames: int


class RosterSession(CommandSession, Protocol):
    """What the roster asks of a session."""

    address: str

    async def prove_alive(self, seconds: float) -> bool:
        """Whether the peer answers a ping, or says anything, within that time."""

    def view(self) -> SessionView | None:
        """What to show of it; None before it has said who it is."""


class SessionWatcher(Protocol):
    """Who asks things of terminals, and must know which are there."""

    def session_ready(self, session: CommandSession) -> None:
        """A connection's first `reg` was accepted and answered."""

    def session_gone(self, session: CommandSession) -> None:
        """A connection is over; a newer one of the terminal may be there already."""


class Roster:
    """The live sessions by serial; `watcher` hears of them."""

    def __init__(self, takeover_seconds: float) -> None:
        self._takeover_seconds = takeover_seconds
        self._live: dict[str, RosterSession] = {}
        self.watcher: SessionWatcher | None = None

    def __iter__(self) -> Iterator[RosterSession]:
        return iter(tuple(self._live.values()))

    def __len__(self) -> int:
        return len(self._live)

    async def claim(self, sn: str, session: RosterSession) -> bool:
        """Make `session` the live one of a serial; False when another one is alive and keeps it.

        A predecessor that does not answer a ping is ended at once. However many claim
        the same serial together, one of them has it in the end.
        """
        key = sn.casefold()
        while True:
            holder = self._live.get(key)
            if holder is None or holder is session:
                self._live[key] = session
                return True
            alive = await holder.prove_alive(self._takeover_seconds)
            if self._live.get(key) is not holder:
                continue
            if alive:
                return False
            log.info("an earlier connection is dead: replaced", extra={"serial": sn})
            self._live[key] = session
            holder.end(1001, "replaced by a newer connection")
            return True

    def ready(self, session: RosterSession) -> None:
        """A session's `reg` was accepted and answered: it takes commands."""
        if self.watcher is not None:
            self.watcher.session_ready(session)

    def leave(self, sn: str, session: RosterSession) -> None:
        """Forget a session that ended, unless a newer one has its place."""
        if self.watcher is not None:
            self.watcher.session_gone(session)
        key = sn.casefold()
        if self._live.get(key) is session:
            del self._live[key]

    def find(self, sn: str) -> RosterSession | None:
        """The live session of a serial."""
        return self._live.get(sn.casefold())

    def refresh(self, terminal: Terminal) -> None:
        """Let a live session know that its terminal was changed by an operator."""
        session = self.find(terminal.sn)
        if session is None:
            return
        session.terminal = terminal
        if terminal.deleted_at is not None:
            session.end(1008, "deleted by the operator")
        elif terminal.admission == "blocked":
            session.end(1008, "blocked by the operator")

    def find_view(self, terminal_id: int) -> SessionView | None:
        """What to show of one terminal's session; None when it has none."""
        for session in self:
            if session.terminal is not None and session.terminal.id == terminal_id:
                return session.view()
        return None

    def views(self) -> dict[int, SessionView]:
        """What to show of every session, by terminal id."""
        views = (session.view() for session in self)
        return {view.terminal_id: view for view in views if view is not None}
