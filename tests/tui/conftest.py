"""One server for the tests of a file that only look, and terminals to look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.tui.world import World, running
from tm20tui.store.terminals import add_terminal


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with three terminals that are not connected: one to approve, one approved, one blocked."""
    with running(tmp_path_factory.mktemp("world")) as found:
        for sn, admission in (("ZX01", "pending"), ("ZX02", "approved"), ("ZX03", "blocked")):
            found.write(
                add_terminal,
                sn,
                site_id=found.gateway.site_id,
                admission=admission,
                direction_policy="terminal",
                now=datetime(2026, 11, 22, 12, tzinfo=UTC),
            )
        yield found
