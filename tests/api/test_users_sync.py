"""Users from a service and to a terminal over HTTP: the customer's curl commands as printed, and more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import trio

from tests.api.conftest import Running, running_api
from tests.api.test_customer_document import paste
from tests.api.test_tokens import add, bearing
from tests.store.factories import add_user
from tests.users.rig import Rig
from tm20tui.model import utc_now
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.store import services
from tm20tui.store.services import ServiceDraft

FROM_THIRD_PARTY = r"""
curl -X POST http://localhost:8000/devices/api/sync/users/from-third-party/ \
  -H "Content-Type: application/json" \
  -d '{
    "terminal_id": 1,
    "config_id": 1
  }'
"""
TO_TERMINAL = r"""
curl -X POST http://localhost:8000/devices/api/sync/users/to-terminal/ \
  -H "Content-Type: application/json" \
  -d '{
    "terminal_id": 1,
    "user_ids": [1, 2, 3]  # Optionnel, null = tous
  }'
"""
FETCH, SEND = "/devices/api/sync/users/from-third-party/", "/devices/api/sync/users/to-terminal/"


async def rig_of(api: Running, nursery: trio.Nursery) -> Rig:
    hr = HrService(seed=1, users=5)
    hr.people[0] = replace(hr.people[0], admin=0)
    port = await nursery.start(serve_hr, hr, "127.0.0.1", 0)
    draft = ServiceDraft(name="HR", base_url=f"http://127.0.0.1:{port}", users_endpoint="/api/v1/employees")
    service = await api.gateway.database.write(services.add_service, api.gateway.vault, draft, utc_now())
    return Rig(api.gateway, nursery, hr, service.id)


async def test_the_curl_commands_as_printed(sqlite_url: str, tmp_path: Path, nursery: trio.Nursery) -> None:
    terminals = {"host": "127.0.0.1", "port": 0, "admission": "open"}
    async with running_api(sqlite_url, tmp_path, terminals=terminals) as api:
        rig = await rig_of(api, nursery)
        device, terminal_id = await rig.terminal()
        assert (rig.config_id, terminal_id) == (1, 1)
        fetched = await paste(api, FROM_THIRD_PARTY)
        assert (fetched.status, fetched.body["success"]) == (200, True)
        assert (fetched.body["created"], fetched.body["task_id"], fetched.body["conflicts"]) == (5, None, [])
        sent = await paste(api, TO_TERMINAL)
        assert (sent.status, sent.body["success"], sent.body["users"]) == (200, True, 3)
        task = await api.task(sent.body["task_id"])
        assert (task["status"], task["result"]["confirmed"]) == ("done", 3)
        there = {user.enrollid: user.name for user in device.device.users.rows.values()}
        assert there == {person.enrollid: person.name for person in rig.hr.people[:3]}
        everybody = await api.client.post(SEND, json={"terminal_id": 1, "user_ids": None})
        await api.task(everybody.json()["task_id"])
        assert len(device.device.users.rows) == 5
        page = (await api.client.get("/devices/api/terminals/1/users/?limit=2&result=confirmed")).json()
        assert page["counts"] == {"confirmed": 5}
        assert [user["reported_state"] for user in page["users"]] == ["present", "present"]
        assert page["pagination"]["has_more"] is True
        nursery.cancel_scope.cancel()


async def test_a_refused_list_says_why_and_takes_a_confirmation(api: Running, nursery: trio.Nursery) -> None:
    rig = await rig_of(api, nursery)
    assert (await api.client.post(FETCH, json={"config_id": 1})).json()["created"] == 5
    rig.hr.people = rig.hr.people[:2]
    refused = await api.client.post(FETCH, json={"config_id": 1})
    assert refused.status_code == 409
    assert "3 of 5 users are gone" in refused.json()["error"]
    confirmed = await api.client.post(FETCH, json={"config_id": 1, "confirm": True})
    assert confirmed.json()["disabled"] == 3
    started = (await api.client.post(FETCH, json={"config_id": 1, "background": True})).json()
    assert (await api.task(started["task_id"]))["status"] == "done"
    nursery.cancel_scope.cancel()


async def test_wrong_bodies_and_roles(api: Running) -> None:
    await api.gateway.database.write(add_user, "7", "Ann", site="Default")
    for url, body, field in (
        (FETCH, {}, "config_id"),
        (FETCH, {"config_id": 1}, "config_id"),
        (SEND, {"user_ids": [1]}, "terminal_id"),
        (SEND, {"terminal_id": 1, "user_ids": "all"}, "user_ids"),
        (SEND, {"terminal_id": 1, "enrollids": ["7"]}, "enrollids"),
        (SEND, {"terminal_id": 1}, "terminal_id"),
    ):
        answer = await api.client.post(url, json=body)
        assert answer.status_code in (400, 404, 422), answer.text
        assert answer.json()["field"] == field
    assert (await api.client.get("/devices/api/terminals/1/users/")).status_code == 404
    await add(api, "tm20_view", "viewer")
    for url in (FETCH, SEND):
        answer = await api.client.post(
            url,
            json={"config_id": 1, "terminal_id": 1} if url == FETCH else {"terminal_id": 1},
            headers=bearing("tm20_view"),
        )
        assert answer.status_code == 403
