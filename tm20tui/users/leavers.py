"""Leavers are disabled on, or removed from, every terminal that knows them; what it said is the receipt.

The command waits in the queue for a terminal that is away. One that came to nothing is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from itertools import groupby
from typing import Final

import trio

from tm20tui.alarms import Alarms
from tm20tui.errors import NotFound, StoreUnavailable
from tm20tui.events import Signal
from tm20tui.model import utc_now
from tm20tui.protocol import Command, DeleteUser, EnableUser, GetUserInfo, GetUserName
from tm20tui.protocol.values import ALL_FINGERPRINTS, WHOLE_USER
from tm20tui.store.commands import CommandRecord, CommandStatus
from tm20tui.store.engine import Database
from tm20tui.store.enrollments import EnrollmentResult, ReportedState
from tm20tui.store.receipts import Waiting, count_refused, list_waiting, note_asked, settle_waiting
from tm20tui.terminals.commands import CommandDesk

ROUND_SECONDS: Final = 600.0
_PAUSE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 30.0
_EXPIRES_SECONDS: Final = 30 * 86400.0
_RESULTS: Final[dict[str, EnrollmentResult]] = {"confirmed": "confirmed", "refused": "refused"}


class Leavers:
    """Asks terminals to let go who left. `busy` tells which terminals somebody else is sending users to."""

    def __init__(
        self, database: Database, desk: CommandDesk, alarms: Alarms, busy: Callable[[], Collection[int]]
    ) -> None:
        self._database = database
        self._desk = desk
        self._alarms = alarms
        self._busy = busy
        self._news = Signal()
        self._alarmed: set[int] = set()
        desk.on_settled.append(self._settled)

    def look(self) -> None:
        """There may be something to ask."""
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._round()
            except StoreUnavailable:
                pass
            await trio.sleep(_PAUSE_SECONDS)
            with trio.move_on_after(ROUND_SECONDS):
                await self._news.wait()

    def _settled(self, record: CommandRecord) -> None:
        if record.name in ("enableuser", "deleteuser"):
            self._news.set()

    async def _round(self) -> None:
        busy, lately = frozenset(self._busy()), utc_now() - timedelta(seconds=ROUND_SECONDS)
        due = [
            one
            for one in await self._database.read(list_waiting)
            if one.terminal_id not in busy
            and one.status not in ("queued", "sent")
            # What came to nothing just now would come to nothing again.
            and (one.result != "not verified" or one.result_at is None or one.result_at < lately)
        ]
        async with trio.open_nursery() as nursery:
            for _, waiting in groupby(due, key=lambda one: one.terminal_id):
                nursery.start_soon(self._see_to, list(waiting))
        self._alarm(await self._database.read(count_refused))

    async def _see_to(self, terminal: list[Waiting]) -> None:
        """One terminal's, one after the other: one that is slow holds up no other terminal."""
        for one in terminal:
            try:
                if one.status is not None and one.result == "pending":
                    await self._settle(one, one.status)
                else:
                    await self._ask(one)
            except (StoreUnavailable, NotFound):
                # Away, or the terminal was deleted meanwhile.
                return

    async def _settle(self, waiting: Waiting, status: CommandStatus) -> None:
        result = _RESULTS.get(status, "not verified")
        reason = waiting.command_reason or ("" if result == "confirmed" else status)
        state: ReportedState | None = waiting.desired_state if result == "confirmed" else None
        if waiting.desired_state == "absent" and result != "not verified":
            if await self._is_removed(waiting.terminal_id, waiting.enrollid):
                result, reason, state = "confirmed", "", "absent"
            else:
                result, state = "not verified" if result == "confirmed" else result, None
                reason = reason or "the terminal still shows the user"
        elif result == "refused" and waiting.desired_state == "disabled" and await self._is_absent(waiting):
            result, reason, state = "confirmed", "is not on the terminal", "absent"
        await self._database.write(settle_waiting, waiting, result, reason, state, utc_now())

    async def _is_removed(self, terminal_id: int, enrollid: str) -> bool:
        """Whether it is gone there, if need be after it was deleted as other families want to be told."""
        for backupnum in (ALL_FINGERPRINTS, None):
            looks = GetUserName(enrollid), GetUserInfo(enrollid)
            if all([_says_no(await self._ask_now(terminal_id, one)) for one in looks]):
                return True
            await self._ask_now(terminal_id, DeleteUser(enrollid, backupnum))
        return _says_no(await self._ask_now(terminal_id, GetUserName(enrollid)))

    async def _is_absent(self, waiting: Waiting) -> bool:
        """Whether the terminal says that it has no such user: then nobody need be disabled."""
        return _says_no(await self._ask_now(waiting.terminal_id, GetUserName(waiting.enrollid)))

    async def _ask_now(self, terminal_id: int, command: Command) -> CommandRecord:
        record, _ = await self._desk.ask_and_wait(
            terminal_id,
            command,
            operator="server",
            seconds=_LOOK_SECONDS,
            expires_seconds=_LOOK_SECONDS,
        )
        return record

    async def _ask(self, waiting: Waiting) -> None:
        command: Command = EnableUser(waiting.enrollid, enflag=waiting.desired_state == "present")
        if waiting.desired_state == "absent":
            command = DeleteUser(waiting.enrollid, WHOLE_USER)
        record = await self._desk.ask(
            waiting.terminal_id, command, operator="server", expires_seconds=_EXPIRES_SECONDS
        )
        await self._database.write(note_asked, waiting, record.id)
        if record.is_settled:
            self._news.set()

    def _alarm(self, refused: dict[int, int]) -> None:
        for terminal_id in self._alarmed - set(refused):
            self._alarms.clear(_key(terminal_id))
        self._alarmed = set(refused)
        for terminal_id, count in refused.items():
            users = "user" if count == 1 else "users"
            sentence = (
                f"terminal {terminal_id} refuses to let go {count} {users} who left: see users receipts"
            )
            self._alarms.set(_key(terminal_id), sentence)


def _says_no(record: CommandRecord) -> bool:
    return record.status == "refused" and "does not know" not in record.reason


def _key(terminal_id: int) -> str:
    return f"leavers:{terminal_id}"
