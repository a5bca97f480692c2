"""A short version of `python -m tests.noise`, with an operator and with somebody who may only look."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

import pytest

from tests.ingest.frames import rows
from tests.noise.hand import Hand
from tests.noise.playing import play
from tests.tui.deliveries import add_company
from tests.tui.screens import theatre
from tm20tui.control.peers import Peer
from tm20tui.tui.stage import CRASHED

MOVES = 15


@pytest.mark.parametrize(("role", "seed"), [("operator", 22), ("viewer", 7)])
async def test_input_that_nobody_means_breaks_nothing(
    sqlite_url: str,
    tmp_path: Path,
    role: str,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ann = Peer(os.getpid(), 4242, "ann", frozenset())
    monkeypatch.setattr("tm20tui.control.server.identify", lambda _credentials: ann)
    operators = {"users": {"ann": role}}
    with caplog.at_level(logging.ERROR):
        async with theatre(sqlite_url, tmp_path, make_app=None, operators=operators) as house:
            await house.gateway.database.write(add_company, house.gateway.vault)
            attach = partial(house.attached, ready="commands", language="en")
            played = await play(attach, Hand(seed), MOVES, asks_often=False)
            done = {
                row["operation"]
                for row in await rows(house.gateway.database, "audit")
                if row["outcome"] == "done" and not row["operation"].startswith("console.")
            }
    assert [record.getMessage() for record in caplog.records] == []
    assert played.sent == 9 * MOVES
    assert not [end for end in played.ends if end is None or end.message == CRASHED]
    if role == "viewer":
        assert not done
