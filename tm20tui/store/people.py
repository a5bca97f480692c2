"""Users as operators see them: pages, one with its enrollments, counts of credentials, changes by hand.

Contents of credentials are sealed and are never read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from tm20tui.errors import Conflict, NotFound
from tm20tui.store.hr_users import left_since
from tm20tui.store.schema import credentials, enrollments, sites, terminals, users
from tm20tui.store.terminals import DELETED

_NOT_DELETED = enrollments.c.terminal_id.not_in(DELETED)
# The terminal told of the user and did not say since that the user is gone.
_KNOWN = and_(enrollments.c.reported_at.is_not(None), enrollments.c.reported_state != "absent", _NOT_DELETED)


@dataclass(frozen=True, slots=True)
class User:
    """Someone known by an `enrollid` on a site's terminals.

    `admin` is 0 user, 1 administrator, 2 super user of the terminals; `weekzone` and
    `user_group` are the terminals' access numbers; `source` says who told of the user
    first. The validity None is open-ended; `left_at` is since when the user is disabled;
    `enrollments` counts terminals.
    """

    id: int
    site_id: int
    site: str
    enrollid: str
    name: str
    admin: int
    is_enabled: bool
    weekzone: int
    user_group: int
    valid_from: datetime | None
    valid_until: datetime | None
    source: str
    created_at: datetime
    updated_at: datetime
    left_at: datetime | None
    enrollments: int
    credentials: int


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A terminal that knows the user, and by which name; `has_other_name` when it is not ours."""

    terminal_id: int
    terminal_sn: str
    terminal_name: str
    reported_name: str
    reported_at: datetime
    has_other_name: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A terminal that a user shall be known by, or was told to be: desired against reported.

    `desired_state` is None where nobody asked; times are None when it never happened. `command_id`
    is the command whose outcome is the receipt that is waited for, None when there is none.
    """

    terminal_id: int
    terminal_sn: str
    terminal_name: str
    desired_state: str | None
    desired_at: datetime | None
    reported_state: str
    reported_name: str
    reported_at: datetime | None
    result: str
    reason: str
    result_at: datetime | None
    command_id: int | None


@dataclass(frozen=True, slots=True)
class SlotCount:
    """How many credentials of one `backupnum` a terminal of a site told us."""

    site_id: int
    terminal_id: int
    backupnum: int
    count: int


def list_users(
    connection: Connection,
    *,
    site_id: int | None = None,
    terminal_id: int | None = None,
    prefix: str | None = None,
    is_enabled: bool | None = None,
    result: str | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> list[User]:
    """Users by id past `after_id`; `prefix` begins the enrollid or a word of the name.

    `result` is what became of bringing a user to some terminal.
    """
    conditions: list[ColumnElement[bool]] = []
    if site_id is not None:
        conditions.append(users.c.site_id == site_id)
    if terminal_id is not None:
        here = (enrollments.c.user_id == users.c.id, enrollments.c.terminal_id == terminal_id, _KNOWN)
        conditions.append(exists().where(*here))
    if prefix:
        name = func.lower(users.c.name)
        conditions.append(
            or_(
                users.c.enrollid.startswith(prefix, autoescape=True),
                name.startswith(prefix.lower(), autoescape=True),
                name.contains(f" {prefix.lower()}", autoescape=True),
            )
        )
    if is_enabled is not None:
        conditions.append(users.c.is_enabled.is_(is_enabled))
    if result is not None:
        there = (enrollments.c.user_id == users.c.id, enrollments.c.result == result, _NOT_DELETED)
        conditions.append(exists().where(*there))
    if after_id is not None:
        conditions.append(users.c.id > after_id)
    query = _users().where(*conditions).order_by(users.c.id).limit(limit)
    return [_user(row) for row in connection.execute(query)]


def get_user(connection: Connection, user_id: int) -> User:
    """One user; `NotFound` when there is none."""
    row = connection.execute(_users().where(users.c.id == user_id)).first()
    if row is None:
        raise NotFound("user", user_id, field="user_id")
    return _user(row)


def list_enrollments(connection: Connection, user_id: int) -> list[Enrollment]:
    """The terminals that know a user."""
    query = (
        select(
            terminals.c.id,
            terminals.c.sn,
            terminals.c.name,
            enrollments.c.reported_name,
            enrollments.c.reported_at,
            case(
                (enrollments.c.reported_name == "", False), else_=enrollments.c.reported_name != users.c.name
            ),
        )
        .join(terminals, terminals.c.id == enrollments.c.terminal_id)
        .join(users, users.c.id == enrollments.c.user_id)
        .where(enrollments.c.user_id == user_id, _KNOWN)
        .order_by(terminals.c.id)
    )
    return [Enrollment(*row[:5], has_other_name=bool(row[5])) for row in connection.execute(query)]


def list_places(connection: Connection, user_id: int) -> list[Place]:
    """Every terminal that a user is wanted at or was reported by."""
    query = (
        select(
            terminals.c.id,
            terminals.c.sn,
            terminals.c.name,
            enrollments.c.desired_state,
            enrollments.c.desired_at,
            enrollments.c.reported_state,
            enrollments.c.reported_name,
            enrollments.c.reported_at,
            enrollments.c.result,
            enrollments.c.reason,
            enrollments.c.result_at,
            enrollments.c.command_id,
        )
        .join(terminals, terminals.c.id == enrollments.c.terminal_id)
        .where(enrollments.c.user_id == user_id, _NOT_DELETED)
        .order_by(terminals.c.id)
    )
    return [Place(*tuple(row)) for row in connection.execute(query)]


def count_results_of(connection: Connection, user_ids: Sequence[int]) -> list[tuple[int, str, int]]:
    """How many terminals have which result of some users: (user, result, terminals)."""
    query = (
        select(enrollments.c.user_id, enrollments.c.result, func.count())
        .where(enrollments.c.user_id.in_(user_ids), enrollments.c.result != "", _NOT_DELETED)
        .group_by(enrollments.c.user_id, enrollments.c.result)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def list_other_names(connection: Connection, user_ids: Sequence[int]) -> set[int]:
    """Those of some users whom a terminal knows by another name."""
    query = (
        select(enrollments.c.user_id)
        .join(users, users.c.id == enrollments.c.user_id)
        .where(
            enrollments.c.user_id.in_(user_ids),
            _KNOWN,
            enrollments.c.reported_name != "",
            enrollments.c.reported_name != users.c.name,
        )
        .distinct()
    )
    return set(connection.scalars(query))


def list_slots_of(connection: Connection, user_ids: Sequence[int]) -> list[tuple[int, int]]:
    """The slots that some users have a credential in: (user, backupnum)."""
    query = select(credentials.c.user_id, credentials.c.backupnum).where(credentials.c.user_id.in_(user_ids))
    return [(row[0], row[1]) for row in connection.execute(query)]


def list_backupnums(connection: Connection, user_id: int) -> list[int]:
    """The slots that a user has a credential in."""
    query = select(credentials.c.backupnum).where(credentials.c.user_id == user_id)
    return list(connection.scalars(query.order_by(credentials.c.backupnum)))


def count_slots(
    connection: Connection, *, site_id: int | None = None, terminal_id: int | None = None
) -> list[SlotCount]:
    """Credentials by site, terminal that told them, and slot."""
    columns = (users.c.site_id, credentials.c.terminal_id, credentials.c.backupnum)
    query = select(*columns, func.count()).join(users, users.c.id == credentials.c.user_id)
    if site_id is not None:
        query = query.where(users.c.site_id == site_id)
    if terminal_id is not None:
        query = query.where(credentials.c.terminal_id == terminal_id)
    return [SlotCount(*row) for row in connection.execute(query.group_by(*columns).order_by(*columns))]


def add_user(connection: Connection, values: Mapping[str, Any], now: datetime) -> User:
    """Add a user; `Conflict` when the site has one with that enrollid."""
    taken = select(users.c.id).where(
        users.c.site_id == values["site_id"], users.c.enrollid == values["enrollid"]
    )
    if connection.scalar(taken) is not None:
        raise Conflict(f"the site has a user {values['enrollid']} already", field="enrollid")
    row = {**values, "created_at": now, "updated_at": now}
    row["left_at"] = None if values.get("is_enabled", True) else now
    return get_user(connection, connection.execute(insert(users).returning(users.c.id), row).scalar_one())


def update_user(connection: Connection, user_id: int, changes: Mapping[str, Any], now: datetime) -> User:
    """Change columns of a user; `NotFound` when there is none."""
    if changes:
        values = {**changes, "updated_at": now}
        if "is_enabled" in changes:
            values["left_at"] = None if changes["is_enabled"] else left_since(now)
        connection.execute(update(users).where(users.c.id == user_id).values(values))
    return get_user(connection, user_id)


def _users() -> Select[*tuple[Any, ...]]:
    enrolled = select(func.count()).where(enrollments.c.user_id == users.c.id, _KNOWN).scalar_subquery()
    held = select(func.count()).where(credentials.c.user_id == users.c.id).scalar_subquery()
    return select(
        users, sites.c.name.label("site"), enrolled.label("enrollments"), held.label("credentials")
    ).join(sites, sites.c.id == users.c.site_id)


def _user(row: Row[*tuple[Any, ...]]) -> User:
    return User(**row._mapping)
