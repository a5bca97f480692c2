"""Schedules and friendly commands over HTTP: the customer's lines as printed, and every wrong one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.api.conftest import Running, running_api
from tests.api.test_customer_document import paste
from tests.store.factories import add_terminal
from tm20tui.protocol import SetSchedule
from tm20tui.simulate.fleet import Fleet

API = "/devices/api/"
SCHEDULES = f"{API}terminals/1/schedules/"

CREATE_SCHEDULE = r"""
curl -X POST http://localhost:8000/devices/api/terminals/1/schedules/ \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Horaire Standard",
    "weekday": 0,
    "check_in_time": "08:00",
    "check_out_time": "17:00",
    "break_start_time": "12:00",
    "break_end_time": "13:00",
    "tolerance_minutes": 15
  }'
"""
SYNC_SCHEDULES = r"""
curl -X POST http://localhost:8000/devices/api/terminals/1/schedules/sync/ \
  -H "Content-Type: application/json" \
  -d '{
    "schedule_id": 1  # Optionnel, null = tous les horaires
  }'
"""
STANDARD: dict[str, Any] = {
    "name": "Horaire Standard",
    "weekday": 0,
    "check_in_time": "08:00",
    "check_out_time": "17:00",
}


@asynccontextmanager
async def with_terminal(api: Running, family: str) -> AsyncIterator[str]:
    """A simulated terminal, connected; it is the first of the server."""
    url = api.gateway.listener.address
    fleet = Fleet(url, count=1, rate=0, seed=1, families=(family,), time_scale=0.02, enrol_seconds=1e9)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fleet.run)
        with trio.fail_after(30):
            while not api.gateway.commands.statistics().connected:
                await trio.sleep(0.01)
        yield fleet.terminals[0].sn
        nursery.cancel_scope.cancel()


@pytest.fixture
async def open_api(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A server that lets every terminal in, and administrators erase."""
    terminals = {"host": "127.0.0.1", "port": 0, "admission": "open"}
    security = {"allow_dangerous": True}
    async with running_api(sqlite_url, tmp_path, terminals=terminals, security=security) as running:
        yield running


async def test_the_customers_lines_for_schedules_as_printed(
    open_api: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SetSchedule, "timeout_seconds", 0.3)
    api = open_api
    async with with_terminal(api, "TH600"):
        made = await paste(api, CREATE_SCHEDULE)
        assert (made.status, made.body["success"], made.body["schedule_id"]) == (201, True, 1)
        schedule = made.body["schedule"]
        assert (schedule["check_in_time"], schedule["break_end_time"]) == ("08:00", "13:00")
        assert (schedule["tolerance_minutes"], schedule["sync_status"]) == (15, "pending")
        sent = await paste(api, SYNC_SCHEDULES)
        assert (sent.status, sent.body["success"]) == (200, True)
        task = await api.task(sent.body["task_id"])
        assert (task["name"], task["status"]) == ("schedules of TH6SIM000001", "done")
        (report,) = task["result"]["schedules"]
        assert (report["schedule_id"], report["status"]) == (1, "not known")
        assert "TH600 V9.9 is silent about commands it does not know" in report["reason"]
        shown = (await api.client.get(f"{SCHEDULES}1/")).json()["schedule"]
        assert (shown["sync_status"], shown["sync_reason"]) == ("not known", report["reason"])


async def test_null_is_every_schedule(open_api: Running) -> None:
    api = open_api
    async with with_terminal(api, "AiFace"):
        for weekday in (0, 1):
            await api.client.post(SCHEDULES, json=STANDARD | {"weekday": weekday})
        for body in (b'{"schedule_id": null # tous\n}', b"{}", b""):
            answer = await api.client.post(f"{SCHEDULES}sync/", content=body)
            task = await api.task(answer.json()["task_id"])
            assert [one["status"] for one in task["result"]["schedules"]] == ["not known", "not known"]
        body = {"as_zones": True, "margin_minutes": 30}
        answer = await api.client.post(f"{SCHEDULES}sync/", json=body)
        task = await api.task(answer.json()["task_id"])
        assert task["result"]["zones"] == {"status": "confirmed", "reason": "", "differences": []}


