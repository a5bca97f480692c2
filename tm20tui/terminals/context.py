"""What all sessions share, and how it is told what became of them and of commands."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from tm20tui.alarms import Alarms
from tm20tui.events import EventBus, EventKind
from tm20tui.ingest.access import Access
from tm20tui.ingest.writer import GroupWriter
from tm20tui.meters import Meters
from tm20tui.model import Terminal
from tm20tui.protocol import DevInfo
from tm20tui.settings import TerminalsSettings
from tm20tui.store.commands import CommandRecord
from tm20tui.terminals.roster import Roster

log = logging.getLogger(__name__)

QrDecider = Callable[[Terminal, str, datetime], Awaitable[Access]]

RegListener = Callable[[Terminal, DevInfo, bool], None]
"""Hears of each `reg` that was accepted, before it is answered; True for the first of a connection."""


def _nobody(_terminal: Terminal, _devinfo: DevInfo, _first: bool) -> None:
    """Nobody listens."""


def _nothing(_terminal_id: int, _drift: float) -> None:
    """Nobody listens."""


TAKEN = "this serial number is connected already"
_TAKEOVER_ALARM_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What all sessions share."""

    settings: TerminalsSettings
    roster: Roster
    writer: GroupWriter
    alarms: Alarms
    decide_qr_code: QrDecider
    note_seen: Callable[[int, datetime], None]
    events: EventBus = field(default_factory=EventBus)
    meters: Meters = field(default_factory=Meters)
    note_reg: RegListener = _nobody
    note_drift: Callable[[int, float], None] = _nothing
    """Hears how far the time of a punch that came alone is from ours: terminal id, seconds."""

    def tell(
        self, kind: EventKind, sn: str, address: str, terminal: Terminal | None, reason: str = ""
    ) -> None:
        """Log and publish what has become of a connection; with a `reason` it was refused."""
        extra = {"serial": sn, "address": address}
        if reason:
            log.info("refused: %s", reason, extra=extra)
        else:
            log.info(kind.partition(".")[2], extra=extra)
        ident = None if terminal is None else terminal.id
        self.events.publish(kind, terminal_id=ident, sn=sn, address=address, reason=reason)

    def alarm_takeover(self, sn: str, address: str) -> None:
        """A second connection with a connected serial number was refused."""
        extra = {"serial": sn, "address": address}
        log.warning("refused a second connection with a connected serial number", extra=extra)
        self.events.publish("terminal.refused", terminal_id=None, sn=sn, address=address, reason=TAKEN)
        self.alarms.set(
            f"takeover:{sn.casefold()}",
            f"{sn}: {address} tried to connect with a serial number that is connected already",
            seconds=_TAKEOVER_ALARM_SECONDS,
        )


def tell_command(events: EventBus, meters: Meters, record: CommandRecord) -> None:
    """Publish and count a command that reached its outcome."""
    meters.note_command(record.status)
    events.publish(
        "command.settled",
        command_id=record.id,
        terminal_id=record.terminal_id,
        name=record.name,
        status=record.status,
        reason=record.reason,
        correlation=record.correlation_id,
    )
