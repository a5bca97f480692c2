"""The yardstick: what the standard library's sqlite3 can store with the same fsync policy."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

_TABLE = """
CREATE TABLE punches (
    id INTEGER PRIMARY KEY, terminal_id INTEGER, enrollid TEXT, time_raw TEXT, time_utc TEXT,
    mode INTEGER, inout INTEGER, event INTEGER, received_at TEXT,
    UNIQUE (terminal_id, enrollid, time_raw, mode, inout, event))
"""
_INSERT = """
INSERT INTO punches (terminal_id, enrollid, time_raw, time_utc, mode, inout, event, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""


def rows_per_second(folder: Path, batch: int, seconds: float = 2.0) -> float:
    """Rows per second of executemany, `batch` rows per transaction, WAL and synchronous=FULL."""
    path = folder / f"bare-{batch}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(_TABLE)
    stored, number, started = 0, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        rows = []
        for _ in range(batch):
            number += 1
            rows.append(
                (
                    number % 200,
                    str(number),
                    "2026-06-02 08:00:00",
                    "2026-06-02 06:00:00",
                    1,
                    0,
                    0,
                    "2026-06-02",
                )
            )
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(_INSERT, rows)
        connection.execute("COMMIT")
        stored += batch
    elapsed = time.perf_counter() - started
    connection.close()
    path.unlink()
    return stored / elapsed
