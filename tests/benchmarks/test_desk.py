"""A short version of the benchmark of commands: each is confirmed, one in flight at a time."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import desk


async def test_fifty_terminals_are_each_asked_one_thing_at_a_time(tmp_path: Path) -> None:
    found = await desk.measure(tmp_path, count=50, each=4)
    assert (found.confirmed, found.most_in_flight) == (200, 1)
    # Terminals do not wait for each other.
    assert found.at_once > 1
