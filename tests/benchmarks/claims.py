"""`python -m tests.benchmarks.claims [--rows N] [--url URL]`: what a long queue costs the courier.

The same steps with a thousand deliveries pending and with N (a million), on an empty
SQLite file or the database at URL: the claim of a batch, the claim of one terminal's
batch whose punches are the last of the queue, and what a round by hand does before and
after. Each step is a transaction of its own; its whole time counts, the commit too.
Punches wait for none of the search for one terminal's: it does not write.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from tests.store.factories import add_terminal
from tm20tui.delivery.ledger import new_key
from tm20tui.hr.generic import render
from tm20tui.model import utc_now
from tm20tui.store import batches, deliveries, reviving
from tm20tui.store.engine import Database
from tm20tui.store.schema import Utc, metadata
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.store.upgrade import upgrade
from tm20tui.store.vault import Vault

SMALL = 1000
BATCH = 100
ROUNDS = 5
CLAIMS = 8
LAST = 100
FILL_STEP = 50_000
CLAIM = f"claim of a batch of {BATCH}"
READING = "search of one terminal's (only reads)"
Step = Callable[[Connection], Any]


def fill(database: Database, vault: Vault, rows: int) -> tuple[int, int]:
    """A service that is owed `rows` punches, the last of them from a second terminal: both ids."""

    def begin(conn: Connection) -> tuple[int, int, int]:
        service = add_service(conn, vault, ServiceDraft("hr", "https://hr.example"), utc_now())
        return service.id, add_terminal(conn, "BENCH-1"), add_terminal(conn, "BENCH-2")

    with database.connect(writing=True) as connection, connection.begin():
        service, most, last = begin(connection)
    for start in range(0, rows, FILL_STEP):
        with database.connect(writing=True) as connection, connection.begin():
            _fill_some(connection, service, (most, last), start, min(start + FILL_STEP, rows), rows)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if database.dialect == "sqlite":
            # What follows is not to pay for the filling.
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("VACUUM")
    return service, last


def _fill_some(
    conn: Connection, service: int, terminals: tuple[int, int], start: int, end: int, rows: int
) -> None:
    at = Utc().process_bind_param(utc_now() - timedelta(days=1), conn.dialect)
    conn.execute(
        text(
            "INSERT INTO punches (terminal_id, enrollid, time_raw, time_utc, timezone, mode, inout, event, "
            f"received_at, sync_status) WITH RECURSIVE n(i) AS (SELECT {start + 1} UNION ALL SELECT i + 1 "
            f"FROM n WHERE i < {end}) SELECT CASE WHEN i <= {rows - LAST} THEN {terminals[0]} "
            f"ELSE {terminals[1]} END, CAST(i % 1000 AS VARCHAR(9)), CAST(i AS VARCHAR(20)), :at, 'UTC', "
            "0, 0, 0, :at, 'pending' FROM n"
        ),
        {"at": at},
    )
    conn.execute(
        text(
            f"INSERT INTO deliveries (punch_id, service_id) SELECT id, {service} FROM punches "
            "WHERE id > (SELECT COALESCE(MAX(punch_id), 0) FROM deliveries) ORDER BY id"
        )
    )


def steps(service: int, terminal: int, found: list[int]) -> dict[str, Step]:
    """What is timed, by name."""
    now = utc_now()
    claiming: dict[str, Any] = {"node": "bench", "lease_seconds": 60.0, "now": now}

    def claim(conn: Connection, among: list[int] | None = None) -> None:
        assert batches.claim_open_batch(conn, service + 1, **claiming) is None
        made = batches.claim_batch(
            conn, service, limit=BATCH, render=render, new_key=new_key, among=among, **claiming
        )
        assert made is not None
        assert len(made.rows) == BATCH

    return {
        CLAIM: claim,
        "claim of one terminal's batch": lambda conn: claim(conn, found),
        "round by hand: what is put off": lambda conn: reviving.hasten(
            conn, reviving.find_waiting(conn, service, None, now)
        ),
        READING: lambda conn: batches.find_due(conn, service, terminal, now),
        "when the next may go": lambda conn: deliveries.next_due(conn, service),
        "how many are left": lambda conn: deliveries.count_pending(conn, service),
    }


def measure(database: Database, service: int, terminal: int) -> dict[str, tuple[float, float]]:
    """The median and the worst of each step, in milliseconds."""
    with database.connect(writing=False) as connection:
        of_terminal = batches.find_due(connection, service, terminal, utc_now())
    found: dict[str, tuple[float, float]] = {}
    for name, step in steps(service, terminal, of_terminal).items():
        took: list[float] = []
        for _ in range(ROUNDS):
            for _ in range(1 if "terminal" in name else CLAIMS):
                started = time.perf_counter()
                with database.connect(writing=name != READING) as connection, connection.begin():
                    step(connection)
                took.append((time.perf_counter() - started) * 1000)
            with database.connect(writing=True) as connection, connection.begin():
                connection.execute(text("UPDATE batches SET doubt = 0 WHERE status = 'open'"))
                batches.return_batches(connection, service, "bench", utc_now())
        found[name] = (statistics.median(took), max(took))
    return found


def run(url: str, rows: int, vault: Vault) -> dict[str, tuple[float, float]]:
    """Fill an empty database and measure; what was filled is removed again."""
    database = Database(url)
    upgrade(database)
    try:
        service, terminal = fill(database, vault, rows)
        return measure(database, service, terminal)
    finally:
        if database.dialect == "postgresql":
            tables = ", ".join(table.name for table in metadata.sorted_tables)
            with database.connect(writing=True) as connection, connection.begin():
                connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.claims", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many are pending at most")
    parser.add_argument("--url", help="an empty database (default: an SQLite file that is deleted)")
    given = parser.parse_args()
    found = []
    for rows in (SMALL, given.rows):
        with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as folder:
            vault = Vault.open(Path(folder) / "secret.key")
            found.append(run(given.url or f"sqlite:///{folder}/tm20.db", rows, vault))
    small, large = found
    print(f"{'median ms (worst)':38} {f'{SMALL:,} pending':>20} {f'{given.rows:,} pending':>22} {'ratio':>7}")
    for name, (median, worst) in small.items():
        long_median, long_worst = large[name]
        print(
            f"{name:38} {f'{median:.2f} ({worst:.1f})':>20} {f'{long_median:.2f} ({long_worst:.1f})':>22} "
            f"{long_median / median:7.2f}"
        )


if __name__ == "__main__":
    main()
