"""Sites, users, tokens, deliveries, quarantine, tasks, alarms, nodes: what goes in and comes out."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.api.conftest import Running
from tests.api.world import fill

API = "/devices/api/"


async def ask(api: Running, method: str, url: str, body: Any = None, *, status: int = 200) -> Any:
    """The answer's JSON."""
    answer = await api.client.request(method, API + url, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_site_is_added_changed_and_gets_a_terminal(api: Running) -> None:
    await fill(api.gateway)
    site = (await ask(api, "POST", "sites/", {"name": "Lyon", "timezone": "Europe/Paris"}, status=201))[
        "site"
    ]
    changed = await ask(api, "PATCH", f"sites/{site['id']}/", {"name": "Lyon 2"})
    assert (changed["site"]["name"], changed["site"]["timezone"]) == ("Lyon 2", "Europe/Paris")
    moved = await ask(api, "POST", "terminals/1/move/", {"site_id": site["id"]})
    assert (moved["terminal"]["site"], moved["terminal"]["timezone"]) == ("Lyon 2", "Europe/Paris")
    assert (await ask(api, "GET", f"sites/{site['id']}/"))["site"]["terminals"] == 1


async def test_a_user_is_added_and_a_validity_of_null_is_open_ended(api: Running) -> None:
    await fill(api.gateway)
    body = {"site_id": 1, "enrollid": "7", "name": "Ada", "valid_until": "2030-01-01T00:00:00+01:00"}
    made = (await ask(api, "POST", "users/", body, status=201))["user"]
    assert made["valid_until"] == "2029-12-31T23:00:00Z"
    kept = (await ask(api, "PATCH", f"users/{made['id']}/", {"name": "Ada L."}))["user"]
    assert (kept["name"], kept["valid_until"]) == ("Ada L.", "2029-12-31T23:00:00Z")
    opened = (await ask(api, "PATCH", f"users/{made['id']}/", {"valid_until": None}))["user"]
    assert opened["valid_until"] is None


async def test_credentials_are_counted_by_kind(api: Running) -> None:
    await fill(api.gateway)
    counts = (await ask(api, "GET", "credentials/"))["credentials"]
    assert [(one["terminal_id"], one["kind"], one["count"]) for one in counts] == [(1, "fingerprint", 1)]
    user = await ask(api, "GET", "users/1/")
    assert user["credentials"] == [{"kind": "fingerprint", "count": 1}]
    assert user["enrollments"][0]["terminal_sn"] == "TM20-001"


async def test_a_token_made_over_http_works_until_it_is_revoked(api: Running) -> None:
    made = await ask(api, "POST", "tokens/", {"name": "payroll", "role": "operator"}, status=201)
    headers = {"authorization": f"Bearer {made['secret']}"}
    assert (await api.client.get(f"{API}audit/", headers=headers)).status_code == 200
    assert (await api.client.get(f"{API}tokens/", headers=headers)).status_code == 403
    gone = await ask(api, "DELETE", f"tokens/{made['token']['id']}/")
    assert gone["token"]["revoked_at"] is not None
    assert (await api.client.get(f"{API}audit/", headers=headers)).status_code == 401


async def test_a_failed_delivery_is_explained_discarded_and_retried(api: Running) -> None:
    await fill(api.gateway)
    (failed,) = (await ask(api, "GET", "deliveries/?status=failed"))["deliveries"]
    why = (await ask(api, "GET", f"deliveries/{failed['id']}/why/"))["why"]
    assert [attempt["status_code"] for attempt in why["attempts"]] == [422]
    assert why["config"]["name"] == failed["config_name"]
    story = (await ask(api, "GET", f"attendance/{failed['log_id']}/why/"))["why"]
    assert story["log"]["id"] == failed["log_id"]
    assert failed["id"] in [one["delivery"]["id"] for one in story["deliveries"]]
    counted = await ask(api, "POST", "deliveries/retry/", {"everything": True, "dry_run": True})
    assert (counted["is_dry_run"], counted["matched"], counted["changed"]) == (True, 1, 0)
    done = await ask(api, "POST", f"deliveries/{failed['id']}/discard/", {"reason": "left"})
    assert done["changed"] == 1
    again = await ask(api, "POST", f"deliveries/{failed['id']}/retry/")
    assert (again["changed"], again["config_ids"]) == (1, [failed["config_id"]])


async def test_quarantine_is_listed_and_discarded(api: Running) -> None:
    await fill(api.gateway)
    items = (await ask(api, "GET", "quarantine/?reason=number"))["quarantine"]
    assert [item["id"] for item in items] == [2, 1]
    retried = await ask(api, "POST", "quarantine/1/retry/")
    assert (retried["is_removed"], retried["stored"]) == (False, 0)
    gone = await ask(api, "POST", "quarantine/1/discard/", {"reason": "noise"})
    assert gone["item"]["id"] == 1
    await ask(api, "GET", "quarantine/1/", status=404)


async def test_an_alarm_is_acknowledged(api: Running) -> None:
    await fill(api.gateway)
    known = (await ask(api, "POST", "alarms/acknowledge/", {"key": "users:1:1"}))["alarm"]
    assert (known["acknowledged_by"], known["cleared_at"]) == ("local", None)
    shown = {alarm["key"]: alarm for alarm in (await ask(api, "GET", "alarms/"))["alarms"]}
    assert shown["users:1:1"]["acknowledged_at"] is not None


async def test_a_command_is_asked_listed_and_taken_back(api: Running) -> None:
    await fill(api.gateway)
    asked = (await ask(api, "POST", "terminals/1/commands/", {"name": "getdevinfo"}))["command"]
    assert (asked["status"], asked["operator"]) == ("queued", "local")
    listed = (await ask(api, "GET", "commands/?terminal_id=1&status=queued"))["commands"]
    assert [command["name"] for command in listed] == ["getdevinfo", "setuserinfo"]
    assert listed[1]["is_sealed"] is True
    gone = (await ask(api, "POST", f"commands/{asked['id']}/cancel/"))["command"]
    assert gone["status"] == "cancelled"
    await ask(api, "POST", f"commands/{asked['id']}/cancel/", status=409)
    await ask(api, "POST", "terminals/1/commands/", {"name": "opendoor"}, status=409)


async def test_tasks_are_run_and_cancelled(api: Running) -> None:
    ran = await ask(api, "POST", "tasks/periodic/run/", {"name": "last seen"})
    assert ran["periodic"]["name"] == "last seen"
    task = api.gateway.tasks.start("endless", trio.sleep_forever)
    await ask(api, "POST", f"tasks/{task.id}/cancel/")
    assert (await api.task(task.id))["status"] == "cancelled"
    await ask(api, "POST", f"tasks/{task.id}/cancel/", status=409)


async def test_mappings_are_replaced(api: Running) -> None:
    await fill(api.gateway)
    mapped = await ask(api, "PUT", "third-party-configs/1/terminals/", {"terminal_ids": [2]})
    assert mapped["mapping"]["terminal_ids"] == [2]
    of_one = (await ask(api, "GET", "mappings/?terminal_id=1"))["mappings"]
    assert [mapping["config_id"] for mapping in of_one] == [2]
    opened = await ask(api, "PUT", "third-party-configs/1/terminals/", {"terminal_ids": None})
    assert opened["mapping"]["terminal_ids"] is None


async def test_this_server_is_among_the_nodes(api: Running) -> None:
    (node,) = (await ask(api, "GET", "nodes/"))["nodes"]
    assert (node["name"], node["is_this"]) == ("main", True)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("terminals/", "terminals"),
        ("third-party-configs/", "configs"),
        ("mappings/", "mappings"),
        ("sites/", "sites"),
        ("deliveries/", "deliveries"),
        ("quarantine/", "quarantine"),
        ("audit/", "entries"),
        ("tasks/periodic/", "periodic"),
        ("attendance/", "logs"),
    ],
)
async def test_pages_of_one_hold_together_what_one_page_holds(api: Running, url: str, key: str) -> None:
    await fill(api.gateway)
    await ask(api, "POST", "sites/", {"name": "Lyon", "timezone": "Europe/Paris"}, status=201)
    known = "name" if key == "periodic" else "config_id" if key == "mappings" else "id"
    whole = [item[known] for item in (await ask(api, "GET", url))[key]]
    assert len(whole) > 1
    paged, cursor = [], ""
    while True:
        page = await ask(api, "GET", f"{url}?limit=1&cursor={cursor}")
        paged += [item[known] for item in page[key]]
        assert page["pagination"]["count"] == len(page[key]) == 1
        cursor = page["pagination"]["next_cursor"]
        if not page["pagination"]["has_more"]:
            break
    assert cursor is None
    assert paged == whole


async def test_what_no_text_can_say_spoils_no_list_of_what_happened(api: Running) -> None:
    await fill(api.gateway)
    answer = await api.client.post(f"{API}alarms/acknowledge/", content='{"key": "\\ud800"}')
    assert answer.status_code == 404
    assert (await ask(api, "GET", "events/recent/"))["success"]
    assert (await ask(api, "GET", "audit/"))["success"]


async def test_a_week_before_all_time_is_refused(api: Running) -> None:
    await fill(api.gateway)
    answer = await ask(api, "GET", "terminals/1/schedules/assess/1/?to=0001-01-01", status=400)
    assert "must be from" in answer["error"]
