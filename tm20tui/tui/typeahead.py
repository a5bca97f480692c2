"""Keys typed ahead wait until the one before has been worked through.

Textual forwards a key to what has the focus when it comes, and finds only later, on its way
back up, that the key moves the focus: what somebody types on quickly would go to the field
that was left. What a key opens takes keys once it is there and, where it says so by
`takes(message)`, once it knows what to do with them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message

LOOK_SECONDS = 0.002
QUIET_LOOKS = 2
"""A handler that is running has left no message behind it yet: one look is not enough."""
PATIENCE_SECONDS = 1.0
"""A key whose work takes longer, such as asking something, holds up the next one no more."""


class TypeAhead:
    """Passes input on to `post`, one key at a time. To be used in the application's loop."""

    def __init__(self, app: App[Any], post: Callable[[Message], object]) -> None:
        self._app = app
        self._post = post
        self._waiting: deque[Message] = deque()
        self._looking: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._quiet = 0

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    def put(self, message: Message) -> None:
        """Pass a message on, now or in its turn."""
        if self._looking is None:
            self._take(message)
        else:
            self._waiting.append(message)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _take(self, message: Message) -> None:
        self._post(message)
        if isinstance(message, events.Key | events.Paste):
            self._since, self._quiet = asyncio.get_running_loop().time(), 0
            self._look_later()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        self._quiet = self._quiet + 1 if self._is_quiet() else 0
        late = asyncio.get_running_loop().time() - self._since > PATIENCE_SECONDS
        if self._quiet < QUIET_LOOKS and not late:
            self._look_later()
            return
        with self._app._context():
            while self._waiting and self._looking is None:
                self._take(self._waiting.popleft())

    def _is_quiet(self) -> bool:
        app = self._app
        if app.message_queue_size or not app.screen_stack:
            return not app.screen_stack
        screen = app.screen
        if not screen.is_mounted:
            return False
        takes = getattr(screen, "takes", None)
        if self._waiting and takes is not None and not takes(self._waiting[0]):
            return False
        nodes = (app.focused or app.screen).ancestors_with_self
        return all(not node.message_queue_size for node in nodes)
