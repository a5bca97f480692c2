"""Signing secrets of services at rest, and their replacement: for a while the old one signs too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select, update

from tm20tui.errors import Conflict, SecretUnreadable
from tm20tui.store.schema import services
from tm20tui.store.vault import Vault

SIGNING_OVERLAP: Final = timedelta(hours=24)
"""How long the old signing secret signs too after another one was entered."""
_NO_OLD: Final = {"old_signing_secret_sealed": None, "old_signing_until": None}


def signing_columns(
    vault: Vault, secret: str | None, known: bytes | None, until: datetime | None
) -> dict[str, Any]:
    """Columns of a service that signs with `secret`: None leaves them, empty forgets both secrets.

    `known` is the sealed one until now, which goes on signing until `until` (None: until it
    is dropped). With None there is none to go on with.
    """
    if secret is None:
        return {}
    values: dict[str, Any] = {"signing_secret_sealed": vault.seal(secret) if secret else None, **_NO_OLD}
    if not secret or known is None:
        return values
    try:
        is_same = vault.unseal(known) == secret
    except SecretUnreadable:
        return values
    return {} if is_same else values | {"old_signing_secret_sealed": known, "old_signing_until": until}


def rotate_signing(
    conn: Connection, vault: Vault, service_id: int, secret: str, until: datetime | None, now: datetime
) -> None:
    """Sign with another secret; the one before signs too until `until`, None until it is dropped."""
    known = conn.scalar(select(services.c.signing_secret_sealed).where(services.c.id == service_id))
    values = signing_columns(vault, secret, known, until)
    conn.execute(update(services).where(services.c.id == service_id).values(values | {"updated_at": now}))


def drop_old_signing(conn: Connection, service_id: int, now: datetime) -> None:
    """Sign with the new secret alone, from now on; `Conflict` when it is alone already."""
    changed = conn.execute(
        update(services)
        .where(services.c.id == service_id, services.c.old_signing_secret_sealed.is_not(None))
        .values(**_NO_OLD, updated_at=now)
    )
    if not changed.rowcount:
        raise Conflict("no old signing secret is in use", field="service_id")


def forget_lapsed_signing(conn: Connection, now: datetime) -> int:
    """Erase old signing secrets whose time is over; return how many."""
    lapsed = update(services).where(services.c.old_signing_until <= now)
    return conn.execute(lapsed.values(**_NO_OLD)).rowcount
