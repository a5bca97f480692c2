"""Users and credentials that terminals report, and who a QR code belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from tm20tui.ingest.access import Access, Standing, decide_access
from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import UserFrame
from tm20tui.model import Terminal, utc_now
from tm20tui.protocol import Command, GetUserInfo, Result, UserInfo
from tm20tui.store import users
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CARD = 11
_LONGEST_CODE = 200


def store_user(connection: Connection, frame: UserFrame, vault: Vault) -> None:
    """Keep the user of a `senduser`, and its credential sealed."""
    push, terminal = frame.push, frame.terminal
    admin = push.admin if push.admin in (0, 1, 2) else 0
    user_id = _note(connection, terminal, push.enrollid, push.name, admin, push.is_enabled, frame.received_at)
    found = _credentials(push.backupnum, push.record, push.card)
    _keep(connection, vault, terminal, user_id, found, frame.received_at, replaces_all=True)


async def keep_user(
    database: Database, vault: Vault, terminal: Terminal, command: Command, result: Result
) -> None:
    """Keep what a `getuserinfo` told of a user, its credential sealed. For `CommandDesk.on_result`.

    A credential that another terminal told of stays: what terminals are sent they may keep
    changed, as they do with photos.

    Raises:
        StoreUnavailable: not kept; call again.
    """
    if not isinstance(command, GetUserInfo) or not isinstance(result, UserInfo):
        return
    slot = command.backupnum if result.backupnum is None else result.backupnum
    found = _credentials(slot, result.record, result.card)
    if not found:
        return

    def keep(connection: Connection) -> None:
        now = utc_now()
        admin = result.admin if result.admin in (0, 1, 2) else 0
        user_id = _note(connection, terminal, command.enrollid, result.name, admin, result.is_enabled, now)
        _keep(connection, vault, terminal, user_id, found, now, replaces_all=False)

    await database.write_together(keep)


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


def _note(
    connection: Connection,
    terminal: Terminal,
    enrollid: str,
    name: str,
    admin: int,
    is_enabled: bool | None,
    now: datetime,
) -> int:
    return users.note_user(
        connection,
        site_id=terminal.site_id,
        terminal_id=terminal.id,
        enrollid=enrollid,
        name=name,
        admin=admin,
        is_enabled=is_enabled,
        source=f"terminal {terminal.sn}"[:64],
        now=now,
    )


def _credentials(backupnum: int | None, record: str | None, card: str | None) -> dict[int, str]:
    """What was told, by slot."""
    found = {}
    if backupnum is not None and record:
        found[backupnum] = record
    if card and card.strip("0"):
        found.setdefault(_CARD, card)
    return found


def _keep(
    connection: Connection,
    vault: Vault,
    terminal: Terminal,
    user_id: int,
    found: Mapping[int, str],
    now: datetime,
    *,
    replaces_all: bool,
) -> None:
    for backupnum, record in found.items():
        users.put_credential(
            connection,
            user_id=user_id,
            backupnum=backupnum,
            terminal_id=terminal.id,
            fpalgo=terminal.fpalgo if 0 <= backupnum <= 9 else "",
            sealed=vault.seal(record),
            lookup=vault.digest(_card_number(record)) if backupnum == _CARD else None,
            now=now,
            replaces_all=replaces_all,
        )
