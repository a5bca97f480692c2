"""Random failures of every kind, with crashes: each punch ends sent once, or failed for a true reason."""

from __future__ import annotations

import random
import time

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.rig import Rig, all_statuses, open_rig
from tm20tui.delivery.config import DeliveryConfig
from tm20tui.simulate.hr_faults import Fault
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault

ROUNDS = 60


async def real_time(seconds: float) -> None:
    """Sockets and disks get time; the program's clock stands still."""
    await trio.to_thread.run_sync(time.sleep, seconds)


async def open_deliveries(rig: Rig) -> int:
    counts = await rig.database.read(all_statuses)
    return sum(counts.get(status, 0) for status in ("pending", "in flight"))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_or_sent_twice(
    database: Database, vault: Vault, mock_clock: MockClock, seed: int
) -> None:
    rng = random.Random(seed)
    config = DeliveryConfig(allow_private_hosts=True, backoff_seconds=(1, 2, 4), retry_sweep_minutes=5)
    async with open_rig(database, vault, mock_clock, config=config, fault="mixed", share=0.5) as rig:
        rig.receiver.hang_seconds = 30
        await rig.add_service(batch_size=16, timeout_seconds=5, retry_attempts=2)
        crash = await rig.start()
        ids: list[int] = []
        for _ in range(ROUNDS):
            new = await rig.punch(rng.randint(0, 12))
            ids += new
            rig.receiver.poison_log_ids |= {ident for ident in new if rng.random() < 0.03}
            await real_time(0.01)
            mock_clock.jump(rng.choice((0.1, 1, 5, 20)))
            if rng.random() < 0.15:
                crash.cancel()
                await rig.until(lambda: not rig.dispatcher.status())
                crash = await rig.start()
        poisoned = set(rig.receiver.poison_log_ids)
        rig.receiver.fault = Fault.POISON
        mock_clock.jump(30)
        for _ in range(1000):
            await real_time(0.005)
            if rig.dispatcher.status()[0].in_flight_since is not None:
                continue
            if not await open_deliveries(rig):
                break
            if rig.health() == "paused":
                await rig.dispatcher.sync_now(1)
            mock_clock.jump(20)
        assert await open_deliveries(rig) == 0
        failed = {row[0] for row in await rig.rows("SELECT punch_id FROM deliveries WHERE status = 'failed'")}
        sent = {
            row[0]
            for row in await rig.rows("SELECT punch_id FROM deliveries WHERE status IN ('sent', 'duplicate')")
        }
        assert failed <= poisoned
        assert sent == set(rig.receiver.records) == set(ids) - failed
        assert rig.receiver.counts["delivered_twice"] == 0, rig.receiver.delivered_twice
        assert rig.receiver.violations == []
        wrong = await rig.rows(
            "SELECT p.id FROM punches p JOIN deliveries d ON d.punch_id = p.id WHERE p.sync_status <> "
            "CASE d.status WHEN 'failed' THEN 'failed' ELSE 'sent' END"
        )
        assert wrong == []
        crash.cancel()
