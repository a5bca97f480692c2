"""`python -m tests.benchmarks.upkeep [--rows N] [--url URL]`: how long punches wait behind upkeep.

A database with N punches that were sent long ago, and a tenth as many that failed. While
old deliveries are forgotten, then while all that failed is tried again, a punch comes
every 20 ms through the same queue of writers: how long until it is durable.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import trio
from sqlalchemy import Connection, text

from tests.store.factories import add_punches, add_terminal
from tm20tui.events import EventBus
from tm20tui.gateway import Gateway
from tm20tui.gentle import GentleWriter
from tm20tui.model import utc_now
from tm20tui.operations import dead_letter_changes
from tm20tui.operations.call import SERVER, Call
from tm20tui.operations.deliveries import retry_deliveries
from tm20tui.retention import forget_old_deliveries
from tm20tui.settings import DeliverySettings
from tm20tui.store.engine import Database
from tm20tui.store.schema import Utc
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault
from tm20tui.tasks import Tasks

PUNCH_SECONDS = 0.02
BATCH = 100


def fill(conn: Connection, vault: Vault, rows: int) -> int:
    """Punches that were sent 100 days ago in batches, a tenth as many that failed; the terminal's id."""
    terminal = add_terminal(conn)
    add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), utc_now())
    failed = rows // 10
    old = Utc().process_bind_param(utc_now() - timedelta(days=100), conn.dialect)
    conn.execute(
        text(
            "INSERT INTO punches (terminal_id, enrollid, time_raw, time_utc, timezone, mode, inout, event, "
            "received_at, sync_status) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            f"WHERE i < {rows + failed}) SELECT {terminal}, CAST(i % 1000 AS VARCHAR(9)), "
            "CAST(i AS VARCHAR(20)), :old, 'UTC', 0, 0, 0, :old, "
            f"CASE WHEN i <= {rows} THEN 'sent' ELSE 'failed' END FROM n"
        ),
        {"old": old},
    )
    conn.execute(
        text(
            "INSERT INTO batches (service_id, key, body, record_count, status, attempts, node, leased_until, "
            f"created_at, settled_at) SELECT 1, 'msg_' || id, :body, {BATCH}, 'sent', 1, 'main', :old, :old, "
            f":old FROM punches WHERE id % {BATCH} = 0 AND id <= {rows}"
        ),
        {"old": old, "body": b"x" * 20_000},
    )
    conn.execute(
        text(
            "INSERT INTO attempts (batch_id, started_at, duration_seconds, status_code, outcome, answer) "
            "SELECT id, :old, 0.1, 200, 'sent', '{}' FROM batches"
        ),
        {"old": old},
    )
    conn.execute(
        text(
            "INSERT INTO deliveries "
            "(punch_id, service_id, status, attempts, batch_id, synced_at, last_error) "
            f"SELECT id, 1, CASE WHEN id <= {rows} THEN 'sent' ELSE 'failed' END, 1, "
            f"CASE WHEN id <= {rows} THEN (id - 1) / {BATCH} + 1 END, :old, "
            f"CASE WHEN id <= {rows} THEN '' ELSE 'answered 422: unknown employee' END "
            "FROM punches ORDER BY id"
        ),
        {"old": old},
    )
    return terminal


async def punches_wait(
    database: Database, terminal: int, first: int, work: Callable[[], Awaitable[str]]
) -> None:
    """Run `work` while punches come, and print what became of both."""
    waits: list[float] = []

    async def come() -> None:
        number = first
        while True:
            started = time.perf_counter()
            await database.write(add_punches, terminal, 1, first=number)
            waits.append(time.perf_counter() - started)
            number += 1
            await trio.sleep(PUNCH_SECONDS)

    started = time.perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(come)
        said = await work()
        nursery.cancel_scope.cancel()
    seconds = time.perf_counter() - started
    waits.sort()
    p50, p99, worst = (waits[int(share * (len(waits) - 1))] * 1000 for share in (0.5, 0.99, 1))
    print(
        f"{said}: {seconds:.1f} s; {len(waits)} punches waited {p50:.1f} ms, p99 {p99:.1f}, worst {worst:.1f}"
    )


async def run(url: str, rows: int) -> None:
    """Fill, then upkeep while punches come."""
    database = Database(url)
    upgrade(database)
    with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as folder:
        vault = Vault.open(Path(folder) / "secret.key")
        terminal = await database.write(fill, vault, rows)
    if database.dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    writers: list[GentleWriter] = []

    class Noted(GentleWriter):
        def __init__(self, *values: Any) -> None:
            super().__init__(*values)
            writers.append(self)

    async def rest() -> str:
        await trio.sleep(10)
        return "nothing else"

    async def forget() -> str:
        writer = GentleWriter(database)
        keep = DeliverySettings(sent_keep_days=30, batch_keep_days=30, attempt_keep_days=30)
        said = await forget_old_deliveries(database, keep, writer)
        return f"forgotten: {said}, longest step {writer.longest_seconds * 1000:.1f} ms"

    async with trio.open_nursery() as nursery:
        parts = SimpleNamespace(
            database=database,
            tasks=Tasks(nursery),
            events=EventBus(),
            dispatcher=SimpleNamespace(news=lambda services: None),
        )

        async def retry() -> str:
            dead_letter_changes.GentleWriter, dead_letter_changes.PATIENCE_SECONDS = Noted, 3600.0  # type: ignore[misc]
            done = await retry_deliveries(Call(cast(Gateway, parts), SERVER), reason="unknown employee")
            longest = max(writer.longest_seconds for writer in writers)
            return f"retried {done.changed:,}, longest step {longest * 1000:.1f} ms"

        for first, work in ((10**6, rest), (2 * 10**6, forget), (3 * 10**6, retry)):
            await punches_wait(database, terminal, first, work)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.upkeep", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="punches that were sent long ago")
    parser.add_argument("--url", help="an empty database (default: an SQLite file that is deleted)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as folder:
        trio.run(run, given.url or f"sqlite:///{folder}/tm20.db", given.rows)


if __name__ == "__main__":
    main()
