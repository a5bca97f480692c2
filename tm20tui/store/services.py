"""Third-party HR services: their settings, sealed secrets, mappings and health.

A service without mappings serves every terminal. Deleting is soft, so that what was
sent keeps its name; what it was still owed becomes failed with the reason, and its punches
wait for another service as if it had never been.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, exc, insert, select, update

from tm20tui.errors import Conflict, InvalidInput, NotFound, SecretUnreadable
from tm20tui.model import AuthType, Service, ServiceSecrets
from tm20tui.store.deliveries import (
    begin_backfill,
    count_held,
    count_pending,
    dissolve_batches,
    fail_chunk,
    forget_failed,
)
from tm20tui.store.owed import Owed as Owed
from tm20tui.store.owed import list_owed as list_owed
from tm20tui.store.reviving import ask_to_heal
from tm20tui.store.schema import mappings, services, terminals
from tm20tui.store.signing import SIGNING_OVERLAP, signing_columns
from tm20tui.store.terminals import DELETED
from tm20tui.store.vault import Vault

DELETED_REASON = "the service was deleted"


@dataclass(frozen=True, slots=True)
class ServiceDraft:
    """A service as it shall be after a create or an update: every field, validated.

    `auth_token`, `extra_headers` and `signing_secret` are secrets: None keeps what is
    stored, empty forgets it. `terminal_ids` None means every terminal.
    """

    name: str
    base_url: str
    description: str = ""
    users_endpoint: str = ""
    attendance_endpoint: str = ""
    auth_type: AuthType = "none"
    auth_token: str | None = field(default=None, repr=False)
    auth_header_name: str = "X-API-Key"
    extra_headers: Mapping[str, str] | None = field(default=None, repr=False)
    sync_interval_minutes: int = 15
    users_interval_minutes: int | None = None
    timeout_seconds: float = 20.0
    retry_attempts: int = 3
    batch_size: int = 100
    is_active: bool = True
    terminal_ids: tuple[int, ...] | None = None
    requests_per_minute: int | None = None
    signing_secret: str | None = field(default=None, repr=False)


def list_services(conn: Connection) -> list[Service]:
    """Every service that is not deleted, by id."""
    rows = conn.execute(select(services).where(services.c.deleted_at.is_(None)).order_by(services.c.id))
    mapped: dict[int, list[int]] = {}
    for service_id, terminal_id in conn.execute(
        select(mappings.c.service_id, mappings.c.terminal_id).where(_SHOWN).order_by(mappings.c.terminal_id)
    ):
        mapped.setdefault(service_id, []).append(terminal_id)
    return [_service(row, tuple(mapped.get(row["id"], ()))) for row in rows.mappings()]


def get_service(conn: Connection, service_id: int) -> Service:
    """One service; `NotFound` when there is none or it was deleted."""
    row = _row(conn, service_id)
    mapped = conn.scalars(
        select(mappings.c.terminal_id)
        .where(mappings.c.service_id == service_id, _SHOWN)
        .order_by(mappings.c.terminal_id)
    )
    return _service(row, tuple(mapped))


def find_service_by_name(conn: Connection, name: str) -> Service | None:
    """The service of that exact name, None if there is none."""
    ident = conn.scalar(select(services.c.id).where(services.c.name == name, services.c.deleted_at.is_(None)))
    return None if ident is None else get_service(conn, ident)


def get_secrets(conn: Connection, vault: Vault, service_id: int) -> ServiceSecrets:
    """The secrets as they were entered: `env:NAME` references are resolved by who uses them.

    Raises:
        NotFound: no such service.
        SecretUnreadable: they were sealed with another key.
    """
    row = _row(conn, service_id)
    headers = row["extra_headers_sealed"]

    def unsealed(name: str) -> str:
        return vault.unseal(row[name]) if row[name] else ""

    return ServiceSecrets(
        auth_token=unsealed("auth_token_sealed"),
        extra_headers=json.loads(vault.unseal(headers)) if headers else {},
        signing_secret=unsealed("signing_secret_sealed"),
        old_signing_secret=unsealed("old_signing_secret_sealed"),
        old_signing_until=row["old_signing_until"],
    )


def add_service(conn: Connection, vault: Vault, draft: ServiceDraft, now: datetime) -> Service:
    """Add a service; it takes over the punches that nobody was owed yet (see `backfill_chunk`).

    Raises:
        Conflict: the name is taken.
        InvalidInput: a terminal does not exist.
    """
    _check_name(conn, draft.name, None)
    _check_terminals(conn, draft.terminal_ids)
    values = {
        **_settings(draft),
        **_sealed(vault, draft),
        **signing_columns(vault, draft.signing_secret, None, None),
        "created_at": now,
        "updated_at": now,
        **begin_backfill(conn),
    }
    try:
        with conn.begin_nested():
            service_id = conn.execute(insert(services).values(values)).inserted_primary_key[0]  # type: ignore[index]
    except exc.IntegrityError:
        raise _name_taken(draft.name) from None
    _map(conn, service_id, draft.terminal_ids)
    return get_service(conn, service_id)


def update_service(
    conn: Connection, vault: Vault, service_id: int, changes: ServiceDraft, now: datetime
) -> Service:
    """Make the service what the draft says.

    A change of what sending depends on has it tried again at once. One of its address or
    credentials also makes its failed deliveries due again (by `heal_chunk`): the cause may
    have been there.

    Raises:
        NotFound, Conflict, InvalidInput: as for `get_service` and `add_service`.
    """
    before = get_service(conn, service_id)
    _check_name(conn, changes.name, service_id)
    _check_terminals(conn, changes.terminal_ids)
    values = {**_settings(changes), **_sealed(vault, changes), "updated_at": now}
    known = None if before.base_url != changes.base_url else _row(conn, service_id)["signing_secret_sealed"]
    values |= signing_columns(vault, changes.signing_secret, known, now + SIGNING_OVERLAP)
    is_corrected = _is_corrected(conn, vault, before, changes)
    if is_corrected or _differ(before, changes, _HEALING):
        values |= {"health": "healthy", "health_reason": "", "failures": 0, "retry_at": None}
        values["batch_limit"] = None
    elif before.batch_size != changes.batch_size:
        values["batch_limit"] = None
    if is_corrected:
        ask_to_heal(conn, service_id)
    if changes.terminal_ids != before.terminal_ids:
        values |= begin_backfill(conn)
    try:
        with conn.begin_nested():
            conn.execute(update(services).where(services.c.id == service_id).values(values))
    except exc.IntegrityError:
        raise _name_taken(changes.name) from None
    _map(conn, service_id, changes.terminal_ids)
    return get_service(conn, service_id)


def delete_service(conn: Connection, service_id: int, now: datetime) -> int:
    """Delete softly; return how many deliveries were still owed and are now given up.

    What is in flight fails at once, what waits in chunks: by `fail_owed_to_deleted`, which
    must be called until it returns 0 (also after a crash), so that no transaction is long.
    """
    _row(conn, service_id)
    conn.execute(
        update(services)
        .where(services.c.id == service_id)
        .values(deleted_at=now, updated_at=now, backfill_next_id=0, backfill_end_id=None)
    )
    waiting = count_pending(conn, service_id) + count_held(conn, service_id)
    in_flight = dissolve_batches(conn, service_id, DELETED_REASON, now)
    fail_chunk(conn, service_id, DELETED_REASON)
    forget_failed(conn)
    return waiting + in_flight


def fail_owed_to_deleted(conn: Connection, now: datetime) -> int:
    """Another chunk of what deleted services leave behind; 0 when nothing is left.

    What they were owed fails, then the punches that had failed already forget it. A batch
    that was begun at the moment of the deletion, and is not being sent any more, fails too.
    """
    for service_id in conn.scalars(select(services.c.id).where(services.c.deleted_at.is_not(None))).all():
        if count := dissolve_batches(conn, service_id, DELETED_REASON, now, lapsed=True):
            return count
        if count := fail_chunk(conn, service_id, DELETED_REASON):
            return count
    return forget_failed(conn)


def set_health(
    conn: Connection,
    service: Service,
    *,
    health: str,
    reason: str,
    failures: int,
    retry_at: datetime | None,
    batch_limit: int | None,
) -> bool:
    """Record the service's health; False when it was edited or deleted since `service` was read."""
    changed = conn.execute(
        update(services)
        .where(
            services.c.id == service.id,
            services.c.updated_at == service.updated_at,
            services.c.deleted_at.is_(None),
        )
        .values(
            health=health, health_reason=reason, failures=failures, retry_at=retry_at, batch_limit=batch_limit
        )
    )
    return changed.rowcount == 1


