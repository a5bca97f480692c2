"""What happens on the server, told to whoever follows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from tm20tui.events import EVENT_KINDS

if TYPE_CHECKING:
    from tm20tui.events import Event
    from tm20tui.gateway import Gateway

__all__ = ["EVENT_KINDS", "follow_events"]


async def follow_events(
    gateway: Gateway, kinds: Collection[str] | None, tell: Callable[[Event], Awaitable[None]]
) -> None:
    """Tell of every event of these kinds (None: all) from now on, until cancelled.

    Who reads too slowly misses the oldest ones and is told how many.
    """
    async with gateway.events.subscribe(kinds) as events:
        async for event in events:
            await tell(event)