async def test_schedules_are_listed_replaced_changed_copied_and_deleted(api_on_both: Running) -> None:
    client, database = api_on_both.client, api_on_both.gateway.database
    for sn in ("T1", "T2"):
        await database.write(add_terminal, sn)
    made = (
        await client.post(SCHEDULES, json=STANDARD | {"break_start_time": "12:00", "break_end_time": "13:00"})
    ).json()
    url = f"{SCHEDULES}{made['schedule_id']}/"
    changed = (await client.patch(url, json={"effective_from": "2026-01-01"})).json()["schedule"]
    assert (changed["effective_from"], changed["break_start_time"]) == ("2026-01-01", "12:00")
    night = {"name": "Nuit", "weekday": 6, "check_in_time": "22:00", "check_out_time": "06:00:30"}
    replaced = (await client.put(url, json=night)).json()["schedule"]
    assert (replaced["check_out_time"], replaced["break_start_time"]) == ("06:00:30", None)
    assert replaced["effective_from"] is None
    listed = (await client.get(SCHEDULES)).json()
    assert (listed["schedules"], listed["pagination"]["count"]) == ([replaced], 1)
    copied = (await client.post(f"{SCHEDULES}copy/", json={"to_terminal_ids": [2]})).json()
    assert copied["copies"] == [{"terminal_id": 2, "added": 1, "already_there": 0, "removed": 0}]
    assessed = (await client.get(f"{SCHEDULES}assess/123/?from=2026-06-01&to=2026-06-07")).json()
    assert (assessed["punches"], len(assessed["days"])) == ([], 1)
    assert assessed["days"][0]["missing"] == ["arrival", "departure"]
    deleted = await client.delete(url)
    assert deleted.json() == {"success": True, "schedule_id": made["schedule_id"]}
    assert (await client.get(url)).status_code == 404


async def test_friendly_commands(open_api: Running) -> None:
    client = open_api.client
    async with with_terminal(open_api, "AiFace") as sn:
        terminal = f"{API}terminals/1/"
        for path, body, name in (
            ("door/", {"doornum": 1}, "opendoor"),
            ("time/", {}, "settime"),
            ("time/read/", {}, "gettime"),
            ("info/", {}, "getdevinfo"),
            ("configure/", {"settings": {"volume": 3}}, "setdevinfo"),
            ("reboot/", {}, "reboot"),
        ):
            answer = (await client.post(terminal + path, json=body)).json()
            command = answer["command"]
            assert (answer["success"], command["name"], command["status"]) == (True, name, "confirmed"), (
                answer
            )
            if name in ("settime", "gettime"):
                assert abs(answer["drift_seconds"]) < 30
        refused = await client.post(f"{terminal}erase/", json={"name": "cleanlog", "confirm": "yes"})
        assert (refused.status_code, refused.json()["field"]) == (400, "confirm")
        erased = (await client.post(f"{terminal}erase/", json={"name": "cleanlog", "confirm": sn})).json()
        assert erased["command"]["status"] == "confirmed"


