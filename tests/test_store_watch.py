"""A database that takes no writes is known within seconds, also where no punch comes; so is its return."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.conftest import POSTGRES_URL
from tests.process.databases import give_back, postgres_database, take_away
from tests.test_gateway import running, settings_for
from tm20tui.errors import StoreUnavailable
from tm20tui.gateway import Gateway
from tm20tui.store.engine import Database
from tm20tui.store_watch import STALLED


def alarms(gateway: Gateway) -> list[str]:
    return [alarm.sentence for alarm in gateway.alarms.active() if alarm.key == "database"]


async def until(condition: Callable[[], Any]) -> None:
    with trio.fail_after(30):
        while not condition():
            await trio.sleep(0.02)


async def test_a_lock_of_another_program_is_told_and_its_end(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        assert gateway.snapshot().store_trouble == ""
        with sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await until(lambda: gateway.snapshot().store_trouble == STALLED)
            sentence = f"punches cannot be stored, terminals keep them: {STALLED}"
            await until(lambda: alarms(gateway) == [sentence])
            assert any(STALLED in said for said in gateway.snapshot().alarms)
            other.execute("ROLLBACK")
        await until(lambda: gateway.snapshot().store_trouble == "")
        await until(lambda: alarms(gateway) == [])


@pytest.mark.postgres
async def test_a_database_that_went_away_is_told_and_its_return(postgres_url: str, tmp_path: Path) -> None:
    with postgres_database(POSTGRES_URL) as url:
        async with running(settings_for(url, tmp_path)) as gateway:
            await trio.to_thread.run_sync(take_away, POSTGRES_URL, url)
            await until(lambda: gateway.snapshot().store_trouble)
            await until(lambda: alarms(gateway))
            await trio.to_thread.run_sync(give_back, POSTGRES_URL, url)
            await until(lambda: gateway.snapshot().store_trouble == "")
            await until(lambda: alarms(gateway) == [])


async def test_what_failed_for_a_punch_is_over_only_when_a_write_succeeds(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        gateway.writer._note_failure(StoreUnavailable("the disk is full"))
        real = Database._run

        def full(self: Database, writing: bool, act: Any, *args: Any, **kwargs: Any) -> Any:
            if "touch_site" in repr(act):
                raise StoreUnavailable("the disk is full")
            return real(self, writing, act, *args, **kwargs)

        with monkeypatch.context() as broken:
            broken.setattr(Database, "_run", full)
            await gateway.store_watch.attempt()
            assert gateway.store_watch.trouble == "the disk is full"
        await gateway.store_watch.attempt()
        assert gateway.store_watch.trouble == ""
