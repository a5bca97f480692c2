"""Frames for the tests of ingest, as the protocol's own decoder makes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from tm20tui.ingest.config import IngestConfig
from tm20tui.ingest.frames import Frame, LogFrame, Receipt, UserFrame
from tm20tui.ingest.transaction import write_frames
from tm20tui.model import Terminal
from tm20tui.protocol import SendLog, SendUser, decode
from tm20tui.store import schema, terminals
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

RECEIVED_AT = datetime(2026, 6, 2, 6, 0, 5, tzinfo=UTC)


async def make_terminal(
    database: Database, sn: str = "ZXAB21004711", *, timezone: str = "Europe/Paris", **changes: Any
) -> Terminal:
    """An approved terminal of the default site."""

    def make(connection: Connection) -> Terminal:
        site_id = terminals.ensure_site(connection, "Default", timezone)
        made = terminals.add_terminal(
            connection,
            sn,
            site_id=site_id,
            admission="approved",
            direction_policy=changes.pop("direction_policy", "terminal"),
            now=RECEIVED_AT,
        )
        return terminals.update_terminal(connection, made.id, changes)

    return await database.write(make)


def record(enrollid: int | str = 17, time: str = "2026-06-02 08:00:00", **members: Any) -> dict[str, Any]:
    """One record as a terminal sends it."""
    return {"enrollid": enrollid, "time": time, "mode": 1, "inout": 0, "event": 0} | members


def log_frame(terminal: Terminal, *records: Any, received_at: datetime = RECEIVED_AT) -> LogFrame:
    """A `sendlog` with these records."""
    raw = json.dumps({"cmd": "sendlog", "sn": terminal.sn, "count": len(records), "record": list(records)})
    push = decode(raw)
    assert isinstance(push, SendLog)
    return LogFrame(terminal, ZoneInfo(terminal.timezone), received_at, push.records, push.bad, raw)


def user_frame(terminal: Terminal, **members: Any) -> UserFrame:
    """A `senduser` with these members."""
    raw = json.dumps({"cmd": "senduser", "sn": terminal.sn} | members)
    push = decode(raw)
    assert isinstance(push, SendUser)
    return UserFrame(terminal, RECEIVED_AT, push, raw)


async def store(database: Database, vault: Vault, *frames: Frame, **config: Any) -> list[Receipt]:
    """Store frames in one transaction."""
    return await database.write(write_frames, frames, config=IngestConfig(**config), site_id=1, vault=vault)


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """All rows of a table by id."""
    source = schema.metadata.tables[table]

    def read(connection: Connection) -> list[dict[str, Any]]:
        order = source.c.id if "id" in source.c else next(iter(source.c))
        return [dict(row) for row in connection.execute(select(source).order_by(order)).mappings()]

    return await database.read(read)
