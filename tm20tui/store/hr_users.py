"""Users of a site beside those of a service, and what a service's list makes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    bindparam,
    case,
    func,
    insert,
    literal,
    null,
    select,
    update,
)

from tm20tui.store.schema import Utc, mappings, services, terminals, users

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class SiteUser:
    """A user of a site, as far as services tell; `source` says who told first."""

    id: int
    enrollid: str
    name: str
    admin: int
    is_enabled: bool
    weekzone: int
    user_group: int
    source: str


def list_site_users(connection: Connection, site_id: int) -> list[SiteUser]:
    """Every user of a site, by id."""
    columns = (
        users.c.id,
        users.c.enrollid,
        users.c.name,
        users.c.admin,
        users.c.is_enabled,
        users.c.weekzone,
        users.c.user_group,
        users.c.source,
    )
    query = select(*columns).where(users.c.site_id == site_id).order_by(users.c.id)
    return [SiteUser(*row) for row in connection.execute(query)]


def add_site_users(
    connection: Connection, site_id: int, rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Add users to a site; their enrollids must be free."""
    full = [{**row, "site_id": site_id, "created_at": now, "updated_at": now} for row in rows]
    for row in full:
        row["left_at"] = None if row.get("is_enabled", True) else now
    for at in range(0, len(full), _CHUNK):
        connection.execute(insert(users), full[at : at + _CHUNK])


def change_site_users(
    connection: Connection, changes: Mapping[int, Mapping[str, Any]], now: datetime
) -> None:
    """Give users the columns `name`, `admin`, `is_enabled`, `weekzone`, `user_group`, `source` anew."""
    rows = [
        {"user": ident, **{f"new_{name}": value for name, value in values.items()}}
        for ident, values in changes.items()
    ]
    if rows:
        names = [name.removeprefix("new_") for name in rows[0] if name != "user"]
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        query = update(users).where(users.c.id == bindparam("user")).values(updated_at=now, **values)
        query = query.values(
            left_at=case((bindparam("new_is_enabled", type_=Boolean), null()), else_=left_since(now))
        )
        connection.execute(query, rows)


def disable_users(connection: Connection, user_ids: Collection[int], now: datetime) -> None:
    """They may not pass any more."""
    rows = [{"user": ident} for ident in user_ids]
    if rows:
        query = update(users).where(users.c.id == bindparam("user"))
        connection.execute(query.values(is_enabled=False, updated_at=now, left_at=left_since(now)), rows)


def left_since(now: datetime) -> ColumnElement[Any]:
    """Since when a user who is disabled now is: as before, or from now on."""
    return func.coalesce(users.c.left_at, literal(now, Utc))


def list_sites_of(connection: Connection, terminal_ids: Collection[int] | None) -> list[int]:
    """The sites of approved terminals: of these, or of all when None."""
    query = select(terminals.c.site_id).where(terminals.c.admission == "approved").distinct()
    if terminal_ids is not None:
        query = query.where(terminals.c.id.in_(terminal_ids))
    return sorted(connection.scalars(query))


def note_users_sync(
    connection: Connection, service_id: int, site_ids: Collection[int], now: datetime
) -> None:
    """The users of a service were taken over just now, for these sites."""
    done = {"last_users_sync_at": now}
    connection.execute(update(services).where(services.c.id == service_id).values(done))
    there = select(terminals.c.id).where(terminals.c.site_id.in_(site_ids))
    here = mappings.c.service_id == service_id, mappings.c.terminal_id.in_(there)
    connection.execute(update(mappings).where(*here).values(done))
