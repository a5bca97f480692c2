"""One terminal asked many things in a row, each through the command queue.

A terminal that goes away is waited for: the queue sends again what was in flight. What a
terminal keeps silent about is not asked for ever.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from tm20tui.errors import Unavailable
from tm20tui.protocol import Command, Result
from tm20tui.store.commands import CommandStatus
from tm20tui.store.loads import LOAD_PRIORITY
from tm20tui.terminals.commands import EXPIRES_SECONDS, CommandDesk

_TRIES: Final = 2
_SILENCES: Final = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What a terminal said to one command. `sends` is how often it was sent, 0 when not at all."""

    status: CommandStatus
    reason: str
    result: Result | None
    sends: int

    @property
    def is_confirmed(self) -> bool:
        """Whether it did it."""
        return self.status == "confirmed"

    @property
    def is_refused(self) -> bool:
        """Whether it said no; silence is not that."""
        return self.status == "refused"


class Asker:
    """Asks one terminal on behalf of one operator. Not for two tasks at once."""

    def __init__(
        self,
        desk: CommandDesk,
        terminal_id: int,
        operator: str,
        correlation_id: str,
        *,
        expires_seconds: float = EXPIRES_SECONDS,
    ) -> None:
        self._desk = desk
        self._expires_seconds = expires_seconds
        self._terminal_id = terminal_id
        self._operator = operator
        self._correlation_id = correlation_id
        self._silences: Counter[str] = Counter()
        self._unknown: dict[str, str] = {}

    def lacks(self, name: str) -> bool:
        """Whether the terminal does not know a command, or never answers it."""
        return name in self._unknown

    async def ask(self, command: Command) -> Told:
        """The outcome, however long the terminal is away.

        Raises:
            Unavailable: it was away for `expires_seconds`, a day unless told otherwise.
        """
        if command.name in self._unknown:
            return Told("refused", self._unknown[command.name], None, 0)
        for _ in range(_TRIES):
            told = await self._ask_once(command)
            if told.status not in ("timed out", "unknown"):
                break
        if told.is_confirmed:
            self._silences[command.name] = -(10**9)
        elif told.status == "timed out":
            self._silences[command.name] += 1
            if self._silences[command.name] >= _SILENCES:
                self._unknown[command.name] = f"does not answer {command.name}"
        elif told.is_refused and "does not know" in told.reason:
            self._unknown[command.name] = told.reason
        return told

    async def _ask_once(self, command: Command) -> Told:
        record, result = await self._desk.ask_and_wait(
            self._terminal_id,
            command,
            operator=self._operator,
            correlation_id=self._correlation_id,
            seconds=self._expires_seconds + 60,
            expires_seconds=self._expires_seconds,
            priority=LOAD_PRIORITY,
        )
        if record.status == "expired" or not record.is_settled or "too late to be asked" in record.reason:
            long = "a day" if self._expires_seconds >= EXPIRES_SECONDS else "a while"
            raise Unavailable(f"the terminal was away for {long}: what is left stays pending")
        return Told(record.status, record.reason, result, record.attempts)
