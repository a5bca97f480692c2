"""Users of a site, where they were seen enrolled, and their sealed credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tm20tui.store.schema import credentials, enrollments, users


class UserStanding(NamedTuple):
    """What matters of a user at a door."""

    enrollid: str
    name: str
    is_enabled: bool
    valid_from: datetime | None
    valid_until: datetime | None


_STANDING = select(
    users.c.enrollid, users.c.name, users.c.is_enabled, users.c.valid_from, users.c.valid_until
)


def list_standings(connection: Connection, site_id: int, enrollids: Sequence[str]) -> dict[str, UserStanding]:
    """The standings of those of the given users that the site knows."""
    query = _STANDING.where(users.c.site_id == site_id, users.c.enrollid.in_(enrollids))
    return {row.enrollid: UserStanding(*row) for row in connection.execute(query)}


def find_standing_by_card(connection: Connection, site_id: int, lookup: str) -> UserStanding | None:
    """The user of a site whose card has this keyed digest."""
    query = _STANDING.join(credentials, credentials.c.user_id == users.c.id).where(
        users.c.site_id == site_id, credentials.c.lookup == lookup
    )
    row = connection.execute(query.limit(1)).first()
    return None if row is None else UserStanding(*row)


def note_user(
    connection: Connection,
    *,
    site_id: int,
    terminal_id: int,
    enrollid: str,
    name: str,
    admin: int,
    is_enabled: bool | None,
    source: str,
    now: datetime,
) -> int:
    """Learn of a user from a terminal; return the user's id.

    A name that is already known is never overwritten: what the terminal says is kept
    with the enrollment, so that a conflict can be shown.
    """
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    query = select(users.c.id, users.c.name).where(users.c.site_id == site_id, users.c.enrollid == enrollid)
    row = connection.execute(query).first()
    if row is None:
        values: dict[str, Any] = {
            "site_id": site_id,
            "enrollid": enrollid,
            "name": name,
            "admin": admin,
            "is_enabled": is_enabled is not False,
            "source": source,
            "created_at": now,
            "updated_at": now,
        }
        connection.execute(upsert(users).on_conflict_do_nothing(), values)
        row = connection.execute(query).one()
    elif name and not row.name:
        connection.execute(update(users).where(users.c.id == row.id).values(name=name, updated_at=now))
    reported = {"terminal_id": terminal_id, "user_id": row.id, "reported_name": name, "reported_at": now}
    insert = upsert(enrollments).values(reported)
    is_there = case(
        (enrollments.c.reported_state.in_(("absent", "unknown")), "present"),
        else_=enrollments.c.reported_state,
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["terminal_id", "user_id"],
            set_={
                "reported_name": insert.excluded.reported_name,
                "reported_at": insert.excluded.reported_at,
                "reported_state": is_there,
            },
        )
    )
    return int(row.id)


def put_credential(
    connection: Connection,
    *,
    user_id: int,
    backupnum: int,
    terminal_id: int,
    fpalgo: str,
    sealed: bytes,
    lookup: str | None,
    now: datetime,
    replaces_all: bool = True,
) -> None:
    """Keep a user's credential, replacing the one in the same slot.

    Without `replaces_all` one that another terminal told of stays.
    """
    upsert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {
        "user_id": user_id,
        "backupnum": backupnum,
        "terminal_id": terminal_id,
        "fpalgo": fpalgo,
        "sealed": sealed,
        "lookup": lookup,
        "received_at": now,
    }
    insert = upsert(credentials).values(values)
    changed = {name: insert.excluded[name] for name in values if name not in ("user_id", "backupnum")}
    same = None if replaces_all else credentials.c.terminal_id == terminal_id
    connection.execute(
        insert.on_conflict_do_update(index_elements=["user_id", "backupnum"], set_=changed, where=same)
    )
