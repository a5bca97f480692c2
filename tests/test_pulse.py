"""The rates that a console shows: of the last minutes, and never of a minute that has not passed."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tm20tui.meters import Meters
from tm20tui.model import utc_now
from tm20tui.pulse import Pulse


class Server:
    """As much of a server as is counted, at a time of the test's choosing."""

    def __init__(self) -> None:
        self.now = utc_now()
        self.stored = 0
        self.meters = Meters()
        self.roster = SimpleNamespace(views=dict)
        self.writer = SimpleNamespace(statistics=lambda: SimpleNamespace(stored=self.stored))


@pytest.mark.parametrize(("seconds", "shown"), [(1, 300), (30, 300), (60, 300), (120, 150)])
def test_a_burst_is_never_made_more_than_it_was(
    monkeypatch: pytest.MonkeyPatch, seconds: int, shown: float
) -> None:
    server = Server()
    monkeypatch.setattr("tm20tui.pulse.utc_now", lambda: server.now)
    pulse = Pulse(cast("Any", server))
    pulse._recent.append(pulse._take())
    server.stored = 300
    server.now = server.now + timedelta(seconds=seconds)
    assert pulse.rates().punches_per_minute == pytest.approx(shown)
