"""`python -m tests.benchmarks.company [--punches N] [--terminals N]`: the console of a large company.

A headless server on a database of 2,000 terminals, 5,000 users and 100,000 punches, a part of them owed and
a part failed; `tm20tui attach` at 120x36. For each mode: how long after its key the first of it is painted,
and how long until all of it is, then the same of page keys and of the last page.
"""

from __future__ import annotations

import argparse
import datetime
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import trio
from sqlalchemy import Connection, insert, text

from tests.benchmarks.__main__ import Table
from tests.benchmarks.console import Terminal, looking
from tests.benchmarks.product import Product, add_service, free_port, prepare, running
from tests.store.factories import add_site
from tm20tui.model import utc_now
from tm20tui.store.schema import Utc, audit, schedules, terminals, users

MODES = ("Live", "Terminals", "Delivery", "Punches", "Users", "Schedules", "Services", "Tasks", "Log")
USERS = 5000
PAGE_DOWN, PAGE_UP, END, HOME = "\x1b[6~", "\x1b[5~", "\x1b[F", "\x1b[H"
KEYS = {"page down": PAGE_DOWN, "page down again": PAGE_DOWN, "page up": PAGE_UP, "end": END, "home": HOME}
_STILL_SECONDS = 0.8


def fill(conn: Connection, service: int, count: int, punches: int) -> None:
    """The company's terminals, users and punches; every tenth punch is owed, every fiftieth failed."""
    now = utc_now()
    site = add_site(conn, "Default", "Europe/Paris")
    conn.execute(
        insert(terminals),
        [
            {
                "sn": f"LARGE{number:05}",
                "sn_key": f"large{number:05}",
                "name": f"Porte {number}",
                "site_id": site,
                "admission": "approved",
                "first_seen_at": now - timedelta(days=30),
                "last_seen_at": now - timedelta(hours=1),
            }
            for number in range(count)
        ],
    )
    conn.execute(
        insert(users),
        [
            {"site_id": site, "enrollid": str(number), "name": f"Personne {number}"}
            | {"created_at": now, "updated_at": now}
            for number in range(1, USERS + 1)
        ],
    )
    first = conn.execute(text("SELECT MIN(id) FROM terminals WHERE sn LIKE 'LARGE%'")).scalar_one()
    opened = {"check_in_time": datetime.time(8), "check_out_time": datetime.time(17)}
    conn.execute(
        insert(schedules),
        [
            {"terminal_id": first + number, "name": "Standard", "weekday": weekday, **opened}
            | {"created_at": now, "updated_at": now}
            for number in range(count)
            for weekday in range(5)
        ],
    )
    conn.execute(
        insert(audit),
        [
            {"at": now, "operator": "ann", "role": "admin", "origin": "cli", "operation": "terminals.time"}
            | {"outcome": "done", "duration_seconds": 0.01, "correlation_id": f"{number:08x}"}
            for number in range(20_000)
        ],
    )
    at = Utc().process_bind_param(now - timedelta(hours=2), conn.dialect)
    conn.execute(
        text(
            "INSERT INTO punches (terminal_id, enrollid, time_raw, time_utc, timezone, mode, inout, event, "
            "received_at, sync_status) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
            f"i < {punches}) SELECT {first} + i % {count}, CAST(1 + i % {USERS} AS VARCHAR(9)), "
            "CAST(i AS VARCHAR(20)), :at, 'Europe/Paris', 0, 0, 0, :at, "
            "CASE WHEN i % 10 = 0 THEN 'pending' ELSE 'sent' END FROM n"
        ),
        {"at": at},
    )
    conn.execute(
        text(
            "INSERT INTO deliveries (punch_id, service_id, status, last_error, synced_at, next_attempt_at) "
            f"SELECT id, {service}, CASE WHEN id % 50 = 0 THEN 'failed' WHEN id % 10 = 0 THEN 'pending' "
            "ELSE 'sent' END, CASE WHEN id % 50 = 0 THEN '422 unknown employee' ELSE '' END, "
            "CASE WHEN id % 10 = 0 THEN NULL ELSE :at END, CASE WHEN id % 10 = 0 THEN :later END FROM punches"
        ),
        {"at": at, "later": Utc().process_bind_param(now + timedelta(days=1), conn.dialect)},
    )


async def _seen(terminal: Terminal, keys: str) -> tuple[float, float]:
    """Type; the seconds until the first and the last of it was painted, 0 where nothing was."""
    before, started, first = terminal.bytes, time.monotonic(), 0.0
    terminal.press(keys)
    while time.monotonic() - max(started, terminal.last_at) < _STILL_SECONDS:
        if not first and terminal.bytes > before:
            first = time.monotonic() - started
        if time.monotonic() - started > 15:
            raise RuntimeError("the console has not stood still for fifteen seconds")
        await trio.sleep(0.002)
    return first, max(0.0, terminal.last_at - started) if first else 0.0


async def measure(product: Product, table: Table) -> None:
    """Every mode, twice: what is opened first is loaded, what is opened again was."""
    async with looking(product) as terminal:
        terminal.press("9")
        await terminal.settle()
        for number, mode in enumerate(MODES, 1):
            first, last = await _seen(terminal, str(number))
            table.add(f"{mode}: opened, something painted", first * 1000, "ms")
            table.add("  all painted", last * 1000, "ms", "1,000")
            for name, key in KEYS.items():
                first, last = await _seen(terminal, key)
                if last:
                    table.add(f"  {name}", first * 1000, "ms", "500")
                    table.add("    with details, counts, a round of refreshing", last * 1000, "ms")


async def run(count: int, punches: int) -> None:
    """Fill, start, look."""
    table = Table()
    with tempfile.TemporaryDirectory(prefix="tm20tui-bench-") as name:
        folder = Path(name)
        database, vault = prepare(folder)
        service = add_service(database, vault, f"http://127.0.0.1:{free_port()}", interval=60)
        with database.connect(writing=True) as connection, connection.begin():
            fill(connection, service, count, punches)
        database.close()
        quiet = {"TM20_STATE_DIRECTORY": str(folder), "TM20_USERS__SYNC_MINUTES": "0"}
        with running(folder, **quiet) as product:
            await product.wait_until_listening()
            await measure(product, table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.company", description=__doc__)
    parser.add_argument("--terminals", type=int, default=2000)
    parser.add_argument("--punches", type=int, default=100_000)
    given = parser.parse_args()
    trio.run(run, given.terminals, given.punches)


if __name__ == "__main__":
    main()
