"""A PostgreSQL that was away has forgotten whose it is: the server takes it again, or ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.conftest import POSTGRES_URL
from tests.process.databases import give_back, postgres_database, stolen_lock, take_away
from tests.process.server import serving
from tm20tui.errors import AlreadyRunning, StoreUnavailable
from tm20tui.store import lock
from tm20tui.store.engine import Database
from tm20tui.store.lock import exclusive_use

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    with postgres_database(POSTGRES_URL) as url:
        yield url


def test_the_lock_is_taken_again(url: str) -> None:
    ours, other = Database(url), Database(url)
    with exclusive_use(ours) as keep:
        keep()
        take_away(POSTGRES_URL, url)
        with pytest.raises(StoreUnavailable):
            keep()
        with pytest.raises(StoreUnavailable):
            keep()
        give_back(POSTGRES_URL, url)
        keep()
        with pytest.raises(AlreadyRunning), exclusive_use(other):
            pass
    with exclusive_use(other):
        pass
    ours.close()
    other.close()


def test_whoever_was_faster_keeps_it(url: str) -> None:
    ours, other = Database(url), Database(url)
    with exclusive_use(ours) as keep:
        take_away(POSTGRES_URL, url)
        give_back(POSTGRES_URL, url)
        with exclusive_use(other):
            for _ in range(2):
                with pytest.raises(AlreadyRunning):
                    keep()
        keep()
    ours.close()
    other.close()


def test_a_database_that_is_away_without_a_word_does_not_hold_the_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, back, given_up = threading.Event(), threading.Event(), threading.Event()

    def execute(*_: object) -> None:
        asked.set()
        if not back.wait(30):
            given_up.set()

    monkeypatch.setattr(lock, "_UNLOCK_SECONDS", 0.1)
    ours = Database(url)
    with exclusive_use(ours):
        monkeypatch.setattr(Connection, "execute", execute)
    assert asked.wait(30)
    assert not given_up.is_set()
    back.set()
    monkeypatch.undo()
    ours.close()


async def test_a_server_whose_database_another_took_ends_with_3(url: str, tmp_path: Path) -> None:
    with serving(tmp_path, url) as server:
        await server.start()
        with stolen_lock(url):
            assert await server.ended() == 3
        assert server.said().splitlines()[-1].startswith("tm20tui: another tm20tui server uses the database")
        assert "Traceback" not in server.said()
