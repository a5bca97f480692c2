"""The watch over a whole server: what it sees, what it writes down, what a restart keeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from sqlalchemy import text
from trio_websocket import open_websocket_url

from tests.store.factories import add_terminal
from tests.terminals.server import ask
from tests.test_gateway import running, running_hr, settings_for
from tm20tui import notify
from tm20tui.errors import NotFound, StoreUnavailable
from tm20tui.events import Event
from tm20tui.gateway import Gateway
from tm20tui.model import utc_now
from tm20tui.notify import body_of
from tm20tui.simulate.hr import HrService
from tm20tui.store.alarms import list_alarms
from tm20tui.store.engine import Database
from tm20tui.watch import Watch


async def until(condition: Callable[[], Any]) -> None:
    with trio.fail_after(30):
        while not condition():
            await trio.sleep(0.01)


async def add_drifting(gateway: Gateway) -> None:
    await gateway.database.write(add_terminal, "LATE", drift_seconds=90.0, drift_at=utc_now())


def keys(gateway: Gateway) -> list[str]:
    return [alarm.key for alarm in gateway.alarms.active()]


async def test_alarms_and_who_knows_of_them_survive_a_restart(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path)
    async with running(settings) as gateway:
        await add_drifting(gateway)
        await gateway.watch.look()
        assert keys(gateway) == ["drift:1"]
        assert "LATE" in gateway.alarms.sentences()[0]
        before = await gateway.watch.acknowledge("drift:1", "ann")
        with pytest.raises(NotFound):
            await gateway.watch.acknowledge("disk", "ann")
    async with running(settings) as gateway:
        await gateway.watch.look()
        assert gateway.alarms.active() == (before,)
        await gateway.database.write(
            lambda conn: conn.execute(text("UPDATE terminals SET drift_seconds = 3"))
        )
        await gateway.watch.look()
        assert keys(gateway) == []
        await until(lambda: not gateway.alarms.unsaved())
    database = Database(database_url)
    (stored,) = await database.read(list_alarms)
    database.close()
    assert (stored.key, stored.acknowledged_by) == ("drift:1", "ann")
    assert stored.cleared_at is not None
    assert stored.raised_at == before.raised_at


async def test_an_alarm_raised_anywhere_is_written_down_at_once(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        gateway.alarms.set("takeover:x", "somebody tried", seconds=900)
        await until(lambda: not gateway.alarms.unsaved())
        assert [alarm.key for alarm in await gateway.database.read(list_alarms)] == ["takeover:x"]
        await gateway.watch.look()
        assert keys(gateway) == ["takeover:x"], "what the watch did not raise it does not clear"


async def test_a_database_that_is_away_is_an_alarm_and_clears_no_other(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        await add_drifting(gateway)
        await gateway.watch.look()
        with monkeypatch.context() as broken:

            def refuse(*args: object, **kwargs: object) -> None:
                raise StoreUnavailable("the disk is full")

            broken.setattr(Database, "_run", refuse)
            assert await gateway.watch.look() == "the disk is full"
            assert keys(gateway) == ["drift:1", "database"]
            fresh = Watch(gateway)
            await fresh.look()
            assert keys(gateway) == ["drift:1", "database"]
            assert not await gateway.watch._save()
        await gateway.watch.look()
        assert keys(gateway) == ["drift:1"]


async def test_what_happens_is_published(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        running(settings_for(sqlite_url, tmp_path)) as gateway,
        gateway.events.subscribe() as events,
    ):
        record = {"enrollid": 5, "time": "2026-06-02 08:00:00", "mode": 1, "inout": 0, "event": 0}
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="SEEN")
            await ask(socket, cmd="sendlog", count=1, logindex=0, record=[record, {"enrollid": "?"}])
        found: dict[str, Event] = {}
        with trio.fail_after(30):
            while len(found) < 4:
                event = await anext(events)
                found[event.kind] = event
        assert set(found) == {"terminal.connected", "terminal.disconnected", "punches.stored", "quarantine"}
        assert found["terminal.connected"].facts["sn"] == "SEEN"
        assert found["punches.stored"].facts["stored"] == 1
        assert found["punches.stored"].facts["records"] == [
            {"sn": "SEEN", "enrollid": "5", "time": "2026-06-02 08:00:00", "inout": 0}
        ]
        json.dumps([dict(event.facts) for event in found.values()])


async def test_the_servers_own_loops_are_listed(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        await until(lambda: _loop(gateway, "retry sweep").last_finished_at)
        await until(lambda: _loop(gateway, "retention").last_finished_at)
        assert (
            _loop(gateway, "retention").last_result == "0 photos, 0 raw messages, 0 commands, 0 credentials"
        )
        assert _loop(gateway, "retry sweep").last_result == {"retried": 0}
        gateway.tasks.run_now("last seen")
        await until(lambda: _loop(gateway, "last seen").last_result == "0 terminals")
        swept_at = _loop(gateway, "retry sweep").last_finished_at
        gateway.tasks.run_now("retry sweep")
        await until(lambda: _loop(gateway, "retry sweep").last_finished_at != swept_at)


def _loop(gateway: Gateway, name: str) -> Any:
    return next(record for record in gateway.tasks.periodic() if record.name == name)


async def test_the_webhook_is_told_in_one_request_and_again_when_it_fails(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts: list[tuple[str, bytes, str]] = []

    async def post(url: str, body: bytes, *, key: str, allow_private_hosts: bool) -> str:
        posts.append((url, body, key))
        return "it answered 500" if len(posts) < 3 else ""

    monkeypatch.setattr(notify, "post_json", post)
    monkeypatch.setattr(notify, "GATHER_SECONDS", 60.0)
    monkeypatch.setattr(notify, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(notify, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    settings = settings_for(sqlite_url, tmp_path)
    alarms = settings.alarms.model_copy(update={"webhook_url": "http://127.0.0.1:1/hook"})
    async with running(settings.model_copy(update={"alarms": alarms})) as gateway:
        await until(lambda: gateway.events.hears("alarm.raised"))
        gateway.alarms.set("disk", "full", severity="critical")
        gateway.alarms.set("drift:1", "off")
        await until(lambda: len(posts) == 3)
        gateway.alarms.clear("disk")
        gateway.alarms.clear("drift:1")
        await until(lambda: len(posts) == 4)
    assert len({(body, key) for _, body, key in posts[:3]}) == 1
    told = json.loads(posts[0][1])
    assert told["node"] == "main"
    assert [(one["event"], one["key"], one["severity"]) for one in told["alarms"]] == [
        ("alarm.raised", "disk", "critical"),
        ("alarm.raised", "drift:1", "warning"),
    ]
    assert [one["event"] for one in json.loads(posts[3][1])["alarms"]] == ["alarm.cleared"] * 2


def test_a_body_is_small() -> None:
    event = Event(
        1, utc_now(), "alarm.raised", {"key": "k" * 200, "severity": "warning", "sentence": "s" * 300}
    )
    assert len(body_of([event] * notify.MOST_AT_ONCE, "main")) < 64 * 1024


async def test_a_couriers_rounds_are_listed_and_can_be_run(sqlite_url: str, tmp_path: Path) -> None:
    service = HrService(seed=1)
    async with running(settings_for(sqlite_url, tmp_path)) as gateway, running_hr(gateway, service):
        await until(gateway.dispatcher.status)
        record = gateway.tasks.run_now("deliveries to HR")
        assert (record.interval_seconds, record.running) == (None, False)
        await until(lambda: [task.status for task in gateway.tasks.list()] == ["done"])
        await until(lambda: _loop(gateway, "deliveries to HR").last_finished_at)
        assert _loop(gateway, "deliveries to HR").last_result == {"sent": 0, "failed": 0}
        done = await gateway.tasks.run_to_end("deliveries to HR")
        assert (done.last_error, done.last_result) == ("", gateway.tasks.list()[-1].result)
        assert done.last_started_at == gateway.tasks.list()[-1].started_at