BAD: list[tuple[str, str, Any, int, str | None, str]] = [
    # method, URL under terminals/, body, status, field, what the error must say
    ("GET", "7/schedules/", None, 404, "terminal_id", "no terminal with id 7"),
    ("POST", "7/schedules/", STANDARD, 404, "terminal_id", "no terminal with id 7"),
    ("GET", "1/schedules/7/", None, 404, None, "no schedule with id 7"),
    ("GET", "2/schedules/1/", None, 404, None, "no schedule with id 1"),
    ("GET", "1/schedules/abc/", None, 404, "schedule_id", "abc"),
    ("PUT", "1/schedules/7/", STANDARD, 404, None, "no schedule with id 7"),
    ("PATCH", "2/schedules/1/", {}, 404, None, "no schedule with id 1"),
    ("DELETE", "2/schedules/1/", None, 404, None, "no schedule with id 1"),
    ("DELETE", "1/schedules/sync/", None, 405, None, "use POST"),
    ("POST", "1/schedules/1/", b"{}", 405, None, "use DELETE, GET, PATCH, PUT"),
    ("POST", "1/schedules/", {}, 400, "name", "name is required"),
    ("POST", "1/schedules/", {"name": "x"}, 400, "weekday", "weekday is required"),
    ("POST", "1/schedules/", b'{"name": "x",}', 400, None, "not JSON"),
    ("POST", "1/schedules/", STANDARD, 400, "check_in_time", "overlaps schedule 1"),
    ("PUT", "1/schedules/1/", {"weekday": 0}, 400, "name", "name is required"),
    ("PATCH", "1/schedules/1/", {"weekday": 7}, 400, "weekday", "from 0 (Monday) to 6"),
    ("PATCH", "1/schedules/1/", {"weekday": "0"}, 400, "weekday", "whole number"),
    ("PATCH", "1/schedules/1/", {"check_in_time": "8:00"}, 400, "check_in_time", "such as"),
    ("PATCH", "1/schedules/1/", {"check_in_time": "24:00"}, 400, "check_in_time", "23:59"),
    ("PATCH", "1/schedules/1/", {"check_out_time": "08:00"}, 400, "check_out_time", "must differ"),
    ("PATCH", "1/schedules/1/", {"break_start_time": "12:00"}, 400, "break_end_time", "required"),
    ("PATCH", "1/schedules/1/", {"tolerance_minutes": 241}, 400, "tolerance_minutes", "0 to 240"),
    ("PATCH", "1/schedules/1/", {"effective_from": "2026-02-30"}, 400, "effective_from", "date"),
    ("PATCH", "1/schedules/1/", {"is_active": 1}, 400, "is_active", "true or false"),
    ("PATCH", "1/schedules/1/", {"jour": 1}, 400, "jour", "unknown field"),
    ("POST", "7/schedules/sync/", {}, 404, "terminal_id", "no terminal with id 7"),
    ("POST", "1/schedules/sync/", {"schedule_id": 7}, 404, "schedule_id", "no schedule with id 7"),
    ("POST", "1/schedules/sync/", {"schedule_id": "1"}, 400, "schedule_id", "whole number"),
    ("POST", "1/schedules/sync/", {"schedule": 1}, 400, "schedule", "unknown field"),
    ("POST", "1/schedules/sync/", {"as_zones": "yes"}, 400, "as_zones", "must be true or false"),
    ("POST", "1/schedules/sync/", {"margin_minutes": 241}, 400, "margin_minutes", "240"),
    ("POST", "1/schedules/sync/", {"schedule_id": 1, "as_zones": True}, 400, "schedule_id", "leave"),
    ("POST", "2/schedules/sync/", {}, 409, None, "no schedule of T2 to send"),
    ("POST", "1/schedules/copy/", {}, 400, "to_terminal_ids", "required"),
    ("POST", "1/schedules/copy/", {"to_terminal_ids": []}, 400, "to_terminal_ids", "at least 1"),
    ("POST", "1/schedules/copy/", {"to_terminal_ids": [1]}, 400, "to_terminal_ids", "own terminal"),
    ("POST", "1/schedules/copy/", {"to_terminal_ids": [7]}, 404, "terminal_id", "no terminal with id 7"),
    ("GET", "1/schedules/assess/7/?from=soon", None, 400, "from", "date"),
    ("GET", "1/schedules/assess/7/?from=2026-06-02&to=2026-06-01", None, 400, "to_day", "from_day"),
    ("GET", f"1/schedules/assess/{'7' * 40}/", None, 400, "enrollid", "32 characters"),
    ("POST", "7/door/", {}, 404, "terminal_id", "no terminal with id 7"),
    ("POST", "1/door/", {"doornum": 5}, 400, "doornum", "4"),
    ("POST", "1/door/", {"door": 1}, 400, "door", "unknown field"),
    ("POST", "1/door/", {}, 409, "terminal_id", "T1 is not connected"),
    ("POST", "1/time/", {"wait_seconds": -1}, 400, "wait_seconds", "0"),
    ("POST", "1/configure/", {}, 400, "settings", "required"),
    ("POST", "1/configure/", {"settings": {"volume": 11}}, 400, "volume", "must be 0 to 10"),
    ("POST", "1/configure/", {"settings": {"loud": 1}}, 400, "loud", "setdevinfo has no 'loud'"),
    ("POST", "1/erase/", {"name": "format", "confirm": "T1"}, 400, "name", "cleanlog"),
    ("POST", "1/erase/", {"name": "initsys", "confirm": "T1"}, 409, None, "security.allow_dangerous"),
]


async def test_bad_input_gets_a_clear_error(api_on_both: Running) -> None:
    for sn in ("T1", "T2"):
        await api_on_both.gateway.database.write(add_terminal, sn)
    assert (await api_on_both.client.post(SCHEDULES, json=STANDARD)).status_code == 201
    for method, url, body, status, field, says in BAD:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = await api_on_both.client.request(method, f"{API}terminals/{url}", content=content)
        case = f"{method} {url} {body}: {answer.text}"
        assert answer.status_code == status, case
        found = answer.json()
        assert (found["success"], found["field"]) == (False, field), case
        assert says in found["error"], case


async def test_the_customers_bodies_are_the_examples_of_the_document(open_api: Running) -> None:
    paths = (await open_api.client.get("/openapi.json")).json()["paths"]
    for path, command in (("", CREATE_SCHEDULE), ("sync/", SYNC_SCHEDULES)):
        url = API + "terminals/{terminal_id}/schedules/" + path
        example = paths[url]["post"]["requestBody"]["content"]["application/json"]["example"]
        printed = command[command.index("{") : command.rindex("}") + 1]
        assert example == json.loads(printed.replace("# Optionnel, null = tous les horaires", ""))
