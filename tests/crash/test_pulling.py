"""The server killed again and again while it pulls what a terminal holds: all of it is there, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trio
from sqlalchemy import text

from tests.process.server import ZONE, Server, service_draft, serving, until
from tm20tui.simulate.connection import Connection, Target
from tm20tui.simulate.firmware import FAMILIES
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.simulate.ledger import Ledger, Punch
from tm20tui.simulate.people import make_roster
from tm20tui.simulate.stats import Tally
from tm20tui.simulate.terminal import Terminal, Traits
from tm20tui.store.engine import Database

DAYS = 4
PER_DAY = 400
KILLS = 3


def made() -> list[Punch]:
    """Records of the last days, in the site's time."""
    today = datetime.now(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=1, microsecond=0, tzinfo=None)
    return [
        Punch(
            number % 45 + 1,
            f"{today - timedelta(days=day) + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}",
            1,
            0,
            0,
        )
        for day in range(DAYS, 0, -1)
        for number in range(PER_DAY)
    ]


def count(server: Server, query: str) -> int:
    database = Database(server.database_url)
    try:
        with database.connect(writing=False) as connection:
            return int(connection.execute(text(query)).scalar_one())
    finally:
        database.close()


@pytest.mark.parametrize("family", ["TH600", "AiFace"])
async def test_kills_during_a_pull_lose_and_double_nothing(tmp_path: Path, family: str) -> None:
    receiver, ledger, tally = HrService(seed=1), Ledger(), Tally()
    device = Terminal(
        1,
        FAMILIES[family],
        make_roster(45, 1),
        traits=Traits(
            seed=1, enrol_seconds=float("inf"), time_scale=0.02, patience_seconds=10, history=10_000
        ),
        ledger=ledger,
        tally=tally,
    )
    device.device.logs.keep_back(made())
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path, None) as server:
            server.environment |= {"TM20_BACKFILL__SETTLE_SECONDS": "0.1", "TM20_BACKFILL__DAYS": "6"}
            server.prepare(service_draft("HR", port))
            await server.start()
            nursery.start_soon(Connection(device, Target.from_url(server.url)).run)
            total = DAYS * PER_DAY
            for kill in range(1, KILLS + 1):
                share = total * kill // (KILLS + 1)
                await until(lambda share=share: count(server, "SELECT COUNT(*) FROM punches") >= share, 30)
                server.kill()
                await server.start()
            await until(lambda: len(receiver.records) == total, 60)
            await until(
                lambda: (
                    count(server, "SELECT COUNT(*) FROM reconciliations WHERE agreed_at IS NOT NULL") == 1
                ),
                30,
            )
            assert await server.stop() == 0
            assert count(server, "SELECT COUNT(*) FROM punches") == total
            assert count(server, "SELECT COUNT(*) FROM deliveries WHERE status = 'sent'") == total
            assert count(server, "SELECT counted FROM reconciliations") == total
        nursery.cancel_scope.cancel()
    assert receiver.counts["delivered_twice"] == 0
    assert not ledger.violations
