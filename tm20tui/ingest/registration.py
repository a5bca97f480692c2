"""Who a terminal is: admission and what its `reg` says, stored."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import Receipt, RegFrame
from tm20tui.ingest.times import parse_wall_clock
from tm20tui.model import Admission, Terminal
from tm20tui.protocol import DevInfo
from tm20tui.store import terminals
from tm20tui.store.terminal_removal import return_terminal
from tm20tui.store.text import storable

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A terminal switched on with an empty battery is years off: still a drift, and still a number.
_LARGEST_DRIFT_SECONDS = 1e10


def register(connection: Connection, frame: RegFrame, config: IngestConfig, site_id: int) -> Receipt:
    """Note a `reg`; the receipt carries the terminal, or the reason why it stays unknown."""
    sn = frame.push.sn
    terminal = terminals.find_terminal(connection, sn)
    if terminal is None or terminal.deleted_at is not None:
        if config.admission == "closed":
            return Receipt(refusal="unknown terminal")
        admission: Admission = "approved" if config.admission == "open" else "pending"
        if admission == "pending" and terminals.count_pending(connection) >= config.pending_terminals_limit:
            return Receipt(refusal="too many terminals wait for approval")
        if terminal is None:
            terminal = terminals.add_terminal(
                connection,
                sn,
                site_id=site_id,
                admission=admission,
                direction_policy=config.direction_policy,
                now=frame.received_at,
            )
        else:
            terminal = return_terminal(connection, terminal.id, admission, frame.received_at)
    changes: dict[str, Any] = {"last_seen_at": frame.received_at, "last_address": frame.address[:64]}
    changes.update(_reported(frame.push.devinfo, terminal, frame.received_at))
    terminal = terminals.update_terminal(connection, terminal.id, changes)
    return Receipt(terminal=terminal, refusal=_refusal(terminal, config))


def _refusal(terminal: Terminal, config: IngestConfig) -> str:
    if terminal.admission == "blocked" or terminal.sn.casefold() in config.blocked_serials:
        return "blocked by the operator"
    return "waiting for approval" if terminal.admission == "pending" else ""


def _reported(devinfo: DevInfo, terminal: Terminal, received_at: datetime) -> dict[str, Any]:
    told = {
        "model": (devinfo.modelname, 64),
        "firmware": (devinfo.firmware, 64),
        "fpalgo": (devinfo.fpalgo, 32),
        "mac": (devinfo.mac, 32),
    }
    changes: dict[str, Any] = {name: storable(text)[:size] for name, (text, size) in told.items() if text}
    if devinfo.capacities:
        changes["capacity"] = dict(devinfo.capacities)
    drift = measure_drift(devinfo.time, terminal.timezone, received_at)
    if drift is not None:
        changes["drift_seconds"], changes["drift_at"] = drift, received_at
    return changes


def measure_drift(time_raw: str | None, timezone: str, now: datetime) -> float | None:
    """Terminal clock minus server clock in seconds, None when the terminal's text is no time.

    A time of the hour that a clock change repeats is taken for the one that is nearer.
    """
    local = None if time_raw is None else parse_wall_clock(time_raw)
    if local is None:
        return None
    meant = (local.replace(tzinfo=ZoneInfo(timezone), fold=fold) for fold in (0, 1))
    try:
        drift = min(((instant - now).total_seconds() for instant in meant), key=abs)
    except OverflowError:
        return None
    return drift if abs(drift) < _LARGEST_DRIFT_SECONDS else None
