"""Services side by side in a real server: what one does costs the others nothing."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import trio

from tests.process.server import service_draft, serving, until
from tests.process.terminal import dialled
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.simulate.hr_service import Reply, Request

PUNCHES = 25
RETRY_AFTER_SECONDS = 3600.0


class Clocked(HrService):
    """A service that remembers when each record came first, and each request."""

    def __init__(self, **options: object) -> None:
        super().__init__(seed=1, hang_seconds=3600.0, **options)  # type: ignore[arg-type]
        self.came: dict[int, float] = {}
        self.asked: list[float] = []

    def handle(self, request: Request) -> Reply:
        now = time.perf_counter()
        self.asked.append(now)
        reply = super().handle(request)
        for log_id in self.records.keys() - self.came.keys():
            self.came[log_id] = now
        return reply


async def test_one_of_ten_services_hangs_and_nine_have_the_punch_meanwhile(tmp_path: Path) -> None:
    hanging, *fine = [Clocked(fault="timeout-before" if number == 0 else "none") for number in range(10)]
    async with trio.open_nursery() as nursery:
        drafts = []
        for number, receiver in enumerate((hanging, *fine)):
            port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
            drafts.append(service_draft(f"HR {number}", port, timeout_seconds=60.0))
        with serving(tmp_path) as server:
            server.prepare(*drafts)
            await server.start()
            took: list[float] = []
            async with dialled(server) as terminal:
                for number in range(5):
                    began = time.perf_counter()
                    await terminal.punch(number)
                    await until(lambda n=number: all(len(one.came) > n for one in fine))  # type: ignore[misc]
                    took.append(max(one.came[number + 1] for one in fine) - began)
            print("from terminal to the last of nine services:", *(f"{one * 1000:.0f} ms" for one in took))
            assert len(hanging.asked) == 1
        nursery.cancel_scope.cancel()
    assert hanging.records == {}
    # A busy machine is no finding; a neighbour that waits for the one that hangs would take a minute.
    assert max(took) < 30.0


async def test_a_throttled_service_costs_its_neighbour_no_time(tmp_path: Path) -> None:
    """The same punches first with a neighbour that works, then with one that asks for an hour."""
    neighbour, fine = Clocked(retry_after_seconds=RETRY_AFTER_SECONDS), Clocked()
    medians: list[float] = []
    async with trio.open_nursery() as nursery:
        ports = [await nursery.start(serve_hr, one, "127.0.0.1", 0) for one in (neighbour, fine)]
        with serving(tmp_path) as server:
            server.prepare(service_draft("neighbour", ports[0]), service_draft("fine", ports[1]))
            await server.start()
            async with dialled(server) as terminal:
                for start, fault in ((0, "none"), (PUNCHES, "429")):
                    neighbour.control({"fail": fault, "share": 1.0})
                    latencies = []
                    for number in range(start, start + PUNCHES):
                        began = time.perf_counter()
                        await terminal.punch(number)
                        await until(lambda n=number: n + 1 in fine.came)  # type: ignore[misc]
                        latencies.append(fine.came[number + 1] - began)
                    medians.append(statistics.median(latencies))
                    if fault == "none":  # the neighbour may be a request behind the one that is measured
                        await until(lambda: len(neighbour.records) == PUNCHES)
        nursery.cancel_scope.cancel()
    print(
        f"from terminal to service, median: {medians[0] * 1000:.1f} ms, with a throttled neighbour "
        f"{medians[1] * 1000:.1f} ms"
    )
    assert neighbour.requests["429"] == 1
    assert len(neighbour.records) == PUNCHES
    # Who waits for the throttled one waits an hour.
    assert medians[1] < max(5 * medians[0], 2.0)
