from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.clocks import jumping_clock


@pytest.fixture
def clock() -> MockClock:
    """Time jumps once nothing is at work."""
    return jumping_clock()
