"""`/metrics`: valid, true, and as many series whatever the number of terminals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import trio
import trio.testing
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection
from trio.testing import MockClock
from trio_websocket import open_websocket_url

from tests.store.factories import NOON, add_punches, add_terminal
from tests.terminals.server import ask
from tests.test_gateway import running, settings_for
from tm20tui import metrics
from tm20tui.meters import Histogram, Meters
from tm20tui.store.commands import CommandRecord
from tm20tui.store.services import ServiceDraft, add_service
from tm20tui.terminals.context import tell_command


def parse(body: bytes) -> dict[str, Metric]:
    families = list(text_string_to_metric_families(body.decode()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names), "a family is there once"
    for family in families:
        assert family.documentation
        assert family.type != "unknown"
        series = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(set(series)) == len(series), family.name
    return {family.name: family for family in families}


def values(family: Metric, label: str) -> dict[str, float]:
    return {sample.labels[label]: sample.value for sample in family.samples}


def value(family: Metric, name: str) -> float:
    return next(sample.value for sample in family.samples if sample.name == name)


def series(body: bytes) -> int:
    return sum(not line.startswith(b"#") for line in body.splitlines())


async def test_the_numbers_of_a_server(database_url: str, tmp_path: Path) -> None:
    async with running(settings_for(database_url, tmp_path)) as gateway:
        draft = ServiceDraft(name='H"R\n', base_url="http://127.0.0.1:9", attendance_endpoint="/in")
        await gateway.database.write(add_service, gateway.vault, draft, NOON)
        gateway.dispatcher.services_changed()

        def fill(conn: Connection) -> None:
            add_punches(conn, add_terminal(conn, "QUIET"), 3)
            add_terminal(conn, "NEW", admission="pending")

        await gateway.database.write(fill)
        record = {"enrollid": 1, "time": "2026-06-02 08:00:00", "mode": 1, "inout": 0, "event": 0}
        async with open_websocket_url(gateway.listener.address, disconnect_timeout=1) as socket:
            await ask(socket, cmd="reg", sn="SEEN")
            for _ in range(2):
                await ask(socket, cmd="sendlog", count=1, logindex=0, record=[record])
            with trio.fail_after(30):
                while not gateway.dispatcher.status():
                    await trio.sleep(0.01)
            await gateway.watch.look()
            found = parse(metrics.render(gateway))
    assert values(found["tm20_terminals"], "state") == {"online": 1, "offline": 1, "waiting": 1, "blocked": 0}
    assert value(found["tm20_punches_stored"], "tm20_punches_stored_total") == 1
    assert value(found["tm20_punches_duplicate"], "tm20_punches_duplicate_total") == 1
    assert value(found["tm20_ack_seconds"], "tm20_ack_seconds_count") == 2
    assert value(found["tm20_commit_seconds"], "tm20_commit_seconds_count") >= 2
    assert value(found["tm20_database_up"], "tm20_database_up") == 1
    queue = {sample.labels["status"]: sample.value for sample in found["tm20_queue_deliveries"].samples}
    assert queue["pending"] + queue["in_flight"] == 4
    assert found["tm20_queue_deliveries"].samples[0].labels["service"] == 'H"R\n'
    assert set(values(found["tm20_deliveries"], "outcome")) == {"sent", "failed"}
    assert value(found["tm20_build_info"], "tm20_build_info") == 1


async def test_before_anything_is_known_it_is_valid_too(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        found = parse(metrics.render(gateway))
    assert values(found["tm20_terminals"], "state").keys() == {"online", "offline", "waiting", "blocked"}


async def test_no_label_grows_with_terminals(sqlite_url: str, tmp_path: Path) -> None:
    async with running(settings_for(sqlite_url, tmp_path)) as gateway:
        counts = []
        for number in (1, 200):

            def add(conn: Connection, number: int = number) -> None:
                for index in range(number):
                    add_terminal(conn, f"T{number}-{index}", drift_seconds=900.0)

            await gateway.database.write(add)
            await gateway.watch.look()
            body = metrics.render(gateway)
            assert b"T200-" not in body
            counts.append(series(body))
    assert counts[0] == counts[1]


def test_outcomes_are_counted_under_few_words() -> None:
    meters = Meters()
    for status in (200, 201, 404, 422, 503):
        meters.note_request(status)
    assert meters.requests == {"2xx": 2, "4xx": 2, "5xx": 1}


async def test_a_settled_command_is_counted_and_published(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        running(settings_for(sqlite_url, tmp_path)) as gateway,
        gateway.events.subscribe(["command.settled"]) as events,
    ):
        fields: dict[str, Any] = dict.fromkeys(CommandRecord.__slots__, "")
        record = CommandRecord(**(fields | {"id": 4, "status": "timed out", "name": "gettime"}))
        tell_command(gateway.events, gateway.meters, record)
        event = await anext(events)
        assert (event.facts["command_id"], event.facts["status"]) == (4, "timed out")
        found = parse(metrics.render(gateway))
    assert values(found["tm20_commands"], "outcome") == {"timed out": 1}


def test_a_histogram_counts_up_to_each_bound() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(seconds)
    assert histogram.buckets() == [(0.1, 2), (1.0, 3), (math.inf, 4)]
    assert histogram.sum == 7.65


async def test_the_lag_of_the_loop_is_measured_each_second(mock_clock: MockClock) -> None:
    meters = Meters()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(meters.watch_loop)
        for seconds in (1.0, 1.3):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(seconds)
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sum(meters.loop_lag.counts) == 2
    assert round(meters.loop_lag.sum, 6) == 0.3
