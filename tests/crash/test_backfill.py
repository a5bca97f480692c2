"""A service that comes after the punches is owed them too, and kills in between change nothing."""

from __future__ import annotations

import math
from pathlib import Path
from zoneinfo import ZoneInfo

import trio

from tests.crash.verify import Promises, verify
from tests.process.server import ZONE, service_draft, serving, until
from tm20tui.simulate.fleet import run_fleet
from tm20tui.simulate.hr import Fault, HrService, serve_hr
from tm20tui.simulate.ledger import Ledger

PUNCHES = 400


async def test_punches_from_before_the_first_service_reach_it_once(tmp_path: Path) -> None:
    receiver, ledger = HrService(seed=1, hang_seconds=600.0), Ledger()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path) as server:
            await server.start()
            fleet = await run_fleet(
                server.url,
                count=6,
                rate=math.inf,
                punches=PUNCHES,
                batch=10,
                seed=1,
                time_scale=0.02,
                ledger=ledger,
                drain=True,
            )
            assert (fleet.made, fleet.acked) == (PUNCHES, PUNCHES)
            server.kill()
            (service,) = server.prepare(service_draft("HR", port))
            for fault in (Fault.SLOW, Fault.TIMEOUT, Fault.SLOW):
                receiver.fault = fault
                before = receiver.requests.total()
                await server.start()
                await until(lambda before=before: receiver.requests.total() > before)
                server.kill()
            receiver.fault = Fault.NONE
            await server.start()
            await until(lambda: len(receiver.records) == PUNCHES)
            assert await server.stop() == 0
        nursery.cancel_scope.cancel()
    promises = Promises(list(ledger.entries()), {service: receiver}, ZoneInfo(ZONE))
    assert verify(server.database_url, promises).report() == ""
    assert receiver.counts["replayed"] > 0
