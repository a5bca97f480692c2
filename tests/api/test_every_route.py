"""What must hold of each route there is, whoever adds it: roles, secrets, problems, documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from tests.api.conftest import Running, running_api
from tests.api.world import SECRETS, TOKEN, fill
from tm20tui.api import routes_events
from tm20tui.operations import load_operations
from tm20tui.store.schema import tokens

VIEWER = {"authorization": f"Bearer {TOKEN}"}
ADMINS_ONLY = {"/devices/api/tokens/"}
OPERATORS_ONLY = {"/devices/api/audit/", "/devices/api/log/"}
ENDLESS = "/devices/api/events/"


async def routes(api: Running) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, URL of something that exists where ids are numbers, and what the document says of it."""
    document = (await api.client.get("/openapi.json")).json()
    task = (await api.client.get("/devices/api/tasks/")).json()["tasks"][0]["id"]
    return [
        (method.upper(), path.replace("{task_id}", task), operation)
        for path, method, operation in _operations(document)
    ]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield re.sub(r"\{(?!task_id)\w+\}", "1", path) + _needed(operation), method, operation


def _needed(operation: dict[str, Any]) -> str:
    """The query that a route is not answered without."""
    needed = [one for one in operation.get("parameters", []) if one["in"] == "query" and one["required"]]
    return "?" + "&".join(f"{one['name']}={one['schema']['examples'][0]}" for one in needed) if needed else ""


def example(operation: dict[str, Any]) -> dict[str, Any]:
    """A body that the document gives as an example, or none."""
    content = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] = content.get("application/json", {}).get("example", {})
    return found


async def test_a_viewer_is_refused_on_every_writing_route(api: Running) -> None:
    await fill(api.gateway)
    writing = [route for route in await routes(api) if route[0] != "GET"]
    assert len(writing) > 15
    for method, url, operation in writing:
        body = example(operation)
        if "discard" in url:
            body = {"reason": "test", **body}
        answer = await api.client.request(method, url, headers=VIEWER, content=json.dumps(body))
        case = f"{method} {url}: {answer.text}"
        assert answer.status_code == 403, case
        assert answer.json()["code"] == "forbidden", case
        assert "needs the role" in answer.json()["error"], case


async def test_a_viewer_may_read_what_is_not_about_operators(api: Running) -> None:
    await fill(api.gateway)
    for method, url, _ in await routes(api):
        if method == "GET" and url != ENDLESS:
            answer = await api.client.get(url, headers=VIEWER)
            expected = 403 if url in ADMINS_ONLY | OPERATORS_ONLY else 200
            assert answer.status_code == expected, f"{url}: {answer.text}"


async def test_a_wrong_token_opens_no_route_but_health(api: Running) -> None:
    await fill(api.gateway)
    for method, url, _ in await routes(api):
        answer = await api.client.request(method, url, headers={"authorization": "Bearer tm20_wrong"})
        if url == "/healthz":
            assert answer.status_code == 200
        else:
            assert answer.status_code in (401, 429), f"{method} {url}"


async def test_no_route_tells_a_secret(api: Running) -> None:
    await fill(api.gateway)
    made = await api.client.post("/devices/api/tokens/", json={"name": "once", "role": "admin"})
    shown_once = made.json()["secret"]
    digests = await api.gateway.database.read(_digests)
    hidden = (*SECRETS, shown_once, *digests, *map(repr, SECRETS))
    asked = 0
    for method, url, operation in await routes(api):
        if method != "GET" or url == ENDLESS:
            continue
        # Refusals too: some repeat what was asked.
        for suffix in ("", "limit=500", "nonsense=1"):
            answer = await api.client.get(f"{url}{'&' if '?' in url else '?'}{suffix}")
            asked += 1
            told = [secret for secret in hidden if secret in answer.text]
            assert not told, f"{url} tells {told}"
            assert operation["responses"].get(str(answer.status_code)), f"{url}: {answer.status_code}"
    assert asked > 60


async def test_no_event_tells_a_secret(api: Running) -> None:
    heard: list[str] = []
    async with api.gateway.events.subscribe() as events:
        await fill(api.gateway)
        body = {"name": "X", "base_url": "https://x.example", "auth_type": "bearer", "auth_token": SECRETS[0]}
        await api.client.post("/devices/api/third-party-configs/", json=body)
        await api.client.post("/devices/api/third-party-configs/", json=body | {"batch_size": 0})
        made = await api.client.post("/devices/api/tokens/", json={"name": "once", "role": "admin"})
        api.gateway.events.publish("missed", count=0)
        async for event in events:
            heard.append(routes_events._as_text(event).decode())
            if event.kind == "missed":
                break
    assert len(heard) > 3
    for secret in (*SECRETS, made.json()["secret"]):
        assert not [text for text in heard if secret in text]


async def test_every_problem_has_one_shape(sqlite_url: str, tmp_path: Path) -> None:
    async with running_api(sqlite_url, tmp_path, api={"requests_per_second": 2}) as api:
        asked = [
            ("GET", "/nothing", {}),
            ("PUT", "/devices/api/terminals/", {}),
            ("GET", "/devices/api/terminals/", {"host": "evil.example"}),
            ("GET", "/devices/api/terminals/", {"authorization": "Bearer tm20_wrong"}),
            ("GET", "/devices/api/terminals/?limit=0", {}),
        ]
        answers = [await api.client.request(method, url, headers=headers) for method, url, headers in asked]
        while (last := await api.client.get("/devices/api/terminals/")).status_code == 200:
            pass  # a slow machine earns some more
        answers.append(last)
    statuses = [answer.status_code for answer in answers]
    assert statuses == [404, 405, 403, 401, 400, 429]
    for answer in answers:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (problem["success"], problem["status"]) == (False, answer.status_code)
        assert problem["type"] == f"urn:tm20tui:problem:{problem['code']}"
        assert problem["detail"] == problem["error"]
        assert problem["instance"] == f"urn:tm20tui:request:{answer.headers['x-request-id']}"
        assert set(problem) == {
            *("success", "error", "field"),
            *("type", "title", "status", "detail", "instance", "code"),
        }


def _digests(connection: Connection) -> list[str]:
    return list(connection.scalars(select(tokens.c.digest)))


NOT_OVER_HTTP = {
    "bulk.run": "a request names one target; a script repeats it",
    "punches.list": "`attendance/` is the same list",
    "punches.export": "`attendance/` gives the same page by page",
    "server.stop": "who stops the server is on its machine",
}


def test_every_operation_is_reachable_over_http_or_has_a_reason() -> None:
    sources = "".join(path.read_text() for path in Path(routes_events.__file__).parent.glob("routes_*.py"))
    called = set(re.findall(r"\b([a-z_]+\.[a-z_]+)\b", sources))
    missing = {
        name
        for name, operation in load_operations().items()
        if f"{operation.function.__module__.rpartition('.')[2]}.{operation.function.__name__}" not in called
    }
    assert missing == set(NOT_OVER_HTTP)
