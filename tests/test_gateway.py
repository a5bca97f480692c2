"""The way of a punch through the whole server: terminal to HR service, and a clean end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.ingest.frames import rows
from tests.terminals.server import ask
from tm20tui.errors import AlreadyRunning
from tm20tui.gateway import Gateway, _delivery_config
from tm20tui.model import utc_now
from tm20tui.settings import Settings, load
from tm20tui.simulate.fleet import run_fleet
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.store import services
from tm20tui.store.engine import Database
from tm20tui.store.services import ServiceDraft


def settings_for(url: str, tmp_path: Path, **sections: Any) -> Settings:
    return load(
        None,
        {
            "state_directory": str(tmp_path),
            "database": {"url": url},
            "site": {"timezone": "Europe/Paris"},
            "terminals": {"host": "127.0.0.1", "port": 0, "admission": "open"},
            "delivery": {"allow_private_hosts": True},
            **sections,
        },
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run)
        yield gateway
        gateway.stop()


@asynccontextmanager
async def running_hr(gateway: Gateway, service: HrService) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, service, "127.0.0.1", 0)
        draft = ServiceDraft(
            name="HR",
            base_url=f"http://127.0.0.1:{port}",
            attendance_endpoint="/api/v1/attendance",
            sync_interval_minutes=0,
        )
        await gateway.database.write(services.add_service, gateway.vault, draft, utc_now())
        gateway.dispatcher.services_changed()
        yield
        nursery.cancel_scope.cancel()


async def test_every_punch_goes_from_the_terminal_to_the_service_once(
    database_url: str, tmp_path: Path
) -> None:
    service = HrService(seed=1)
    async with running(settings_for(database_url, tmp_path)) as gateway, running_hr(gateway, service):
        stats = await run_fleet(
            gateway.listener.address, count=6, rate=60, seed=1, punches=60, time_scale=0.02, drain=True
        )
        with trio.fail_after(30):
            while len(service.records) < 60:
                await trio.sleep(0.01)
        assert (stats.made, stats.acked, stats.violations) == (60, 60, 0)
        assert service.counts["delivered_twice"] == service.counts["violations"] == 0
        assert len(await rows(gateway.database, "punches")) == 60
        statuses = set()
        with trio.fail_after(30):
            while statuses != {"sent"}:
                statuses = {row["sync_status"] for row in await rows(gateway.database, "punches")}


@pytest.mark.parametrize("deliver", [False, True])
def test_what_is_owed_later_is_held_by_the_same_setting_as_what_is_owed_at_once(deliver: bool) -> None:
    settings = load(None, {"ingest": {"deliver_impossible_times": deliver}})
    assert _delivery_config(settings).deliver_impossible_times is deliver


async def test_stopping_says_goodbye_and_keeps_what_was_taken(database_url: str, tmp_path: Path) -> None:
    gateway = Gateway(settings_for(database_url, tmp_path))
    async with trio.open_nursery() as nursery:
        await nursery.start(gateway.run)
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="STAYS")
            gateway.stop()
            with trio.fail_after(30), pytest.raises(ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason.code == 1001
    database = Database(database_url)
    (terminal,) = await rows(database, "terminals")
    assert terminal["last_seen_at"] is not None
    database.close()


async def test_a_second_server_on_the_database_is_refused(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path)
    async with running(settings):
        with pytest.raises(AlreadyRunning, match="uses the database"):
            await Gateway(settings).run()


async def test_the_snapshot_tells_what_is_there(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="SEEN")
            record = {"enrollid": 1, "time": "2026-06-02 08:00:00", "mode": 1, "inout": 0, "event": 0}
            await ask(socket, cmd="sendlog", count=1, logindex=0, record=[record])
            await gateway._snapshots.refresh()
            snapshot = gateway.snapshot()
            assert [(line.sn, line.state, line.punches) for line in snapshot.terminals] == [
                ("SEEN", "online", 1)
            ]
            assert (snapshot.punches_stored, snapshot.alarms) == (1, ())
            ready = await gateway.readiness()
            assert (ready.ready, ready.database, ready.listener) == (True, "ok", "ok")
        with trio.fail_after(30):
            while gateway.roster.find("SEEN"):
                await trio.sleep(0.01)
        await gateway._snapshots.refresh()
        assert [line.state for line in gateway.snapshot().terminals] == ["offline"]
