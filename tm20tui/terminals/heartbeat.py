"""Keeps the roster true: pings the silent, ends the dead, notes when each was heard.

A terminal that has answered a ping before must answer again. One that never has may be
firmware without pongs: it is shown offline while mute, and TCP itself ends it when the
network is gone.
"""

from __future__ import annotations

from collections.abc import Iterable

import trio

from tm20tui.settings import TerminalsSettings
from tm20tui.terminals.session import Session


async def watch_sessions(sessions: Iterable[Session], settings: TerminalsSettings) -> None:
    """Run until cancelled. `sessions` is iterated anew each time."""
    tick = min(1.0, settings.ping_seconds / 4, settings.offline_after_seconds / 4)
    async with trio.open_nursery() as nursery:
        while True:
            await trio.sleep(tick)
            now = trio.current_time()
            for session in list(sessions):
                silence = now - session.heard
                if silence >= settings.offline_after_seconds and session.has_ponged:
                    session.end(1001, "no answer")
                elif (
                    silence >= settings.ping_seconds
                    and not session.pinging
                    and now - session.last_ping >= settings.ping_seconds
                ):
                    session.pinging, session.last_ping = True, now
                    nursery.start_soon(_ping, session, settings.offline_after_seconds)


async def _ping(session: Session, seconds: float) -> None:
    try:
        await session.prove_alive(seconds)
    finally:
        session.pinging = False
