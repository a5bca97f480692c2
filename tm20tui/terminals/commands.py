"""The desk where commands are asked of terminals, and the one dispatcher that carries them out.

A command is written down before it is sent, one is in flight per terminal, and its outcome
is the terminal's own reply or the honest lack of one. Tasks exist only for terminals that
are connected and owed something.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.events import Signal
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import Command, Result
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault
from tm20tui.terminals.command_book import RETRY_SECONDS, CommandBook
from tm20tui.terminals.command_book import SET_TIME as SET_TIME
from tm20tui.terminals.command_exchange import REBOOT_SECONDS, CommandSession, exchange
from tm20tui.terminals.command_results import Answer, Verdict

log = logging.getLogger(__name__)

DOOR_EXPIRES_SECONDS: Final = 15.0
"""A door must not open by surprise later."""
EXPIRES_SECONDS: Final = 24 * 3600.0
_DOOR: Final = frozenset({"opendoor", "lockctrl"})
_PRIORITIES: Final = {"opendoor": -20, "lockctrl": -20, "settime": -10}

OnResult = Callable[[Terminal, Command, Result], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeskStatistics:
    """The desk at one moment.

    `owed`: terminals with something queued, connected or not. `at_work`: those being
    asked. `strays`: replies since the start that answered nothing in flight.
    """

    connected: int
    owed: int
    at_work: int
    strays: int


class CommandDesk:
    """Takes commands for terminals. Start `run` once; everything else may be called while it runs."""

    def __init__(self, database: Database, vault: Vault, *, now: Callable[[], datetime] = utc_now) -> None:
        self._book = CommandBook(database, vault, now)
        self.on_settled = self._book.on_settled
        """Called with each command that reached its outcome, however; must not raise."""
        self._now = now
        self._sessions: dict[int, CommandSession] = {}
        self._owed: set[int] = set()
        self._at_work: set[int] = set()
        self._stirred: set[int] = set()
        self._returns: dict[int, trio.Event] = {}
        self._news = Signal()
        self._stopping = False
        self._strays = 0
        self.recovered = trio.Event()
        """Set once what an earlier server left in flight is settled or queued again."""
        self.on_result: list[OnResult] = []
        """Called with each confirmed result before it is settled, credentials included.

        `StoreUnavailable` has it called again; any other error is logged and changes nothing.
        """

    async def ask(
        self,
        terminal_id: int,
        command: Command,
        *,
        operator: str,
        correlation_id: str = "",
        expires_seconds: float | None = None,
        priority: int | None = None,
        force: bool = False,
    ) -> CommandRecord:
        """Queue a command; it is on disk when this returns.

        Refused at once when the terminal said before that it has no such command, unless
        `force`. Of `priority` the smallest goes first. Doors expire within 15 s, others in a day.

        Raises:
            NotFound: no such terminal.
            StoreUnavailable: nothing was queued.
        """
        usual = DOOR_EXPIRES_SECONDS if command.name in _DOOR else EXPIRES_SECONDS
        record = await self._book.add(
            terminal_id,
            command,
            operator=operator,
            correlation_id=correlation_id,
            expires_seconds=usual if expires_seconds is None else expires_seconds,
            priority=_PRIORITIES.get(command.name, 0) if priority is None else priority,
            force=force,
        )
        if not record.is_settled:
            self._owed.add(terminal_id)
            session = self._sessions.get(terminal_id)
            if session is not None:
                session.slot.nudge()
            self._stir(terminal_id)
        return record

    async def wait(self, command_id: int, seconds: float) -> CommandRecord:
        """The command once it is settled, or as it is when the time is up.

        Raises:
            NotFound: no such command.
            StoreUnavailable: the record cannot be read now.
        """
        return (await self._book.wait(command_id, seconds)).record

    async def ask_and_wait(
        self,
        terminal_id: int,
        command: Command,
        *,
        operator: str,
        seconds: float,
        correlation_id: str = "",
        expires_seconds: float | None = None,
        priority: int | None = None,
        force: bool = False,
    ) -> Answer:
        """`ask`, then `wait`; credentials and pages of punches are in the typed answer alone."""
        record = await self.ask(
            terminal_id,
            command,
            operator=operator,
            correlation_id=correlation_id,
            expires_seconds=expires_seconds,
            priority=priority,
            force=force,
        )
        return await self._book.wait(record.id, seconds)

    async def cancel(self, command_id: int) -> CommandRecord:
        """Take back a command; `Conflict` unless it is queued."""
        return await self._book.cancel(command_id)

    def announce(self, records: Iterable[CommandRecord]) -> None:
        """Let those who wait for commands know that they were settled elsewhere."""
        for record in records:
            self._book.announce(record)

    def statistics(self) -> DeskStatistics:
        """The desk now."""
        strays = self._strays + sum(session.slot.strays for session in self._sessions.values())
        return DeskStatistics(len(self._sessions), len(self._owed), len(self._at_work), strays)

    # What sessions say.

    def session_ready(self, session: CommandSession) -> None:
        """A connection's first `reg` was accepted and answered."""
        assert session.terminal is not None
        terminal_id = session.terminal.id
        before = self._sessions.get(terminal_id)
        if before is not None and before is not session:
            self.session_gone(before)
        self._sessions[terminal_id] = session
        if terminal_id in self._returns:
            self._returns[terminal_id].set()
        self._stir(terminal_id)

    def session_gone(self, session: CommandSession) -> None:
        """A connection is over; a newer one of the terminal keeps its place."""
        session.slot.close()
        terminal = session.terminal
        if terminal is not None and self._sessions.get(terminal.id) is session:
            del self._sessions[terminal.id]
            self._strays += session.slot.strays

    # The dispatcher.

    async def run(self) -> None:
        """Carry out what is owed until `stop`; then return once nothing is in flight."""
        self._owed |= await self._book.recover()
        self.recovered.set()
        self._stirred.update(self._sessions)
        async with trio.open_nursery() as nursery:
            while not self._stopping:
                stirred, self._stirred = self._stirred, set()
                for terminal_id in (stirred & self._owed) - self._at_work:
                    session = self._sessions.get(terminal_id)
                    if session is not None and not session.slot.is_closed:
                        self._at_work.add(terminal_id)
                        nursery.start_soon(self._serve, terminal_id, session)
                if self._book.seconds_to_sweep <= 0:
                    await self._book.sweep()
                with trio.move_on_after(self._book.seconds_to_sweep):
                    await self._news.wait()

    def stop(self) -> None:
        """Send nothing more. What is in flight is settled by its reply, or by the end of its session."""
        self._stopping = True
        for returned in self._returns.values():
            returned.set()
        self._news.set()

    def _stir(self, terminal_id: int) -> None:
        self._stirred.add(terminal_id)
        self._news.set()

    async def _serve(self, terminal_id: int, session: CommandSession) -> None:
        """Ask one terminal all it is owed, one after the other, while it is connected."""
        slot = session.slot
        try:
            while True:
                await slot.quiet()
                if slot.is_closed or self._stopping:
                    break
                hold = slot.late_names
                # Before looking, so that what is queued meanwhile is not forgotten.
                self._owed.discard(terminal_id)
                try:
                    taken = await self._book.take(terminal_id, hold)
                except StoreUnavailable as error:
                    self._owed.add(terminal_id)
                    log.warning("no command can be sent: %s", error)
                    await trio.sleep(RETRY_SECONDS)
                    continue
                if taken is not None:
                    self._owed.add(terminal_id)
                    await self._carry_out(session, *taken)
                elif hold:
                    self._owed.add(terminal_id)
                    await slot.no_longer_late()
                else:
                    break
        except Exception:
            log.exception("asking a terminal failed", extra={"terminal": terminal_id})
            self._owed.add(terminal_id)
            await trio.sleep(RETRY_SECONDS)
        finally:
            self._at_work.discard(terminal_id)
            self._stir(terminal_id)

    async def _carry_out(self, session: CommandSession, record: CommandRecord, command: Command) -> None:
        terminal = session.terminal
        assert terminal is not None
        try:
            verdict = await self._converse(session, terminal, record, command)
            if verdict is None:
                return
            if verdict.event == "confirm" and not await self._tell(terminal, command, verdict.result):
                # Left in flight: the next server knows what that means.
                return
        except Exception:
            log.exception("%s failed in the server", record.name, extra={"serial": terminal.sn})
            verdict = Verdict("lose", "the server failed: see its log")
        await self._book.settle(record, verdict, terminal)
        log.info("%s by %s: %s", record.name, record.operator, verdict.event, extra={"serial": terminal.sn})

    async def _converse(
        self, session: CommandSession, terminal: Terminal, record: CommandRecord, command: Command
    ) -> Verdict | None:
        """The verdict; None when there is none, and the row says what is left to do."""
        returned = trio.Event()
        if not command.replies:
            self._returns[terminal.id] = returned
        try:
            outcome = await exchange(session, terminal, record, command, self._now)
            if isinstance(outcome, Verdict):
                return outcome
            if outcome == "not sent":
                await self._book.withdraw(record)
                return None
            if command.replies:
                await self._book.lose(terminal.id)
                return None
            with trio.move_on_after(REBOOT_SECONDS):
                await returned.wait()
            if self._stopping:
                # Left in flight: the next server knows what that means.
                return None
            if returned.is_set():
                return Verdict("confirm")
            return Verdict("lose", f"not back within {REBOOT_SECONDS:.0f} s")
        finally:
            self._returns.pop(terminal.id, None)

    async def _tell(self, terminal: Terminal, command: Command, result: Result | None) -> bool:
        """Have everybody keep a result, if there is one; False when the server stops before they could."""
        if result is None:
            return True
        for hear in self.on_result:
            while True:
                try:
                    await hear(terminal, command, result)
                except StoreUnavailable as error:
                    log.warning("a result cannot be kept yet: %s", error, extra={"serial": terminal.sn})
                    if self._stopping:
                        return False
                    await trio.sleep(RETRY_SECONDS)
                    continue
                except Exception:
                    log.exception("the result of %s was not kept", command.name)
                break
        return True