# A deleted terminal keeps its mappings: they are its own again when it comes back.
_SHOWN = mappings.c.terminal_id.not_in(DELETED)
_ADDRESS = ("base_url", "attendance_endpoint", "auth_type", "auth_header_name")
_HEALING = ("timeout_seconds", "is_active")
_SAME_NAME = tuple(
    item.name for item in fields(Service) if item.name in services.c and item.name != "extra_header_names"
)


def _row(conn: Connection, service_id: int) -> RowMapping:
    query = select(services).where(services.c.id == service_id, services.c.deleted_at.is_(None))
    row = conn.execute(query).mappings().first()
    if row is None:
        raise NotFound("third-party config", service_id)
    return row


def _service(row: RowMapping, mapped: tuple[int, ...]) -> Service:
    return Service(
        **{name: row[name] for name in _SAME_NAME},
        has_auth_token=row["auth_token_sealed"] is not None,
        has_signing_secret=row["signing_secret_sealed"] is not None,
        has_old_signing_secret=row["old_signing_secret_sealed"] is not None,
        extra_header_names=tuple(json.loads(row["extra_header_names"])),
        terminal_ids=None if row["serves_all_terminals"] else mapped,
    )


def _settings(draft: ServiceDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "description": draft.description,
        "base_url": draft.base_url,
        "users_endpoint": draft.users_endpoint,
        "attendance_endpoint": draft.attendance_endpoint,
        "auth_type": draft.auth_type,
        "auth_header_name": draft.auth_header_name,
        "sync_interval_minutes": draft.sync_interval_minutes,
        "users_interval_minutes": draft.users_interval_minutes,
        "timeout_seconds": draft.timeout_seconds,
        "retry_attempts": draft.retry_attempts,
        "batch_size": draft.batch_size,
        "is_active": draft.is_active,
        "requests_per_minute": draft.requests_per_minute,
        "serves_all_terminals": draft.terminal_ids is None,
    }


