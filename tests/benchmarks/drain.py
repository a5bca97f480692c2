"""Delivery: how fast a queue empties into a service that keeps up."""

from __future__ import annotations

import multiprocessing
import time
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import trio
from sqlalchemy import Connection

from tests.benchmarks.product import add_service, prepare, running
from tm20tui.model import utc_now
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.store import deliveries, punches, terminals
from tm20tui.store.engine import Database

_GIVE_UP_SECONDS = 180.0


def _fill(connection: Connection, count: int) -> None:
    now = utc_now()
    site_id = terminals.ensure_site(connection, "Default", "UTC")
    terminal = terminals.add_terminal(
        connection, "BENCH", site_id=site_id, admission="approved", direction_policy="terminal", now=now
    )
    for start in range(0, count, 5000):
        rows = []
        for number in range(start, min(start + 5000, count)):
            at = now - timedelta(seconds=count - number)
            rows.append(
                {
                    "terminal_id": terminal.id,
                    "enrollid": str(1 + number % 500),
                    "time_raw": f"{at:%Y-%m-%d %H:%M:%S}",
                    "time_utc": at.replace(microsecond=0),
                    "timezone": "UTC",
                    "mode": 1,
                    "inout": 0,
                    "event": 0,
                    "received_at": now,
                    "sync_status": "pending",
                }
            )
        new = punches.add_punches(connection, rows)
        deliveries.add_deliveries(connection, [(punch_id, 1, False) for punch_id, _ in new])


def _receive(pipe: Pipe) -> None:
    service = HrService(seed=1)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            pipe.send(await nursery.start(serve_hr, service, "127.0.0.1", 0))
            while True:
                await trio.sleep(0.02)
                while pipe.poll():
                    pipe.recv()
                    pipe.send(len(service.records))

    trio.run(main)


async def deliveries_per_second(folder: Path, count: int) -> float:
    """Deliveries per second, from the first that arrives to the last of `count`."""
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=_receive, args=(there,), daemon=True)
    receiver.start()
    try:
        port = here.recv()
        database, vault = prepare(folder)
        add_service(database, vault, f"http://127.0.0.1:{port}", interval=0)
        with database.connect(writing=True) as connection, connection.begin():
            _fill(connection, count)
        database.close()
        with running(folder):
            return await _watch(here, count, folder)
    finally:
        receiver.kill()


async def _watch(pipe: Pipe, count: int, folder: Path) -> float:
    started, first = 0.0, 0
    with trio.fail_after(_GIVE_UP_SECONDS):
        while True:
            await trio.sleep(0.02)
            pipe.send(None)
            received = pipe.recv()
            now = time.perf_counter()
            if not started and received:
                started, first = now, received
            if received >= count:
                rate = (count - first) / (now - started)
                break
        await _until_settled(folder)
    return rate


async def _until_settled(folder: Path) -> None:
    database = Database(f"sqlite:///{folder / 'tm20.db'}")
    while True:
        counts = await database.read(deliveries.count_deliveries)
        if all(one.pending + one.in_flight == 0 for one in counts.values()):
            break
        await trio.sleep(0.05)
    database.close()
