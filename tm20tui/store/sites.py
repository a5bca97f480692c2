"""Sites: where terminals stand, and the clock they follow. The first one is the configuration's."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, insert, select, update

from tm20tui.errors import Conflict, NotFound
from tm20tui.store.schema import sites, terminals, users


@dataclass(frozen=True, slots=True)
class Site:
    """A place. `timezone` is the IANA zone of its terminals' clocks; counts are of all there are.

    `is_default`: unknown terminals belong to it, and its name and zone are the configuration's.
    """

    id: int
    name: str
    timezone: str
    terminals: int
    users: int
    is_default: bool


def list_sites(connection: Connection) -> list[Site]:
    """Every site by id."""
    first = _default_id(connection)
    return [Site(*row, is_default=row.id == first) for row in connection.execute(_sites())]


def get_site(connection: Connection, site_id: int) -> Site:
    """One site; `NotFound` when there is none."""
    row = connection.execute(_sites().where(sites.c.id == site_id)).first()
    if row is None:
        raise NotFound("site", site_id, field="site_id")
    return Site(*row, is_default=row.id == _default_id(connection))


def add_site(connection: Connection, name: str, timezone: str) -> Site:
    """Add a site; `Conflict` when the name is taken."""
    _check_name(connection, name, None)
    values = {"name": name, "timezone": timezone}
    site_id = connection.execute(insert(sites).returning(sites.c.id), values).scalar_one()
    return get_site(connection, site_id)


def update_site(connection: Connection, site_id: int, *, name: str, timezone: str) -> Site:
    """Give a site its name and zone; `NotFound`, or `Conflict` when the name is taken."""
    _check_name(connection, name, site_id)
    connection.execute(update(sites).where(sites.c.id == site_id).values(name=name, timezone=timezone))
    return get_site(connection, site_id)


def _default_id(connection: Connection) -> int | None:
    found: int | None = connection.scalar(select(func.min(sites.c.id)))
    return found


def touch_site(connection: Connection, site_id: int) -> None:
    """Write a site as it is: a write that changes nothing, and fails where no write can be done."""
    connection.execute(update(sites).where(sites.c.id == site_id).values(name=sites.c.name))


def _check_name(connection: Connection, name: str, own_id: int | None) -> None:
    found = connection.scalar(select(sites.c.id).where(sites.c.name == name))
    if found not in (None, own_id):
        raise Conflict(f"there is already a site named {name!r}", field="name")


def _sites() -> Select[int, str, str, int, int]:
    here = terminals.c.site_id == sites.c.id, terminals.c.deleted_at.is_(None)
    terminal_count = select(func.count()).where(*here).scalar_subquery()
    user_count = select(func.count()).where(users.c.site_id == sites.c.id).scalar_subquery()
    return select(sites.c.id, sites.c.name, sites.c.timezone, terminal_count, user_count).order_by(sites.c.id)