def _sealed(vault: Vault, draft: ServiceDraft) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if draft.auth_token is not None:
        values["auth_token_sealed"] = vault.seal(draft.auth_token) if draft.auth_token else None
    if draft.extra_headers is not None:
        headers = dict(draft.extra_headers)
        values["extra_headers_sealed"] = vault.seal(json.dumps(headers)) if headers else None
        values["extra_header_names"] = json.dumps(sorted(headers))
    return values


def _is_corrected(conn: Connection, vault: Vault, before: Service, changes: ServiceDraft) -> bool:
    """Whether requests will go elsewhere, or with other credentials."""
    if _differ(before, changes, _ADDRESS):
        return True
    if changes.auth_token is None and changes.extra_headers is None and changes.signing_secret is None:
        return False
    try:
        known = get_secrets(conn, vault, before.id)
    except SecretUnreadable:
        return True
    headers = changes.extra_headers
    return (
        changes.auth_token not in (None, known.auth_token)
        or changes.signing_secret not in (None, known.signing_secret)
        or (headers is not None and dict(headers) != dict(known.extra_headers))
    )


def _differ(before: Service, changes: ServiceDraft, names: tuple[str, ...]) -> bool:
    return any(getattr(before, name) != getattr(changes, name) for name in names)


def _check_name(conn: Connection, name: str, own_id: int | None) -> None:
    taken = select(services.c.id).where(services.c.name == name, services.c.deleted_at.is_(None))
    if conn.scalar(taken) not in (None, own_id):
        raise _name_taken(name)


def _name_taken(name: str) -> Conflict:
    return Conflict(f"there is already a third-party config named {name!r}", field="name")


def _check_terminals(conn: Connection, terminal_ids: tuple[int, ...] | None) -> None:
    if not terminal_ids:
        return
    here = terminals.c.id.in_(terminal_ids), terminals.c.deleted_at.is_(None)
    known = set(conn.scalars(select(terminals.c.id).where(*here)))
    missing = sorted(set(terminal_ids) - known)
    if missing:
        raise InvalidInput(f"there is no terminal with id {missing[0]}", field="terminal_ids")


def _map(conn: Connection, service_id: int, terminal_ids: tuple[int, ...] | None) -> None:
    wanted = set(terminal_ids or ())
    mine = mappings.c.service_id == service_id, _SHOWN
    present = set(conn.scalars(select(mappings.c.terminal_id).where(*mine)))
    if gone := present - wanted:
        conn.execute(
            delete(mappings).where(mappings.c.service_id == service_id, mappings.c.terminal_id.in_(gone))
        )
    if new := sorted(wanted - present):
        conn.execute(
            insert(mappings), [{"service_id": service_id, "terminal_id": terminal} for terminal in new]
        )
