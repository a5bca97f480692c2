"""Rows for tests: the least that the schema asks for, one line each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, text

from tm20tui.store.deliveries import add_deliveries
from tm20tui.store.schema import punches, sites, terminals, users
from tm20tui.store.services import list_owed

NOON = datetime(2025, 12, 30, 12, 0, tzinfo=UTC)


def add_site(conn: Connection, name: str = "main", timezone: str = "UTC") -> int:
    """The site of that name, made when absent."""
    found = conn.scalar(select(sites.c.id).where(sites.c.name == name))
    return found or _add(conn, sites, name=name, timezone=timezone)


def add_terminal(conn: Connection, sn: str = "TM20-001", *, site: str = "main", **values: Any) -> int:
    """An approved terminal."""
    row = {
        "sn": sn,
        "sn_key": sn.casefold(),
        "site_id": add_site(conn, site),
        "admission": "approved",
        "first_seen_at": NOON,
    }
    return _add(conn, terminals, **(row | values))


def add_user(conn: Connection, enrollid: str, name: str, *, site: str = "main") -> int:
    """A user of a site."""
    row = {"site_id": add_site(conn, site), "enrollid": enrollid, "name": name}
    return _add(conn, users, **row, created_at=NOON, updated_at=NOON)


def add_punch(conn: Connection, terminal_id: int, number: int = 0, **values: Any) -> int:
    """The punch of that number: one second after the one before, nobody owed it yet."""
    at = NOON + timedelta(seconds=number)
    row = {
        "terminal_id": terminal_id,
        "enrollid": "123",
        "time_raw": at.strftime("%Y-%m-%d %H:%M:%S"),
        "time_utc": at,
        "timezone": "UTC",
        "mode": 0,
        "inout": 0,
        "event": 0,
        "received_at": at,
        "sync_status": "pending",
    }
    return _add(conn, punches, **(row | values))


def add_punches(
    conn: Connection, terminal_id: int, count: int, *, first: int = 0, **values: Any
) -> list[int]:
    """Punches owed to every service that is owed them, as the ingest makes them."""
    ids = [add_punch(conn, terminal_id, number, **values) for number in range(first, first + count)]
    owed = list_owed(conn).service_ids(terminal_id)
    add_deliveries(conn, [(punch, service, False) for punch in ids for service in owed])
    return ids


def statuses(conn: Connection, service_id: int) -> dict[str, int]:
    """How many deliveries of a service are in which status, by a full count."""
    query = text("SELECT status, COUNT(*) AS n FROM deliveries WHERE service_id = :service GROUP BY status")
    return {row.status: row.n for row in conn.execute(query, {"service": service_id})}


def _add(conn: Connection, table: Any, **values: Any) -> int:
    ident: int = conn.execute(insert(table).returning(table.c.id), values).scalar_one()
    return ident
