"""The desk's book: every step of a command is written here before anybody acts on it or hears of it."""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import trio

from tm20tui.errors import Conflict, SecretUnreadable, StoreUnavailable
from tm20tui.model import Terminal
from tm20tui.protocol import COMMANDS, Command, Result, SetTime
from tm20tui.store import commands as store
from tm20tui.store.commands import CommandRecord
from tm20tui.store.engine import Database
from tm20tui.store.terminals import get_terminal, update_terminal
from tm20tui.store.vault import Vault
from tm20tui.terminals.command_results import Answer, Verdict, does_not_know
from tm20tui.terminals.command_states import after_crash, after_disconnection, move_command

if TYPE_CHECKING:
    from sqlalchemy import Connection

log = logging.getLogger(__name__)

SET_TIME: Final = SetTime("2000-01-01 00:00:00")
"""Set the clock: whatever time a `SetTime` holds, the terminal is sent that of the moment of sending."""

SWEEP_SECONDS = 30.0
RETRY_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class _Watch:
    """Those who wait for one command."""

    waiting: int = 0
    settled: trio.Event = field(default_factory=trio.Event)
    record: CommandRecord | None = None
    result: Result | None = None


class CommandBook:
    """The commands in the database, and who waits for which. `now` is the server's clock."""

    def __init__(self, database: Database, vault: Vault, now: Callable[[], datetime]) -> None:
        self._database = database
        self._vault = vault
        self.now = now
        self._watches: dict[int, _Watch] = {}
        self._expiries: list[datetime] = []
        self._swept_at = -math.inf
        # By terminal: what may be recorded as sent although whoever was to send it was not told.
        self._unsure: dict[int, int] = {}
        self.on_settled: list[Callable[[CommandRecord], None]] = []

    async def add(
        self,
        terminal_id: int,
        command: Command,
        *,
        operator: str,
        correlation_id: str,
        expires_seconds: float,
        priority: int,
        force: bool,
    ) -> CommandRecord:
        """Queue a command, or refuse it when the firmware is known not to have it."""
        now = self.now()
        expires_at = now + timedelta(seconds=expires_seconds)

        def add(connection: Connection) -> CommandRecord:
            firmware = get_terminal(connection, terminal_id).firmware
            known = not force and command.name in store.known_unknown(connection, terminal_id, firmware)
            return store.add_command(
                connection,
                self._vault,
                terminal_id,
                command,
                operator=operator,
                correlation_id=correlation_id,
                now=now,
                expires_at=expires_at,
                priority=priority,
                refusal=does_not_know(command.name, firmware) if known else "",
            )

        record = await self._database.write_together(add)
        if expires_seconds <= SWEEP_SECONDS and not record.is_settled:
            heapq.heappush(self._expiries, expires_at)
        self.announce(record)
        return record

    async def cancel(self, command_id: int) -> CommandRecord:
        """Take back a queued command."""
        record = await self._database.write_together(store.cancel, command_id, self.now())
        self.announce(record)
        return record

    async def recover(self) -> set[int]:
        """Settle what an earlier server left in flight; return the terminals that are owed something."""
        now = self.now()

        def recover(connection: Connection) -> tuple[list[CommandRecord], set[int]]:
            became = []
            for terminal_id in store.find_in_flight(connection):
                became += store.requeue_after_disconnect(
                    connection,
                    terminal_id,
                    now,
                    after_crash,
                    reason="the server ended before it answered",
                )
            return became, store.open_terminals(connection)

        became, owed = await self._insist(recover)
        for record in became:
            log.warning("%s was in flight when the server ended: %s", record.name, record.status)
            self.announce(record)
        return owed

    async def take(self, terminal_id: int, hold: Collection[str]) -> tuple[CommandRecord, Command] | None:
        """The next command, recorded as sent; None when there is none.

        Raises:
            StoreUnavailable: nothing may be sent.
        """
        now = self.now()
        settled: list[CommandRecord] = []
        chosen = unsure = self._unsure.pop(terminal_id, None)

        def take(connection: Connection) -> tuple[CommandRecord, Command] | None:
            nonlocal chosen
            settled.clear()
            if unsure is not None and store.get_command(connection, unsure).status == "sent":
                store.withdraw(connection, unsure)
            while record := store.claim_next(connection, terminal_id, now, hold=hold, expired=settled):
                try:
                    command = self._command_of(connection, record)
                except (SecretUnreadable, KeyError, ValueError) as error:
                    status = move_command(record.status, "cancel")
                    reason = f"cannot be sent: {error}"
                    settled.append(
                        store.settle(
                            connection, record.id, was="queued", status=status, now=now, reason=reason
                        )
                    )
                    continue
                move_command(record.status, "send")
                chosen = record.id
                return store.mark_sent(connection, record.id, now), command
            return None

        try:
            taken = await self._database.write_together(take)
        except StoreUnavailable:
            # A database that went away while it committed may have kept it.
            if chosen is not None:
                self._unsure[terminal_id] = chosen
            raise
        for record in settled:
            self.announce(record)
        return taken

    def _command_of(self, connection: Connection, record: CommandRecord) -> Command:
        if record.name == SET_TIME.name:
            return SET_TIME
        members = store.open_arguments(connection, self._vault, record)
        return COMMANDS[record.name].from_row(dict(members))

    async def withdraw(self, record: CommandRecord) -> None:
        """It did not go out after all."""
        move_command(record.status, "withdraw")
        await self._insist(store.withdraw, record.id)

    async def settle(self, record: CommandRecord, verdict: Verdict, terminal: Terminal) -> None:
        """Write the outcome, what it teaches about the firmware, and the drift it measured."""
        status, now = move_command(record.status, verdict.event), self.now()
        is_tried = False

        def settle(connection: Connection) -> CommandRecord:
            nonlocal is_tried
            if is_tried and (kept := store.get_command(connection, record.id)).settled_at == now:
                return kept
            is_tried = True
            settled = store.settle(
                connection,
                record.id,
                was=record.status,
                status=status,
                now=now,
                reason=verdict.reason,
                result=verdict.kept,
                arguments=verdict.sent,
            )
            taught = terminal.id, terminal.firmware, record.name
            if verdict.is_unknown_command:
                store.learn_unknown(connection, *taught, now)
            elif status == "confirmed":
                store.forget_unknown(connection, *taught)
            if verdict.drift_seconds is not None:
                measured = {"drift_seconds": verdict.drift_seconds, "drift_at": now}
                update_terminal(connection, terminal.id, measured)
            return settled

        try:
            self.announce(await self._insist(settle), verdict.result)
        except Conflict as error:
            log.error("an outcome came too late: %s", error, extra={"serial": terminal.sn})

    async def lose(self, terminal_id: int) -> None:
        """The connection ended with a command in flight."""
        became = await self._insist(
            store.requeue_after_disconnect, terminal_id, self.now(), after_disconnection
        )
        for record in became:
            self.announce(record)

    async def wait(self, command_id: int, seconds: float) -> Answer:
        """The command once settled, with its answer, or as it is when the time is up.

        Raises:
            NotFound: no such command.
            StoreUnavailable: the record cannot be read now.
        """
        watch = self._watches.setdefault(command_id, _Watch())
        watch.waiting += 1
        try:
            with trio.move_on_after(seconds):
                record = await self._database.read(store.get_command, command_id)
                if record.is_settled:
                    return Answer(record, watch.result)
                await watch.settled.wait()
            if watch.record is not None:
                return Answer(watch.record, watch.result)
            return Answer(await self._database.read(store.get_command, command_id), None)
        finally:
            watch.waiting -= 1
            if not watch.waiting and self._watches.get(command_id) is watch:
                del self._watches[command_id]

    @property
    def seconds_to_sweep(self) -> float:
        """How long until something may be overdue."""
        seconds = self._swept_at + SWEEP_SECONDS - trio.current_time()
        if self._expiries:
            seconds = min(seconds, (self._expiries[0] - self.now()).total_seconds())
        return max(0.0, seconds)

    async def sweep(self) -> None:
        """Expire what is overdue on every terminal, connected or not."""
        now = self.now()
        self._swept_at = trio.current_time()
        while self._expiries and self._expiries[0] <= now:
            heapq.heappop(self._expiries)
        try:
            settled = await self._database.write_together(store.expire_overdue, now)
        except StoreUnavailable as error:
            log.warning("commands could not be expired: %s", error)
            self._swept_at += RETRY_SECONDS - SWEEP_SECONDS
            return
        for record in settled:
            self.announce(record)

    def announce(self, record: CommandRecord, result: Result | None = None) -> None:
        """Tell who waits for a command, and who hears of all, that it is settled; nothing if it is not."""
        if not record.is_settled:
            return
        watch = self._watches.pop(record.id, None)
        if watch is not None:
            watch.record, watch.result = record, result
            watch.settled.set()
        for hear in self.on_settled:
            hear(record)

    async def _insist(
        self, act: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Until the store takes it: what happened at the terminal cannot be undone."""
        while True:
            try:
                return await self._database.write_together(act, *args, **kwargs)
            except StoreUnavailable as error:
                log.error("a command's outcome cannot be written yet: %s", error)
                await trio.sleep(RETRY_SECONDS)
