"""The customer's document, section by section, as far as the product has it.

Commands are pasted as printed; only ports are the test's own, and where a service must
answer, its address.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import trio
from sqlalchemy import Connection, select

from tests.api.conftest import Running
from tests.store.factories import add_punches, add_terminal, add_user
from tm20tui.store.schema import services

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
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as client:
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


# ------------------------------------------------------- Format d'envoi des pointages (POST)

PRINTED = """
{
  "attendance": [
    {
      "terminal_sn": "TM20-001",
      "enrollid": 123,
      "user_name": "John Doe",
      "time": "2025-12-30T10:30:00Z",
      "mode": 0,
      "inout": 0,
      "event": 0,
      "temperature": 36.5,
      "access_granted": true,
      "log_id": 456
    }
  ]
}
"""


async def test_a_service_gets_the_printed_format_with_the_printed_authentication(api: Running) -> None:
    async with trio.open_nursery() as nursery:
        service = _Service()
        port = await nursery.start(service.run)
        command = CREATE_CONFIG.replace("https://api.monservice.com", f"http://127.0.0.1:{port}")
        assert (await paste(api, command)).status == 201
        await api.gateway.database.write(_printed_punch)
        answer = await paste(api, MANUAL_SYNC)
        task = await api.task(answer.body["task_id"])
        outcome = task["result"]["configs"][0]
        assert (task["status"], outcome["failed"], outcome["left"]) == ("done", 0, 0)
        log = (await api.client.get("/devices/api/attendance/456/")).json()["log"]
        assert (log["sync_status"], log["sync_error"]) == ("sent", None)
        nursery.cancel_scope.cancel()
    head, _, body = service.received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/v1/attendance HTTP/1.1"
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert headers["authorization"] == "Bearer your-api-token-here"
    assert headers["content-type"] == "application/json"
    # The printed bytes without the printed spaces, members in the printed order.
    assert body.decode() == json.dumps(json.loads(PRINTED), separators=(",", ":"))
    status = await paste(api, SYNC_STATUS)
    assert (status.body["logs"], status.body["stats"]["pending"]) == ([], 0)


class _Service:
    """Whoever answers 200 to one request."""

    received = b""

    async def run(self, task_status: trio.TaskStatus[int]) -> None:
        await trio.serve_tcp(self._answer, 0, host="127.0.0.1", task_status=_Port(task_status))

    async def _answer(self, stream: trio.SocketStream) -> None:
        while b"}]}" not in self.received:
            self.received += await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@dataclass
class _Port:
    """Tells the port that was taken."""

    _outer: trio.TaskStatus[int]

    def started(self, listeners: list[trio.SocketListener]) -> None:
        self._outer.started(listeners[0].socket.getsockname()[1])


def _printed_punch(conn: Connection) -> None:
    terminal = add_terminal(conn, "TM20-001")
    add_user(conn, "123", "John Doe")
    at = datetime(2025, 12, 30, 10, 30, tzinfo=UTC)
    punch = {"time_raw": "2025-12-30 10:30:00", "time_utc": at, "temperature": 36.5}
    (ident,) = add_punches(conn, terminal, 1, id=456, **punch)
    assert ident == 456


# ------------------------------------------------------- Statuts: pending, sent, failed


async def test_each_status_of_the_document_can_be_asked_for(api: Running) -> None:
    for status in ("pending", "sent", "failed"):
        answer = await paste(api, SYNC_STATUS.replace("pending", status))
        assert (answer.status, answer.body["logs"]) == (200, [])
        assert set(answer.body["stats"]) == {"pending", "sent", "failed"}


# ------------------------------------------------------- Tâches automatiques, Monitoring


async def test_what_celery_beat_did_is_shown_as_periodic_tasks(api: Running) -> None:
    assert (await paste(api, CREATE_CONFIG)).status == 201
    with trio.fail_after(30):
        while True:
            shown = (await api.client.get("/devices/api/tasks/periodic/")).json()["periodic"]
            every = {task["name"]: task["interval_seconds"] for task in shown}
            if any("Mon Service RH" in name for name in every):
                break
            await trio.sleep(0.01)
    # "toutes les 15 minutes", "toutes les heures"
    assert next(seconds for name, seconds in every.items() if "Mon Service RH" in name) == 900
    assert 3600 in every.values()


async def test_the_important_metrics_are_answered(api: Running) -> None:
    await paste(api, CREATE_CONFIG)
    terminal = await api.gateway.database.write(add_terminal, "TM20-001")
    await api.gateway.database.write(add_punches, terminal, 2)
    assert (await paste(api, SYNC_STATUS)).body["stats"] == {"pending": 2, "sent": 0, "failed": 0}
    config = (await api.client.get("/devices/api/third-party-configs/1/")).json()["config"]
    assert config["last_attendance_sync"] is None
    assert (await api.client.get("/metrics")).status_code == 200


# ------------------------------------------------------- Sécurité


async def test_tokens_are_stored_and_never_told(api: Running) -> None:
    await paste(api, CREATE_CONFIG)
    for url in ("third-party-configs/", "third-party-configs/1/", "mappings/", "audit/"):
        answer = await api.client.get(f"/devices/api/{url}")
        assert answer.status_code == 200
        assert "your-api-token-here" not in answer.text
    stored = await api.gateway.database.read(_stored_tokens)
    assert len(stored) == 1
    assert b"your-api-token-here" not in stored[0]


def _stored_tokens(conn: Connection) -> list[bytes]:
    return list(conn.scalars(select(services.c.auth_token_sealed)))


async def test_the_customers_bodies_are_the_examples_of_the_document(api: Running) -> None:
    paths = (await api.client.get("/openapi.json")).json()["paths"]
    for url, command in (
        ("/devices/api/third-party-configs/", CREATE_CONFIG),
        ("/devices/api/attendance/manual-sync/", MANUAL_SYNC.replace("  # Optionnel", "")),
    ):
        content = paths[url]["post"]["requestBody"]["content"]["application/json"]
        words = shlex.split(command.replace("\\\n", " "))
        assert content["example"] == json.loads(words[words.index("-d") + 1])
