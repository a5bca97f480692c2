"""The rig as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio.testing

from tests.delivery.rig import Rig, open_rig
from tm20tui.store.engine import Database
from tm20tui.store.vault import Vault


@pytest.fixture
async def rig(
    sqlite_database: Database, vault: Vault, mock_clock: trio.testing.MockClock
) -> AsyncIterator[Rig]:
    """A receiver that works and a dispatcher that is not started yet."""
    async with open_rig(sqlite_database, vault, mock_clock) as made:
        yield made
