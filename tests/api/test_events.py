"""Events as they happen, metrics, and the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Running, running_api
from tests.store.factories import add_terminal
from tm20tui.api import routes_events
from tm20tui.model import utc_now
from tm20tui.store import tokens

EVENTS = "/devices/api/events/"


@asynccontextmanager
async def following(api: Running, **asked: Any) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream that has begun."""
    async with api.client.stream("GET", EVENTS, **asked) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = answer.aiter_lines()
        with trio.fail_after(30):
            assert [await anext(lines), await anext(lines)] == [": following", ""]
        yield lines


async def test_events_arrive_with_id_kind_and_json(api: Running) -> None:
    await api.gateway.database.write(add_terminal, "TM20-001")
    async with following(api, headers={"last-event-id": "7"}) as lines:
        with trio.fail_after(30):
            assert (await api.client.post("/devices/api/terminals/1/block/")).status_code == 200
            got = [await anext(lines) for _ in range(4)]
    assert re.fullmatch(r"id: \d+", got[0])
    assert got[1] == "event: operation"
    data = json.loads(got[2].removeprefix("data: "))
    assert (data["operation"], data["outcome"], data["operator"]) == ("terminals.block", "done", "local")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["at"])
    assert got[3] == ""


async def test_only_the_kinds_that_were_asked_for(api: Running) -> None:
    async with following(api, params={"kind": "alarm.raised, alarm.cleared"}) as lines:
        with trio.fail_after(30):
            api.gateway.events.publish("quarantine", quarantined=1)
            api.gateway.events.publish("alarm.raised", key="x", sentence="line\nbreak")
            assert (await anext(lines)).startswith("id: ")
            assert await anext(lines) == "event: alarm.raised"
            assert r"line\nbreak" in await anext(lines)
    refused = await api.client.get(EVENTS, params={"kind": "weather"})
    assert (refused.status_code, refused.json()["field"]) == (400, "kind")


async def test_a_viewer_is_not_told_what_operators_do(sqlite_url: str, tmp_path: Path) -> None:
    viewer = running_api(sqlite_url, tmp_path, api={"anonymous_role": "viewer"})
    async with viewer as api, following(api) as lines:
        with trio.fail_after(30):
            api.gateway.events.publish("operation", operation="terminals.block")
            api.gateway.events.publish("quarantine", quarantined=1)
            await anext(lines)
            assert await anext(lines) == "event: quarantine"


async def test_a_revoked_token_loses_its_stream(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_events, "RECHECK_SECONDS", 0.05)
    token = await api.gateway.database.write(
        tokens.add_token,
        "tm20_watch",
        name="watch",
        role="viewer",
        created_by="test",
        expires_at=None,
        now=utc_now(),
    )
    async with following(api, headers={"authorization": "Bearer tm20_watch"}) as lines:
        await api.gateway.database.write(tokens.revoke, token.id, utc_now())
        with trio.fail_after(30):
            assert [line async for line in lines] == []


async def test_a_comment_keeps_a_quiet_stream_alive(api: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_events, "HEARTBEAT_SECONDS", 0.01)
    async with following(api, params={"kind": "missed"}) as lines:
        with trio.fail_after(30):
            assert await anext(lines) == ": nothing new"


async def test_a_stream_ends_properly_when_the_server_stops(sqlite_url: str, tmp_path: Path) -> None:
    async with (
        running_api(sqlite_url, tmp_path) as api,
        following(api, params={"kind": "missed"}) as lines,
    ):
        api.gateway.stop()
        with trio.fail_after(30):
            assert [line async for line in lines] == []


async def test_streams_leave_room_for_others_and_end_with_their_clients(
    api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes_events, "MAX_STREAMS", 1)
    async with following(api):
        refused = await api.client.get(EVENTS)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert refused.headers["retry-after"] == "5"
    with trio.fail_after(30):
        while api.gateway.events.hears("operation"):
            await trio.sleep(0.01)
    async with following(api):
        pass


async def test_metrics_are_read_by_prometheus_itself(api: Running) -> None:
    await api.client.get("/devices/api/nothing/")
    answer = await api.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    requests = {sample.labels["status"]: sample.value for sample in families["tm20_api_requests"].samples}
    assert requests["4xx"] == 1


async def test_the_documentation_is_one_page_of_its_own(api: Running) -> None:
    answer = await api.client.get("/devices/api/docs/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", answer.text)
    assert all(link.startswith(("#", "/")) for link in re.findall(r'href="([^"]*)"', answer.text))
    document = (await api.client.get("/openapi.json")).json()
    for path in document["paths"]:
        assert path in answer.text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in answer.text
