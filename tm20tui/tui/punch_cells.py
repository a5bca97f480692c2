"""A punch as one row of a list."""

from __future__ import annotations

from datetime import datetime, tzinfo

from tm20tui.model import DOOR_ENROLLID, STRANGER_ENROLLID, AttendanceLog
from tm20tui.protocol.values import MODES, QR_CODE
from tm20tui.tui import formats
from tm20tui.tui.grid import Cell
from tm20tui.tui.language import N_, _
from tm20tui.tui.safe import safe
from tm20tui.tui.states import FAILED, HELD, PENDING, SENT, State

_IDENTIFIED = {
    "fingerprint": N_("fingerprint"),
    "password": N_("password"),
    "card": N_("card"),
    "face": N_("face"),
}


def punch_cells(log: AttendanceLog, terminal_name: str, zone: tzinfo, now: datetime) -> dict[str, Cell]:
    """Time, terminal, name, direction, how identified, what became of it."""
    state = sync_state(log)
    is_trusted = log.time_problem is None
    at = formats.moment(log.time_utc, zone, now) if log.time_utc is not None else safe(log.time_raw, 19)
    return {
        "time": at if is_trusted else (at, "warn"),
        "terminal": safe(terminal_name or log.terminal_sn, 60),
        "name": who(log),
        "direction": direction_of(log),
        "mode": identified_by(log),
        "delivery": (state.text(), state.tone),
    }


def sync_state(log: AttendanceLog) -> State:
    """The state of a punch over all services."""
    if log.sync_status == "pending" and log.sync_error.startswith("held:"):
        return HELD
    return {"sent": SENT, "failed": FAILED}.get(log.sync_status, PENDING)


def who(log: AttendanceLog) -> str:
    """The name, else the number."""
    if log.user_name:
        return safe(log.user_name)
    if log.enrollid == STRANGER_ENROLLID:
        return _("stranger")
    if log.enrollid == DOOR_ENROLLID:
        return _("door")
    return _("ID {number} (unknown)").format(number=safe(log.enrollid, 30))


def direction_of(log: AttendanceLog) -> Cell:
    """In, out, or that it was refused."""
    if not log.access_granted:
        return (_("refused"), "bad")
    return {"in": _("in"), "out": _("out")}.get(log.direction or "", "")


def identified_by(log: AttendanceLog) -> str:
    """How the person identified, as far as the number means something."""
    if log.verifymode == QR_CODE:
        return _("QR code")
    word = MODES.get(log.mode, "")
    return _(_IDENTIFIED[word]) if word in _IDENTIFIED else _("mode {number}").format(number=log.mode)
