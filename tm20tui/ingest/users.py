"""Users and credentials that terminals report, and who a QR code belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tm20tui.ingest.access import Access, Standing, decide_access
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import UserFrame
from tm20tui.store import users
from tm20tui.store.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CARD = 11
_LONGEST_CODE = 200


def store_user(connection: Connection, frame: UserFrame, vault: Vault) -> None:
    """Keep the user of a `senduser`, and its credential sealed."""
    push, terminal = frame.push, frame.terminal
    user_id = users.note_user(
        connection,
        site_id=terminal.site_id,
        terminal_id=terminal.id,
        enrollid=push.enrollid,
        name=push.name,
        admin=push.admin if push.admin in (0, 1, 2) else 0,
        is_enabled=push.is_enabled,
        source=f"terminal {terminal.sn}"[:64],
        now=frame.received_at,
    )
    found = {}
    if push.backupnum is not None and push.record:
        found[push.backupnum] = push.record
    if push.card and push.card.strip("0"):
        found.setdefault(_CARD, push.card)
    for backupnum, record in found.items():
        users.put_credential(
            connection,
            user_id=user_id,
            backupnum=backupnum,
            terminal_id=terminal.id,
            fpalgo=terminal.fpalgo if 0 <= backupnum <= 9 else "",
            sealed=vault.seal(record),
            lookup=vault.digest(_card_number(record)) if backupnum == _CARD else None,
            now=frame.received_at,
        )


def decide_qr_code(
    connection: Connection, site_id: int, code: str, *, config: IngestConfig, vault: Vault, now: datetime
) -> Access:
    """Whether the text of a QR code opens the door: it must name a user of the site who may pass.

    A code is a card number or an enrollment id, as `qr_codes` allows; a code that
    names nobody never opens, whatever holds for unknown users.
    """
    code = code.strip()
    if config.qr_codes == "off" or not code or len(code) > _LONGEST_CODE:
        return Access(False, "Code not accepted")
    found: users.UserStanding | None = None
    if config.qr_codes in ("card", "both"):
        found = users.find_standing_by_card(connection, site_id, vault.digest(_card_number(code)))
    if found is None and config.qr_codes in ("enrollid", "both"):
        enrollid = _card_number(code)
        found = users.list_standings(connection, site_id, [enrollid]).get(enrollid)
    if found is None:
        return Access(False, "Unknown code")
    return decide_access(Standing(*found), now, allow_unknown=False)


def _card_number(text: str) -> str:
    text = text.strip()
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text
