"""Every wrong thing that can be said to the API, and the clear answer it gets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Running, running_api
from tests.ingest.frames import rows
from tm20tui.api.bodies import parse_object
from tm20tui.api.doorman import FOREIGN_AT_ONCE
from tm20tui.errors import InvalidInput

CONFIGS = "/devices/api/third-party-configs/"
LOGS = "/devices/api/attendance/"
STATUS = "/devices/api/attendance/sync-status/"
SYNC = "/devices/api/attendance/manual-sync/"
TERMINALS = "/devices/api/terminals/"
SITES = "/devices/api/sites/"
USERS = "/devices/api/users/"
TOKENS = "/devices/api/tokens/"
AUDIT = "/devices/api/audit/"
OWED = "/devices/api/deliveries/"
QUARANTINE = "/devices/api/quarantine/"
TASKS = "/devices/api/tasks/"
ALARMS = "/devices/api/alarms/"
HUGE = 2**63


def config(**changes: Any) -> dict[str, Any]:
    return {"name": "HR", "base_url": "https://hr.example.com", **changes}


BAD = [
    # method, URL, body, status, field, what the error must say
    ("GET", "/", None, 404, None, "no such URL: /"),
    ("GET", "/devices/api/", None, 404, None, "no such URL"),
    ("GET", "/devices/api/employees/", None, 404, None, "no such URL"),
    ("GET", "/devices/api/../../etc/passwd", None, 404, None, "no such URL"),
    ("DELETE", CONFIGS, None, 405, None, "use GET, POST"),
    ("PUT", TERMINALS, b"{}", 405, None, "use GET"),
    ("BREW", "/healthz", None, 405, None, "use GET"),
    # Unknown ids
    ("GET", f"{CONFIGS}7/", None, 404, None, "no third-party config with id 7"),
    ("PUT", f"{CONFIGS}7/", config(), 404, None, "no third-party config with id 7"),
    ("PATCH", f"{CONFIGS}7/", {"batch_size": 1}, 404, None, "no third-party config with id 7"),
    ("DELETE", f"{CONFIGS}7/", None, 404, None, "no third-party config with id 7"),
    ("GET", f"{CONFIGS}abc/", None, 404, "config_id", "abc"),
    ("GET", f"{CONFIGS}0/", None, 404, "config_id", "0"),
    ("GET", f"{CONFIGS}-1/", None, 404, "config_id", "-1"),
    ("GET", f"{CONFIGS}{HUGE}/", None, 404, "config_id", str(HUGE)),
    ("GET", f"{CONFIGS}{'9' * 5000}/", None, 404, "config_id", "999"),
    ("GET", f"{LOGS}7/", None, 404, None, "no attendance log with id 7"),
    ("POST", f"{LOGS}7/release/", None, 404, None, "no attendance log with id 7"),
    ("GET", f"{TERMINALS}7/", None, 404, "terminal_id", "no terminal with id 7"),
    ("PATCH", f"{TERMINALS}7/", {"name": "x"}, 404, "terminal_id", "no terminal with id 7"),
    ("POST", f"{TERMINALS}7/approve/", None, 404, "terminal_id", "no terminal with id 7"),
    ("POST", f"{TERMINALS}7/block/", None, 404, "terminal_id", "no terminal with id 7"),
    ("GET", "/devices/api/tasks/nope/", None, 404, "task_id", "no task with id nope"),
    # Bodies that are no JSON object
    ("POST", CONFIGS, b"", 400, "name", "name is required"),
    ("POST", CONFIGS, b"{", 400, None, "not JSON: "),
    ("POST", CONFIGS, b'{"name": "HR",}', 400, None, "line 1, column"),
    ("POST", CONFIGS, b'{"name": # comment\n}', 400, None, "line 2, column 1"),
    ("POST", CONFIGS, b"name=HR&base_url=x", 400, None, "not JSON"),
    ("POST", CONFIGS, b"[1, 2]", 400, None, "must be a JSON object"),
    ("POST", CONFIGS, b'"text"', 400, None, "must be a JSON object"),
    ("POST", CONFIGS, b"null", 400, None, "must be a JSON object"),
    ("POST", CONFIGS, b"\xff\xfe{}", 400, None, "not UTF-8"),
    ("POST", CONFIGS, b"[" * 4000, 400, None, "nested too deeply"),
    ("POST", CONFIGS, b'{"a":' * 800 + b"1", 400, None, ""),
    ("POST", CONFIGS, b'{"timeout_seconds": NaN}', 400, None, "NaN is not JSON"),
    ("POST", CONFIGS, b'{"timeout_seconds": -Infinity}', 400, None, "-Infinity is not JSON"),
    ("POST", CONFIGS, b'{"batch_size": 1' + b"0" * 4000 + b"}", 400, "batch_size", "from 1 to 1000"),
    ("POST", CONFIGS, b'{"name": "a", "name": "b"}', 400, "name", "given twice"),
    ("POST", CONFIGS, b'{"' + b"x" * 3000 + b'": 1}', 400, "x" * 100, "unknown field"),
    ("POST", CONFIGS, b'{"\\ud800": 1}', 400, "\ud800", "unknown field"),
    ("POST", CONFIGS, b" " * 5000, 413, None, "larger than 4096 bytes (api.max_body_bytes)"),
    # Configs
    ("POST", CONFIGS, {"name": "HR"}, 400, "base_url", "base_url is required"),
    ("POST", CONFIGS, config(nome="x"), 400, "nome", "unknown field 'nome'"),
    ("POST", CONFIGS, config(name=""), 400, "name", "required"),
    ("POST", CONFIGS, config(name=5), 400, "name", "must be a text"),
    ("POST", CONFIGS, config(name="x" * 101), 400, "name", "at most 100"),
    ("POST", CONFIGS, config(name="a\x00b"), 400, "name", "control characters"),
    ("POST", CONFIGS, config(base_url="hr.example.com"), 400, "base_url", "https://"),
    ("POST", CONFIGS, config(base_url="ftp://hr.example.com"), 400, "base_url", "https://"),
    ("POST", CONFIGS, config(base_url="https://u:p@hr.example"), 400, "base_url", "password"),
    ("POST", CONFIGS, config(attendance_endpoint="http://x/"), 400, "attendance_endpoint", "path"),
    ("POST", CONFIGS, config(auth_type="oauth"), 400, "auth_type", "none, bearer, api_key, basic"),
    ("POST", CONFIGS, config(auth_type=["none"]), 400, "auth_type", "one of"),
    ("POST", CONFIGS, config(auth_type="bearer"), 400, "auth_token", "required"),
    ("POST", CONFIGS, config(auth_type="bearer", auth_token="a\nb"), 400, "auth_token", "one line"),
    ("POST", CONFIGS, config(auth_header_name="a b"), 400, "auth_header_name", "header name"),
    ("POST", CONFIGS, config(extra_headers=["a"]), 400, "extra_headers", "object"),
    ("POST", CONFIGS, config(extra_headers={"Host": "x"}), 400, "extra_headers", "Host"),
    ("POST", CONFIGS, config(sync_interval_minutes=-1), 400, "sync_interval_minutes", "from 0"),
    ("POST", CONFIGS, config(sync_interval_minutes="15"), 400, "sync_interval_minutes", "whole number"),
    ("POST", CONFIGS, config(sync_interval_minutes=1.5), 400, "sync_interval_minutes", "whole number"),
    ("POST", CONFIGS, b'{"timeout_seconds": 1e999}', 400, "timeout_seconds", "number"),
    ("POST", CONFIGS, config(batch_size=0), 400, "batch_size", "from 1"),
    ("POST", CONFIGS, config(is_active="yes"), 400, "is_active", "true or false"),
    ("POST", CONFIGS, config(terminal_ids=[99]), 400, "terminal_ids", "no terminal with id 99"),
    ("POST", CONFIGS, config(terminal_ids=[HUGE]), 400, "terminal_ids", "list of terminal ids"),
    ("POST", CONFIGS, config(terminal_ids="1"), 400, "terminal_ids", "list of terminal ids"),
    # Lists
    ("GET", f"{STATUS}?status=foo", None, 400, "status", "must be one of pending, sent, failed"),
    ("GET", f"{STATUS}?stat=pending", None, 400, "stat", "unknown parameter"),
    ("GET", f"{STATUS}?config_id=7", None, 404, "config_id", "no third-party config with id 7"),
    ("GET", f"{STATUS}?config_id=abc", None, 400, "config_id", "whole number"),
    ("GET", f"{STATUS}?config_id={HUGE}", None, 400, "config_id", "or less"),
    ("GET", f"{STATUS}?terminal_id=7", None, 404, "terminal_id", "no terminal with id 7"),
    ("GET", f"{STATUS}?terminal_id=0", None, 400, "terminal_id", "must be 1 or more"),
    ("GET", f"{STATUS}?limit=abc", None, 400, "limit", "whole number"),
    ("GET", f"{STATUS}?limit=0", None, 400, "limit", "must be 1 or more"),
    ("GET", f"{LOGS}?limit=501", None, 400, "limit", "500"),
    ("GET", f"{LOGS}?limit={'9' * 5000}", None, 400, "limit", "at most 18 digits"),
    ("GET", f"{LOGS}?cursor=garbage", None, 400, "cursor", "next_cursor"),
    ("GET", f"{LOGS}?cursor={HUGE}", None, 400, "cursor", "next_cursor"),
    ("GET", f"{LOGS}?cursor=5-1000000", None, 400, "cursor", "other filters"),
    ("GET", f"{LOGS}?from=2025-01-01T00:00:00Z&cursor=5-{'9' * 18}", None, 400, "cursor", "next_cursor"),
    ("GET", f"{LOGS}?from=2025-01-01T00:00:00Z&cursor=5", None, 400, "cursor", "other filters"),
    ("GET", f"{LOGS}?from=yesterday", None, 400, "from", "2025-12-30T00:00:00Z"),
    ("GET", f"{LOGS}?from=2025-01-01T00:00:00", None, 400, "from", "zone"),
    ("GET", f"{LOGS}?to=0001-01-01T00:00:00%2B14:00", None, 400, "to", "zone"),
    ("GET", f"{LOGS}?from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z", None, 400, "from", "earlier"),
    ("GET", f"{LOGS}?enrollid=%00", None, 400, "enrollid", "printable"),
    ("GET", f"{LOGS}?terminal_sn={'x' * 65}", None, 400, "terminal_sn", "64"),
    ("GET", f"{TERMINALS}?admission=maybe", None, 400, "admission", "pending, approved, blocked"),
    ("GET", f"{TERMINALS}?state=asleep", None, 400, "state", "one of online"),
    # Manual sync
    ("POST", SYNC, {"config_id": 7}, 404, "config_id", "no third-party config with id 7"),
    ("POST", SYNC, {"config_id": "1"}, 400, "config_id", "whole number"),
    ("POST", SYNC, {"config_id": True}, 400, "config_id", "whole number"),
    ("POST", SYNC, {"config_id": 1.0}, 400, "config_id", "whole number"),
    ("POST", SYNC, {"config_id": HUGE}, 400, "config_id", "whole number"),
    ("POST", SYNC, {"terminal_id": 7}, 404, "terminal_id", "no terminal with id 7"),
    ("POST", SYNC, {"terminal": 1}, 400, "terminal", "unknown field"),
    ("POST", SYNC, {}, 409, "config_id", "no active third-party config"),
    # Terminals
    ("PATCH", f"{TERMINALS}7/", {"sn": "x"}, 400, "sn", "unknown field"),
    ("PATCH", f"{TERMINALS}7/", {"name": None}, 400, "name", "must be a text"),
    ("PATCH", f"{TERMINALS}7/", {"name": "x" * 101}, 400, "name", "at most 100"),
    ("PATCH", f"{TERMINALS}7/", {"name": "a\x1bb"}, 400, "name", "one line"),
    ("PATCH", f"{TERMINALS}7/", {"name": "a\ud800b"}, 400, "name", "one line"),
    ("PATCH", f"{TERMINALS}7/", {"direction_policy": "up"}, 400, "direction_policy", "alternate"),
    ("GET", f"{TERMINALS}?cursor=x", None, 400, "cursor", "next_cursor"),
    ("GET", f"{TERMINALS}?cursor={HUGE}", None, 400, "cursor", "next_cursor"),
    ("POST", f"{TERMINALS}7/move/", {"site_id": 1}, 404, "terminal_id", "no terminal with id 7"),
    ("POST", f"{TERMINALS}7/move/", {}, 400, "site_id", "site_id is required"),
    # Mappings
    ("GET", f"{CONFIGS}7/terminals/", None, 404, None, "no third-party config with id 7"),
    ("PUT", f"{CONFIGS}7/terminals/", {}, 400, "terminal_ids", "terminal_ids is required"),
    ("PUT", f"{CONFIGS}7/terminals/", {"terminal_ids": ["1"]}, 400, "terminal_ids", "whole number"),
    ("PUT", f"{CONFIGS}7/terminals/", {"terminal_ids": [0]}, 400, "terminal_ids", "or more"),
    ("GET", "/devices/api/mappings/?terminal_id=x", None, 400, "terminal_id", "whole number"),
    # Sites
    ("GET", f"{SITES}7/", None, 404, "site_id", "no site with id 7"),
    ("POST", SITES, {"name": "x"}, 400, "timezone", "timezone is required"),
    ("POST", SITES, {"name": 5, "timezone": "UTC"}, 400, "name", "must be a text"),
    ("POST", SITES, {"name": " ", "timezone": "UTC"}, 400, "name", "one line of 1"),
    ("POST", SITES, {"name": "x", "timezone": "Moon"}, 400, "timezone", "IANA"),
    ("PATCH", f"{SITES}7/", {"zone": "UTC"}, 400, "zone", "unknown field"),
    # Users and credentials
    ("GET", f"{USERS}7/", None, 404, "user_id", "no user with id 7"),
    ("GET", f"{USERS}?site_id=7", None, 404, "site_id", "no site with id 7"),
    ("GET", f"{USERS}?is_enabled=perhaps", None, 400, "is_enabled", "must be true or false"),
    ("POST", USERS, {"site_id": 7, "enrollid": "5"}, 404, "site_id", "no site with id 7"),
    ("POST", USERS, {"site_id": 1, "enrollid": "x"}, 400, "enrollid", "digits"),
    ("POST", USERS, {"site_id": 1, "enrollid": 5}, 400, "enrollid", "must be a text"),
    ("POST", USERS, {"site_id": 1, "enrollid": "5", "weekzone": 256}, 400, "weekzone", "255"),
    ("POST", USERS, {"site_id": 1, "enrollid": "5", "valid_from": "soon"}, 400, "valid_from", "zone"),
    ("PATCH", f"{USERS}7/", {"is_enabled": 1}, 400, "is_enabled", "must be true or false"),
    ("PATCH", f"{USERS}7/", {"name": "x"}, 404, "user_id", "no user with id 7"),
    ("GET", "/devices/api/credentials/?terminal_id=7", None, 404, "terminal_id", "no terminal"),
    ("GET", "/devices/api/credentials/?cursor=x", None, 404, "cursor", "no page behind"),
    # Tokens and audit
    ("POST", TOKENS, {"name": "x", "role": "root"}, 400, "role", "must be one of viewer, operator, admin"),
    ("POST", TOKENS, {"name": "", "role": "viewer"}, 400, "name", "at least 1"),
    ("POST", TOKENS, {"name": "x", "role": "viewer", "expires_days": 0}, 400, "expires_days", "or more"),
    ("DELETE", f"{TOKENS}7/", None, 404, "token_id", "no token with id 7"),
    ("GET", f"{AUDIT}?outcome=good", None, 400, "outcome", "one of done"),
    ("GET", f"{AUDIT}?from=now", None, 400, "from", "2025-12-30T00:00:00Z"),
    # Deliveries
    ("GET", f"{OWED}7/", None, 404, "delivery_id", "no delivery with id 7"),
    ("GET", f"{OWED}7/why/", None, 404, "delivery_id", "no delivery with id 7"),
    ("GET", f"{LOGS}7/why/", None, 404, None, "no attendance log with id 7"),
    ("GET", f"{OWED}?status=lost", None, 400, "status", "one of pending"),
    ("POST", f"{OWED}7/retry/", None, 404, "delivery_id", "no delivery with id 7"),
    ("POST", f"{OWED}7/discard/", {}, 400, "reason", "reason is required"),
    ("POST", f"{OWED}retry/", {}, 400, "delivery_id", "at least one filter"),
    ("POST", f"{OWED}retry/", {"delivery_ids": [True]}, 400, "delivery_ids", "whole number"),
    ("POST", f"{OWED}retry/", {"delivery_ids": [1] * 1001}, 400, "delivery_ids", "at most 1000"),
    (
        "POST",
        f"{OWED}discard/",
        {"reason": "x", "everything": "yes"},
        400,
        "everything",
        "must be true or false",
    ),
    ("POST", f"{OWED}retry/", {"reason": "\ud800"}, 400, "reason", "one line"),
    ("POST", f"{OWED}discard/", {"reason": "x", "with_reason": "\0"}, 400, "with_reason", "one line"),
    ("GET", f"{OWED}retry/", None, 405, None, "use POST"),
    ("GET", SYNC, None, 405, None, "use POST"),
    # Quarantine
    ("GET", f"{QUARANTINE}7/", None, 404, "quarantine_id", "no "),
    ("POST", f"{QUARANTINE}7/retry/", None, 404, "quarantine_id", "no "),
    ("POST", f"{QUARANTINE}7/discard/", {"why": "x"}, 400, "why", "unknown field"),
    # Commands
    ("GET", "/devices/api/commands/7/", None, 404, "command_id", "no command with id 7"),
    ("POST", "/devices/api/commands/7/cancel/", None, 404, "command_id", "no command with id 7"),
    ("GET", "/devices/api/commands/?status=lost", None, 400, "status", "one of queued"),
    ("GET", "/devices/api/commands/?terminal_id=7", None, 404, "terminal_id", "no terminal with id 7"),
    ("POST", f"{TERMINALS}7/commands/", {}, 400, "name", "name is required"),
    ("POST", f"{TERMINALS}7/commands/", {"name": "cleanlog"}, 400, "name", "cleanlog"),
    ("POST", f"{TERMINALS}7/commands/", {"name": "dance"}, 400, "name", "one of"),
    ("POST", f"{TERMINALS}7/commands/", {"name": "gettime", "wait_seconds": 61}, 400, "wait_seconds", "60"),
    ("POST", f"{TERMINALS}7/commands/", {"name": "gettime"}, 404, "terminal_id", "no terminal with id 7"),
    # Tasks and alarms
    ("GET", f"{TASKS}?status=odd", None, 400, "status", "one of running"),
    ("POST", f"{TASKS}nope/cancel/", None, 404, "task_id", "no task with id nope"),
    ("POST", f"{TASKS}periodic/run/", {"name": "dance"}, 404, "name", "no periodic task"),
    ("POST", f"{TASKS}periodic/run/", {}, 400, "name", "name is required"),
    ("POST", f"{ALARMS}acknowledge/", {"key": "nope"}, 404, "key", "no "),
    ("GET", f"{ALARMS}?cleared=maybe", None, 400, "cleared", "must be true or false"),
    ("GET", "/devices/api/nodes/?limit=0", None, 400, "limit", "or more"),
    ("GET", "/devices/api/events/?kind=weather", None, 400, "kind", "punches.stored"),
]


async def test_bad_input_gets_a_clear_error_and_never_a_500(api_on_both: Running) -> None:
    for method, url, body, status, field, says in BAD:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        answer = await api_on_both.client.request(method, url, content=content)
        case = f"{method} {url[:100]} {str(body)[:100]}: {answer.text[:300]}"
        assert answer.status_code == status, case
        assert answer.headers["content-type"] == "application/problem+json", case
        found = answer.json()
        assert found["success"] is False, case
        assert found["field"] == field, case
        assert says in found["error"], case
        assert len(found["error"]) <= 500, case
    healthy = await api_on_both.client.get("/readyz")
    assert healthy.status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost"}, 200),
        ({"host": "LOCALHOST:8000"}, 200),
        ({"host": "127.0.0.1:1"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "localhost@evil.example"}, 403),
        ({"host": "192.168.1.5:8000"}, 403),
        ({"host": "0.0.0.0"}, 403),
        ({"host": "[::1"}, 403),
        ({"host": ""}, 403),
        ({"host": "localhost:8000", "origin": "http://localhost:9000"}, 403),
        ({"host": "localhost:8000", "origin": "http://evil.example"}, 403),
        ({"host": "localhost:8000", "origin": "null"}, 403),
        ({"host": "localhost:8000", "origin": "https://localhost:8000"}, 200),
        ({"host": "localhost:8000", "origin": "file://localhost:8000"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
async def test_a_web_page_cannot_drive_the_api(api: Running, headers: dict[str, str], status: int) -> None:
    answer = await api.client.get("/devices/api/terminals/", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers
    if status == 403:
        assert answer.json()["success"] is False


async def test_foreign_requests_are_in_the_audit_but_cannot_flood_it(api: Running) -> None:
    hostile = {"host": "localhost", "origin": "http://evil.example/" + "x" * 5000}
    for _ in range(3 * FOREIGN_AT_ONCE):
        answer = await api.client.get("/devices/api/terminals/", headers=hostile)
        assert answer.status_code == 403
    entries = await rows(api.gateway.database, "audit")
    assert len(entries) == FOREIGN_AT_ONCE
    assert {(one["operation"], one["outcome"], one["role"]) for one in entries} == {
        ("api.request", "refused", "none")
    }
    assert "http://evil.example/xxx" in entries[0]["reason"]
    assert len(entries[0]["reason"]) < 400


async def test_a_page_cannot_post_even_by_a_form_that_navigates(api: Running) -> None:
    form = {"content-type": "text/plain", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    for headers in (form, form | {"origin": "null"}, {"origin": "http://evil.example"}):
        answer = await api.client.post(SYNC, headers=headers, content=b"{}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    preflight = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    assert (await api.client.options(SYNC, headers=preflight)).status_code == 403


async def test_names_that_are_allowed_may_be_asked_by(sqlite_url: str, tmp_path: Path) -> None:
    allowed = {"allowed_hosts": ["tm20.example.com"]}
    async with running_api(sqlite_url, tmp_path, api=allowed) as api:
        for host, origin, status in (
            ("tm20.example.com", "https://tm20.example.com", 200),
            ("TM20.example.com.:8000", None, 200),
            ("tm20.example.com", "https://other.example.com", 403),
            ("other.example.com", None, 403),
            ("x.tm20.example.com", None, 403),
        ):
            headers = {"host": host} | ({} if origin is None else {"origin": origin})
            assert (await api.client.get(TERMINALS, headers=headers)).status_code == status, headers


async def test_a_body_that_announces_too_much_is_refused_before_it_is_read(api: Running) -> None:
    async def endless() -> Any:
        yield b" " * 4097
        yield b" " * 100_000

    answer = await api.client.post(CONFIGS, content=endless())
    assert answer.status_code == 413
    answer = await api.client.post(CONFIGS, content=b" " * 1_000_000)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "text", ['"\\' * 300_000, '"' * 600_000, '"a\n' * 200_000, '{"a": "' + "\\" * 600_000]
)
def test_a_body_of_quotes_is_refused_at_once(text: str) -> None:
    # One of these once took minutes, in which nothing else was served; now all take well below a second.
    begun = time.process_time()
    with pytest.raises(InvalidInput):
        parse_object(text.encode())
    assert time.process_time() - begun < 10
