"""What one session and the desk share: when the terminal may be asked, and the one command it was asked.

The session says what happens and never waits; the desk's task waits and says what it sends.
"""

from __future__ import annotations

import math

import trio

from tm20tui.protocol import Command, Reply
from tm20tui.terminals.command_results import is_answer

WITHHELD_SECONDS = 45.0
"""How long a push that could not be acknowledged holds commands back: it is sent again within 20 s."""
LATE_SECONDS = 5.0
"""How long after a time-out no command of that name is sent: a late answer would be taken for its own."""


class CommandSlot:
    """The place of one command in flight. One task at a time may wait on it."""

    __slots__ = (
        "_changed",
        "_command",
        "_late",
        "_reply",
        "_sn",
        "_withheld_until",
        "busy",
        "is_closed",
        "is_open",
        "strays",
    )

    def __init__(self) -> None:
        self.busy = False
        """A push is being handled: its acknowledgement goes first."""
        self.is_open = False
        """The terminal's `reg` was accepted."""
        self.is_closed = False
        """The connection is over, for good."""
        self.strays = 0
        """Replies that answered nothing: late, foreign or unasked."""
        self._command: Command | None = None
        self._sn = ""
        self._reply: Reply | None = None
        self._changed: trio.Event | None = None
        self._withheld_until = -math.inf
        self._late: dict[str, float] = {}

    # What the session says.

    def registered(self, accepted: bool) -> None:
        """A `reg` was answered."""
        self.is_open = accepted
        self._notify()

    def rest(self) -> None:
        """The push is handled."""
        self.busy = False
        self._notify()

    def withhold(self) -> None:
        """A push was left unanswered: the terminal waits, and will send it again."""
        self._withheld_until = trio.current_time() + WITHHELD_SECONDS

    def acknowledged(self) -> None:
        """A push of records or users was answered."""
        self._withheld_until = -math.inf

    def deliver(self, reply: Reply) -> bool:
        """Take a reply; False when nothing in flight is answered by it."""
        command = self._command
        if command is not None and self._reply is None and is_answer(command, self._sn, reply):
            self._reply = reply
            self._notify()
            return True
        self.strays += 1
        self._late.pop(reply.ret, None)
        self._notify()
        return False

    def close(self) -> None:
        """The connection is over."""
        self.busy = self.is_open = False
        self.is_closed = True
        self._notify()

    # What the desk asks.

    @property
    def is_quiet(self) -> bool:
        """Whether the terminal may be asked something now."""
        return self.is_open and not self.busy and trio.current_time() >= self._withheld_until

    @property
    def late_names(self) -> frozenset[str]:
        """Commands whose last one timed out so lately that its answer may still come."""
        now = trio.current_time()
        self._late = {name: until for name, until in self._late.items() if until > now}
        return frozenset(self._late)

    async def quiet(self) -> None:
        """Return once the terminal may be asked, or the slot is closed."""
        while not self.is_quiet and not self.is_closed:
            waits = not self.busy and self.is_open
            await self._change(self._withheld_until if waits else math.inf)

    async def no_longer_late(self) -> None:
        """Return once one of `late_names` fewer is waited for, or something else happened."""
        await self._change(min(self._late.values(), default=-math.inf))

    def nudge(self) -> None:
        """There is something new to ask."""
        self._notify()

    def expect(self, command: Command, sn: str) -> None:
        """`command` goes on the wire now."""
        self._command, self._sn, self._reply = command, sn, None

    async def reply(self, seconds: float) -> Reply | None:
        """The answer; None when the time is up or the slot is closed."""
        deadline = trio.current_time() + seconds
        while self._reply is None and not self.is_closed and trio.current_time() < deadline:
            await self._change(deadline)
        return self._reply

    def clear(self, *, timed_out: bool = False) -> None:
        """Nothing is in flight any more."""
        if timed_out and self._command is not None:
            self._late[self._command.name] = trio.current_time() + LATE_SECONDS
        self._command = self._reply = None

    async def _change(self, until: float) -> None:
        self._changed = trio.Event()
        with trio.move_on_at(until):
            await self._changed.wait()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
