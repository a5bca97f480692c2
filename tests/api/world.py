"""A little of everything in the store, with secrets that must never come out again."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from tests.store.factories import NOON, add_punches, add_terminal, add_user
from tm20tui.gateway import Gateway
from tm20tui.model import utc_now
from tm20tui.operations import schedules, services
from tm20tui.operations.call import SERVER, Call
from tm20tui.protocol import SetUserInfo
from tm20tui.store import commands, tokens
from tm20tui.store.schema import (
    attempts,
    batches,
    credentials,
    deliveries,
    enrollments,
    frames,
    quarantine,
)

SECRETS = (
    "S3CRET-of-the-service",
    "S3CRET-of-a-header",
    "tm20_S3CRET-of-the-token",
    "S3CRET-fingerprint",
    "S3CRET-sent-to-a-terminal",
)
SERVICE, HEADER, TOKEN, FINGERPRINT, SENT = SECRETS


async def fill(gateway: Gateway) -> None:
    """Two terminals, two configs, punches, users, credentials, quarantine, an alarm, a task, commands."""
    call = Call(gateway, SERVER)
    await gateway.database.write(_terminals)
    config = {"base_url": "http://127.0.0.1:9", "auth_type": "bearer", "auth_token": SERVICE}
    for name in ("Payroll", "Canteen"):
        more = {"name": name, "extra_headers": {"X-Extra": HEADER}, "is_active": False}
        await services.add_service(call, config | more)
    await gateway.database.write(_rows, gateway)
    hours = {"name": "Day", "weekday": 0, "check_in_time": "08:00", "check_out_time": "17:00"}
    await schedules.add_schedule(call, 1, hours)
    gateway.alarms.set("users:1:1", "terminal TM20-001 is silent")
    gateway.tasks.start("a task", _nothing)


async def _nothing() -> object:
    return {"done": True}


def _terminals(conn: Connection) -> None:
    add_terminal(conn, "TM20-001", firmware="ai806_v1.0")
    add_terminal(conn, "TM20-002", admission="pending")


def _rows(conn: Connection, gateway: Gateway) -> None:
    vault = gateway.vault
    user = add_user(conn, "123", "John Doe")
    conn.execute(insert(enrollments), {"terminal_id": 1, "user_id": user, "reported_at": NOON})
    slot = {"user_id": user, "terminal_id": 1, "backupnum": 0, "received_at": NOON}
    conn.execute(insert(credentials), slot | {"sealed": vault.seal(FINGERPRINT), "lookup": None})
    add_punches(conn, 1, 5)
    body = zlib.compress(b'{"cmd":"sendlog","sn":"TM20-001","count":0,"logindex":0,"record":[]}')
    conn.execute(insert(frames), {"terminal_id": 1, "received_at": NOON, "body": body})
    for number, raw in enumerate(('{"cmd":"sendlog"', '{"enrollid":"x"}')):
        row = {"terminal_id": 1, "sn": "TM20-001", "digest": f"{number:064}", "raw": raw}
        conn.execute(insert(quarantine), row | {"reason": "is no number", "received_at": NOON})
    _failed_delivery(conn)
    values: dict[str, Any] = {"name": "wall", "role": "viewer", "created_by": "x", "expires_at": None}
    tokens.add_token(conn, TOKEN, now=utc_now(), **values)
    order = SetUserInfo("123", "John Doe", 0, record=SENT)
    expires_at = utc_now() + timedelta(days=1)
    commands.add_command(conn, vault, 1, order, operator="x", now=utc_now(), expires_at=expires_at)


def _failed_delivery(conn: Connection) -> None:
    batch = {"service_id": 1, "key": "k", "body": b"{}", "record_count": 1, "status": "refused"}
    lease = {"node": "main", "leased_until": NOON, "created_at": NOON, "settled_at": NOON}
    ident = conn.execute(insert(batches).returning(batches.c.id), batch | lease).scalar_one()
    tried = {"batch_id": ident, "started_at": NOON, "duration_seconds": 0.1, "status_code": 422}
    conn.execute(insert(attempts), tried | {"outcome": "refused", "reason": "422", "answer": "no"})
    first = conn.scalar(select(deliveries.c.id).where(deliveries.c.service_id == 1).limit(1))
    changes = {"status": "failed", "attempts": 3, "last_error": "422", "batch_id": ident}
    conn.execute(deliveries.update().where(deliveries.c.id == first).values(changes))
