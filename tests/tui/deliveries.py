"""What modes 3, 4 and 7 show in tests: services, punches and what became of them, through the store."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from tests.store.factories import add_punch, add_terminal, add_user
from tests.tui.world import World
from tm20tui.model import utc_now
from tm20tui.store.deliveries import add_deliveries
from tm20tui.store.punches import add_to_total
from tm20tui.store.services import ServiceDraft, add_service

HOSTILE = "Dupont [/x] \x1b[31m\u202eevil"


def add_company(
    conn: Connection, vault: Any, *, waiting: int = 3, now: datetime | None = None
) -> dict[str, int]:
    """Two inactive services, two terminals, and deliveries in every state; nothing is ever sent.

    Deliveries of `hr` by number: 1 dead, 2 failed, 3 held, 4 sent, the rest waits.
    """
    now = now or utc_now()
    north = add_terminal(conn, "ZX01", site="Default", name="North gate", last_seen_at=now)
    shop = add_terminal(conn, "ZX02", site="Default", name="Workshop", last_seen_at=now)
    add_user(conn, "7", "Awa Sow", site="Default")
    add_user(conn, "8", HOSTILE, site="Default")
    hr, pay = (
        add_service(
            conn,
            vault,
            ServiceDraft(name, f"https://{name}.example", is_active=False, attendance_endpoint="/logs"),
            now,
        ).id
        for name in ("hr", "pay")
    )
    conn.execute(text("UPDATE services SET backfill_next_id = NULL, backfill_end_id = NULL"))
    for number in range(4 + waiting):
        at = now - timedelta(minutes=60 - number / 60)
        punch = add_punch(
            conn,
            shop if number % 2 else north,
            number,
            enrollid="7" if number % 2 else "8",
            time_utc=at,
            received_at=at,
            direction="in",
            mode=1,
        )
        add_deliveries(conn, [(punch, hr, False)])
    _settle(conn, 1, "failed", "answered 422: unknown employee 8", attempts=5)
    _settle(conn, 2, "failed", "answered 422: unknown shift", attempts=1, due=now + timedelta(hours=1))
    _settle(conn, 3, "held", "")
    _settle(conn, 4, "sent", "", attempts=1)
    conn.execute(text("UPDATE punches SET time_problem = 'in the future' WHERE id = 3"))
    conn.execute(text("UPDATE punches SET sync_status = 'failed' WHERE id IN (1, 2)"))
    conn.execute(text("UPDATE punches SET sync_status = 'sent' WHERE id = 4"))
    add_to_total(conn, f"sent:{hr}", "here", 1)
    add_to_total(conn, "punches", "here", 4 + waiting)
    _attempt(conn, hr, now)
    return {"hr": hr, "pay": pay, "north": north, "shop": shop}


def fill(world: World, **options: Any) -> dict[str, int]:
    """The company in the server's database."""
    found = world.write(add_company, world.gateway.vault, **options)
    world.do(world.gateway._snapshots.refresh)
    return found


def statuses(world: World) -> dict[int, str]:
    """The status of every delivery by id."""

    def read(conn: Connection) -> dict[int, str]:
        rows = conn.execute(text("SELECT id, status FROM deliveries ORDER BY id"))
        return {row.id: row.status for row in rows}

    return world.write(read)


def _settle(
    conn: Connection, delivery: int, status: str, reason: str, attempts: int = 0, due: datetime | None = None
) -> None:
    conn.execute(
        text(
            "UPDATE deliveries SET status = :status, last_error = :reason, attempts = :attempts, "
            "next_attempt_at = :due WHERE id = :id"
        ),
        {"status": status, "reason": reason, "attempts": attempts, "due": _stored(due), "id": delivery},
    )


def _attempt(conn: Connection, service: int, now: datetime) -> None:
    values = {"service": service, "at": _stored(now - timedelta(minutes=5)), "body": b"", "key": "msg_7f3c"}
    conn.execute(
        text(
            "INSERT INTO batches (id, service_id, key, body, record_count, status, attempts, node, "
            "leased_until, created_at, settled_at) "
            "VALUES (1, :service, :key, :body, 1, 'refused', 1, 'n', :at, :at, :at)"
        ),
        values,
    )
    conn.execute(
        text(
            "INSERT INTO attempts "
            "(batch_id, started_at, duration_seconds, status_code, outcome, reason, answer) "
            "VALUES (1, :at, 0.42, 422, 'refused', 'answered 422: unknown employee 8', :answer)"
        ),
        values | {"answer": '{"error": "unknown employee 8 [/x]"}'},
    )
    conn.execute(text("UPDATE deliveries SET batch_id = 1 WHERE id = 1"))


def _stored(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%S.%f")
