"""Memory: what a connected terminal costs that has nothing to say."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.benchmarks.product import prepare, running
from tm20tui.simulate.fleet import Fleet


async def kb_per_terminal(folder: Path, count: int) -> float:
    """Resident kB per idle terminal, over the server without terminals."""
    prepare(folder)[0].close()
    with running(folder) as product:
        await product.wait_until_listening()
        await trio.sleep(1)
        before = product.rss_kb
        fleet = Fleet(product.url, count=count, rate=0, seed=1, time_scale=0.2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fleet.run)
            with trio.fail_after(120):
                while fleet.stats().registered < count:
                    await trio.sleep(0.2)
            await trio.sleep(3)
            after = product.rss_kb
            nursery.cancel_scope.cancel()
    return (after - before) / count
