"""What the URLs answer when all is well."""

from __future__ import annotations

import json
from typing import Any

import trio

from tests.api.conftest import Running
from tests.store.factories import add_punch, add_punches, add_terminal, add_user
from tm20tui.simulate.hr import HrService, serve_hr
from tm20tui.store.deliveries import add_deliveries
from tm20tui.store.services import get_secrets

CONFIGS = "/devices/api/third-party-configs/"
LOGS = "/devices/api/attendance/"
STATUS = "/devices/api/attendance/sync-status/"
TERMINALS = "/devices/api/terminals/"

HR = {"name": "HR", "base_url": "https://hr.example.com", "attendance_endpoint": "/api/v1/attendance"}


async def get(api: Running, url: str) -> dict[str, Any]:
    answer = await api.client.get(url)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["success"] is True
    return body


async def add_config(api: Running, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(CONFIGS, json={**HR, **fields})
    assert answer.status_code == 201, answer.text
    config: dict[str, Any] = answer.json()["config"]
    return config


async def test_a_config_is_changed_replaced_and_deleted(api_on_both: Running) -> None:
    api = api_on_both
    secrets = {
        "auth_type": "api_key",
        "auth_token": "s3cret-token",
        "extra_headers": {"X-Tenant": "t3nant"},
    }
    config = await add_config(api, **secrets, batch_size=7, description="payroll")
    url = f"{CONFIGS}{config['id']}/"
    assert (config["extra_headers"], config["has_auth_token"]) == (["X-Tenant"], True)
    changed = (await api.client.patch(url, json={"is_active": False})).json()["config"]
    assert (changed["is_active"], changed["batch_size"], changed["has_auth_token"]) == (False, 7, True)
    replacement = {**HR, "auth_type": "api_key"}
    replaced = (await api.client.put(url, json=replacement)).json()["config"]
    assert (replaced["is_active"], replaced["batch_size"], replaced["description"]) == (True, 100, "")
    assert (replaced["has_auth_token"], replaced["extra_headers"]) == (True, ["X-Tenant"])
    kept = await api.gateway.database.read(get_secrets, api.gateway.vault, config["id"])
    assert kept.auth_token == "s3cret-token"
    assert (await get(api, url))["config"] == replaced
    assert (await get(api, CONFIGS))["configs"] == [replaced]
    everything = json.dumps([config, changed, replaced, (await api.client.get(CONFIGS)).text])
    assert "s3cret" not in everything
    assert "t3nant" not in everything
    deleted = await api.client.delete(url)
    assert (deleted.status_code, deleted.json()["failed_deliveries"]) == (200, 0)
    assert (await get(api, CONFIGS))["configs"] == []


async def test_urls_work_without_their_last_slash_and_with_any_content_type(api: Running) -> None:
    body = json.dumps(HR)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.client.post(CONFIGS.rstrip("/"), content=body, headers=form)
    assert answer.status_code == 201
    assert (await api.client.get(CONFIGS.rstrip("/"))).status_code == 200
    assert (await api.client.get("/healthz/")).status_code == 200
    head = await api.client.head("/healthz")
    assert (head.status_code, head.text) == (200, "")


async def test_logs_are_paged_to_the_end(api_on_both: Running) -> None:
    api = api_on_both
    terminal = await api.gateway.database.write(add_terminal, "TM20-001")
    await api.gateway.database.write(add_user, "123", "Zoé")
    ids = await api.gateway.database.write(add_punches, terminal, 7)
    for query, expected in (
        ("", ids[::-1]),
        (f"terminal_id={terminal}", ids[::-1]),
        ("terminal_sn=tm20-001&status=", ids[::-1]),
        ("enrollid=123", ids[::-1]),
        ("enrollid=99", []),
        ("from=2025-12-30T12:00:03Z", ids[:2:-1]),
        ("from=2025-12-30T13:00:03+01:00&to=2025-12-30T12:00:05Z", ids[4:2:-1]),
        ("status=pending", ids),
        ("status=sent", []),
    ):
        found: list[int] = []
        cursor = ""
        while True:
            page = await get(api, f"{LOGS}?limit=3&cursor={cursor}&{query}")
            found += [log["id"] for log in page["logs"]]
            pagination = page["pagination"]
            assert (pagination["limit"], pagination["count"]) == (3, len(page["logs"]))
            assert pagination["has_more"] is (pagination["next_cursor"] is not None)
            if not pagination["has_more"]:
                break
            cursor = pagination["next_cursor"]
        assert found == expected, query
    log = (await get(api, f"{LOGS}{ids[0]}/"))["log"]
    assert (log["user_name"], log["time"], log["deliveries"]) == ("Zoé", "2025-12-30T12:00:00Z", [])


async def test_a_manual_sync_sends_and_the_status_says_so(api: Running) -> None:
    service = HrService(seed=1)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, service, "127.0.0.1", 0)
        config = await add_config(api, base_url=f"http://127.0.0.1:{port}")
        terminal = await api.gateway.database.write(add_terminal, "TM20-001")
        await api.gateway.database.write(add_punches, terminal, 3)
        status = await get(api, f"{STATUS}?config_id={config['id']}")
        assert status["stats"]["pending"] + status["stats"]["sent"] == 3
        answer = await api.client.post("/devices/api/attendance/manual-sync/")
        task = await api.task(answer.json()["task_id"])
        (report,) = task["result"]["configs"]
        # The round that a new courier begins with may have been first.
        assert (report["name"], report["failed"], report["left"]) == ("HR", 0, 0)
        status = await get(api, f"{STATUS}?config_id={config['id']}&status=sent")
        assert status["stats"] == {"pending": 0, "sent": 3, "failed": 0}
        assert {log["sync_status"] for log in status["logs"]} == {"sent"}
        assert all(log["synced_at"] and log["sync_attempts"] == 1 for log in status["logs"])
        assert (await get(api, f"{CONFIGS}{config['id']}/"))["config"]["last_attendance_sync"] is not None
        nursery.cancel_scope.cancel()
    await api.client.patch(f"{CONFIGS}{config['id']}/", json={"is_active": False})
    refused = await api.client.post("/devices/api/attendance/manual-sync/", json={"config_id": config["id"]})
    assert (refused.status_code, refused.json()["field"]) == (409, "config_id")


