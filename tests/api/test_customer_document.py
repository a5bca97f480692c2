"""The customer's curl commands, pasted as printed (only the port is the test's own)."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import trio

from tests.api.conftest import Running
from tests.store.factories import add_punches, add_terminal

CREATE_CONFIG = r"""
curl -X POST http://localhost:8000/devices/api/third-party-configs/ \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Mon Service RH",
    "base_url": "https://api.monservice.com",
    "users_endpoint": "/api/v1/employees",
    "attendance_endpoint": "/api/v1/attendance",
    "auth_type": "bearer",
    "auth_token": "your-api-token-here",
    "sync_interval_minutes": 15
  }'
"""
SYNC_STATUS = r"""
curl http://localhost:8000/devices/api/attendance/sync-status/?status=pending
"""
MANUAL_SYNC = r"""
curl -X POST http://localhost:8000/devices/api/attendance/manual-sync/ \
  -H "Content-Type: application/json" \
  -d '{
    "config_id": 1,
    "terminal_id": 1  # Optionnel
  }'
"""


@dataclass(frozen=True, slots=True)
class Pasted:
    """What a shell gets back."""

    status: int
    body: dict[str, Any]


async def paste(api: Running, command: str) -> Pasted:
    """Run a command of the document in bash; where curl is not installed, send the same bytes."""
    command = command.strip().replace("localhost:8000", f"localhost:{api.port}")
    if shutil.which("curl") is None or shutil.which("bash") is None:
        return await _send(command)
    script = command.replace("curl ", "curl -sS --noproxy '*' -w '\\n%{http_code}' ", 1)
    done = await trio.to_thread.run_sync(
        partial(subprocess.run, ["bash", "-c", script], capture_output=True, text=True, timeout=30)
    )
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return Pasted(int(status), json.loads(body))


async def _send(command: str) -> Pasted:
    words = shlex.split(command.replace("\\\n", " "))
    url = next(word for word in words if word.startswith("http"))
    data = words[words.index("-d") + 1].encode() if "-d" in words else None
    headers = {"content-type": "application/json"} if "-H" in words else {}
    url = url.replace("localhost", "127.0.0.1")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request("POST" if data else "GET", url, content=data, headers=headers)
    return Pasted(answer.status_code, answer.json())


async def test_creating_a_config_as_printed(api: Running) -> None:
    answer = await paste(api, CREATE_CONFIG)
    assert answer.status == 201
    config = answer.body["config"]
    assert answer.body["success"] is True
    assert answer.body["config_id"] == config["id"] == 1
    assert (config["name"], config["auth_type"], config["has_auth_token"]) == (
        "Mon Service RH",
        "bearer",
        True,
    )
    assert config["users_endpoint"] == "/api/v1/employees"
    assert "your-api-token-here" not in json.dumps(answer.body)
    again = await paste(api, CREATE_CONFIG)
    assert (again.status, again.body["success"], again.body["field"]) == (409, False, "name")


async def test_the_sync_status_as_printed(api: Running) -> None:
    terminal = await api.gateway.database.write(add_terminal, "TM20-001")
    ids = await api.gateway.database.write(add_punches, terminal, 3)
    answer = await paste(api, SYNC_STATUS)
    assert answer.status == 200
    assert answer.body["success"] is True
    assert [log["id"] for log in answer.body["logs"]] == ids
    log = answer.body["logs"][0]
    assert (log["terminal_sn"], log["enrollid"], log["time"]) == ("TM20-001", 123, "2025-12-30T12:00:00Z")
    assert (log["mode"], log["inout"], log["sync_status"]) == (0, 0, "pending")
    assert (log["sync_attempts"], log["synced_at"], log["sync_error"]) == (0, None, None)
    assert answer.body["stats"]["pending"] == 3


async def test_a_manual_sync_as_printed_comments_included(api: Running) -> None:
    await api.gateway.database.write(add_terminal, "TM20-001")
    await paste(api, CREATE_CONFIG)
    answer = await paste(api, MANUAL_SYNC)
    assert (answer.status, answer.body["success"]) == (200, True)
    task = await api.task(answer.body["task_id"])
    assert (task["name"], task["status"], task["error"]) == ("manual sync", "done", None)
    assert [config["config_id"] for config in task["result"]["configs"]] == [1]


async def test_the_same_bytes_work_without_curl(api: Running) -> None:
    assert (
        await _send(CREATE_CONFIG.strip().replace("localhost:8000", f"localhost:{api.port}"))
    ).status == 201
