"""Leavers are disabled on every terminal that knows them; what each terminal said is the receipt.

The command waits in the queue for a terminal that is away. One that came to nothing is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import trio

from tm20tui.errors import StoreUnavailable
from tm20tui.events import Signal
from tm20tui.model import utc_now
from tm20tui.protocol import EnableUser, GetUserName
from tm20tui.store.commands import CommandRecord, CommandStatus
from tm20tui.store.engine import Database
from tm20tui.store.enrollments import EnrollmentResult, ReportedState
from tm20tui.store.receipts import Receipt, list_receipts, note_asked, settle_receipt
from tm20tui.terminals.commands import CommandDesk

ROUND_SECONDS: Final = 600.0
_PAUSE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 30.0
_EXPIRES_SECONDS: Final = 30 * 86400.0
_RESULTS: Final[dict[str, EnrollmentResult]] = {"confirmed": "confirmed", "refused": "refused"}


class Leavers:
    """Asks terminals to disable who left. `busy` tells which terminals somebody else is sending users to."""

    def __init__(self, database: Database, desk: CommandDesk, busy: Callable[[], Collection[int]]) -> None:
        self._database = database
        self._desk = desk
        self._busy = busy
        self._news = Signal()
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
        if record.name == "enableuser":
            self._news.set()

    async def _round(self) -> None:
        busy = frozenset(self._busy())
        for receipt in await self._database.read(list_receipts):
            if receipt.terminal_id in busy or receipt.status in ("queued", "sent"):
                continue
            if receipt.status is not None and receipt.result == "pending":
                await self._settle(receipt, receipt.status)
            else:
                await self._ask(receipt)

    async def _settle(self, receipt: Receipt, status: CommandStatus) -> None:
        result = _RESULTS.get(status, "not verified")
        reason = receipt.command_reason or ("" if result == "confirmed" else status)
        state: ReportedState | None = receipt.desired_state if result == "confirmed" else None
        if result == "refused" and receipt.desired_state == "disabled" and await self._is_absent(receipt):
            result, reason, state = "confirmed", "is not on the terminal", "absent"
        await self._database.write(settle_receipt, receipt, result, reason, state, utc_now())

    async def _is_absent(self, receipt: Receipt) -> bool:
        """Whether the terminal says that it has no such user: then nobody need be disabled."""
        record, _ = await self._desk.ask_and_wait(
            receipt.terminal_id,
            GetUserName(receipt.enrollid),
            operator="server",
            seconds=_LOOK_SECONDS,
            expires_seconds=_LOOK_SECONDS,
        )
        return record.status == "refused" and "does not know" not in record.reason

    async def _ask(self, receipt: Receipt) -> None:
        command = EnableUser(receipt.enrollid, enflag=receipt.desired_state == "present")
        record = await self._desk.ask(
            receipt.terminal_id, command, operator="server", expires_seconds=_EXPIRES_SECONDS
        )
        await self._database.write(note_asked, receipt, record.id)
        if record.is_settled:
            self._news.set()