async def test_a_held_log_is_released_once(api: Running) -> None:
    config = await add_config(api)
    terminal = await api.gateway.database.write(add_terminal, "TM20-001")
    problem = {"time_utc": None, "time_raw": "2000-00-00 00:00:00", "time_problem": "unreadable"}
    held = await api.gateway.database.write(add_punch, terminal, 0, **problem)
    await api.gateway.database.write(add_deliveries, [(held, config["id"], True)])
    log = (await get(api, f"{LOGS}{held}/"))["log"]
    assert (log["time"], log["sync_status"]) == ("2000-00-00 00:00:00", "pending")
    assert "held" in log["sync_error"]
    answer = await api.client.post(f"{LOGS}{held}/release/")
    assert answer.status_code == 200
    assert [one["status"] for one in answer.json()["log"]["deliveries"]] == ["pending"]
    assert (await api.client.post(f"{LOGS}{held}/release/")).status_code == 409


async def test_a_terminal_is_named_approved_and_blocked(api: Running) -> None:
    ident = await api.gateway.database.write(add_terminal, "TM20-001", admission="pending")
    url = f"{TERMINALS}{ident}/"
    assert [one["state"] for one in (await get(api, TERMINALS))["terminals"]] == ["waiting"]
    approved = (await api.client.post(f"{url}approve/")).json()["terminal"]
    assert (approved["admission"], approved["state"], approved["last_seen_at"]) == (
        "approved",
        "offline",
        None,
    )
    named = (await api.client.patch(url, json={"name": " Entrée "})).json()
    assert (named["terminal"]["name"], named["task_id"]) == ("Entrée", None)
    assert (await get(api, f"{TERMINALS}?state=blocked"))["terminals"] == []
    blocked = (await api.client.post(f"{url}block/")).json()["terminal"]
    assert (blocked["admission"], blocked["state"]) == ("blocked", "blocked")
    assert len((await get(api, f"{TERMINALS}?admission=blocked&state=blocked"))["terminals"]) == 1


async def test_a_terminal_is_deleted_by_its_serial(api_on_both: Running) -> None:
    api = api_on_both
    ident = await api.gateway.database.write(add_terminal, "TM20-001")
    await api.gateway.database.write(add_punches, ident, 2)
    url = f"{TERMINALS}{ident}/"
    assert (await api.client.delete(url)).status_code == 400
    wrong = await api.client.delete(f"{url}?confirm=TM20-002")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "confirm")
    deleted = await api.client.delete(f"{url}?confirm=TM20-001")
    assert deleted.json() == {"success": True, "terminal_id": ident, "cancelled": 0}
    assert (await api.client.get(url)).status_code == 404
    assert (await api.client.delete(f"{url}?confirm=TM20-001")).status_code == 404
    assert (await get(api, TERMINALS))["terminals"] == []
    (gone,) = (await get(api, f"{TERMINALS}?deleted=true"))["terminals"]
    assert (gone["state"], gone["deleted_at"] is None) == ("deleted", False)
    for name in (f"terminal_id={ident}", "terminal_sn=TM20-001"):
        assert len((await get(api, f"{LOGS}?{name}"))["logs"]) == 2


async def test_a_new_policy_recomputes_directions_in_the_background(api: Running) -> None:
    ident = await api.gateway.database.write(add_terminal, "TM20-001")
    ids = await api.gateway.database.write(add_punches, ident, 3)
    answer = (await api.client.patch(f"{TERMINALS}{ident}/", json={"direction_policy": "fixed-out"})).json()
    task = await api.task(answer["task_id"])
    assert task["result"] == {"terminal_id": ident, "punches": 3}
    logs = (await get(api, f"{LOGS}?limit=10"))["logs"]
    assert [(log["id"], log["direction"]) for log in logs] == [(one, "out") for one in ids[::-1]]
    again = (await api.client.patch(f"{TERMINALS}{ident}/", json={"direction_policy": "fixed-out"})).json()
    assert again["task_id"] is None


async def test_ready_says_what_is_not(api: Running) -> None:
    ready = await get(api, "/readyz")
    assert (ready["ready"], ready["database"], ready["listener"]) == (True, "ok", "ok")
    api.gateway.listener.stop_accepting()
    with trio.fail_after(30):
        while api.gateway.listener.is_open:
            await trio.sleep(0.01)
    answer = await api.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("listener: ")
    assert (await api.client.get("/healthz")).status_code == 200


async def test_the_openapi_document_knows_every_url(api: Running) -> None:
    document = (await api.client.get("/openapi.json")).json()
    paths = document["paths"]
    assert set(paths[CONFIGS]) == {"get", "post"}
    assert set(paths[f"{CONFIGS}{{config_id}}/"]) == {"get", "put", "patch", "delete"}
    assert "requestBody" in paths["/devices/api/attendance/manual-sync/"]["post"]
