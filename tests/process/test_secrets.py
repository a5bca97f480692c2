"""Every kind of secret through a whole server, and then looked for wherever somebody may read.

Database file and write-ahead log, journal, the log at debug level, every answer of the API
and of the command line, the audit, refusals of bad input, and a backup.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.cli.shell import Shell
from tests.conftest import POSTGRES_URL
from tests.process.databases import postgres_database
from tests.process.server import Server, free_port, serving, until
from tests.process.terminal import dialled
from tests.process.test_logs import CARD, PASSWORD, TEMPLATE, EchoingHr, enrol
from tm20tui.hr.signing import new_signing_secret
from tm20tui.simulate.hr import serve_hr

TOKEN, BASIC, KEY = "tok-7Qm2vX9LrS4w", "payroll:pw-Hd72kLq0", "key-V3xT81mBcN5e"
HEADER, IN_URL, REFUSED = "hdr-Kp83nZt61YbA", "url-Zq46wRtY90uP", "bad-J2hG5fD8sA1l"
DATABASE_PASSWORD = "dbp-Lm39XcVbQ7tE"
PLACE = "/devices/api/third-party-configs/"
COMMANDS = (
    ("status",),
    ("services", "list"),
    ("services", "show", "bearer"),
    ("services", "test", "bearer"),
    ("deliveries", "list"),
    ("audit", "list"),
    ("tokens", "list"),
    ("users", "list"),
    ("quarantine", "list"),
    ("alarms", "list"),
    ("log", "events"),
    ("check",),
    ("db", "version"),
)


def spellings(secret: str) -> set[bytes]:
    """How a secret may stand somewhere: as it is, as base64, and what a signing secret's base64 means."""
    found = {secret.encode(), base64.b64encode(secret.encode())}
    if secret.startswith("whsec_"):
        bare = secret.removeprefix("whsec_")
        found |= {bare.encode(), base64.b64decode(bare)}
    return found


def readable(places: dict[str, bytes], secrets: dict[str, str]) -> list[str]:
    """Which secret is readable where."""
    return [
        f"{name} in {place}"
        for place, content in places.items()
        for name, secret in secrets.items()
        if any(spelling in content for spelling in spellings(secret))
    ]


def files(server: Server) -> dict[str, bytes]:
    """All that the server has on its disk but its key."""
    return {
        str(path.relative_to(server.folder)): path.read_bytes()
        for path in server.folder.rglob("*")
        if path.is_file() and path.name != "secret.key"
    }


async def configure(client: httpx.AsyncClient, ports: list[int]) -> tuple[dict[str, str], bytes]:
    """Three services with every kind of credential, edits, mistakes: the secrets, and what was said."""
    first, later, rotated = (new_signing_secret() for _ in range(3))
    said = b""
    drafts: list[dict[str, Any]] = [
        {"name": "bearer", "auth_type": "bearer", "auth_token": TOKEN, "signing_secret": first},
        {"name": "basic", "auth_type": "basic", "auth_token": BASIC, "signing_secret": later},
        {"name": "key", "auth_type": "api_key", "auth_token": KEY},
    ]
    for draft, port in zip(drafts, ports, strict=True):
        url = f"http://127.0.0.1:{port}"
        fields = {
            "base_url": url,
            "users_endpoint": "/api/v1/employees",
            "attendance_endpoint": "/api/v1/attendance",
            "extra_headers": {"X-Tenant": HEADER},
            "sync_interval_minutes": 0,
        }
        answer = await client.post(PLACE, json=draft | fields)
        assert answer.is_success, answer.text
        said += answer.content
    answer = await client.post(f"{PLACE}1/signing/rotate/", json={"signing_secret": rotated})
    assert answer.is_success, answer.text
    said += answer.content
    for wrong in (
        {"base_url": f"http://user:{IN_URL}@127.0.0.1:1"},
        {"auth_type": "bearer", "auth_token": f"{REFUSED}\nx"},
        {"extra_headers": {"X-A": f"{REFUSED}\nx"}},
        {"signing_secret": f"whsec_{REFUSED}!"},
    ):
        answer = await client.post(PLACE, json={"name": "wrong", "base_url": "http://127.0.0.1:1"} | wrong)
        assert answer.status_code == 400, answer.text
        said += answer.content
    signing = {"signing": first, "later signing": later, "rotated signing": rotated}
    return signing, said


async def everything_asked(client: httpx.AsyncClient) -> dict[str, bytes]:
    """The answer of every reading route, of the first of what is numbered, and of the doctors."""
    found: dict[str, bytes] = {}
    document = (await client.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        if "get" in methods and not path.endswith("/events/"):
            url = re.sub(r"\{\w+\}", "1", path)
            found[f"GET {url}"] = (await client.get(url)).content
    for number in (1, 2, 3):
        url = f"{PLACE}{number}/test/"
        found[f"POST {url}"] = (await client.post(url)).content
    assert len(found) > 30
    return found


def commands(shell: Shell, backup: Path) -> Iterator[tuple[str, bytes]]:
    """What the command line prints, for people and for machines."""
    for words in (*COMMANDS, ("db", "backup", str(backup))):
        for more in ((), ("--json",)):
            if more and words[0] in ("check", "db"):
                continue
            done = shell.run(*words, *more)
            yield " ".join((*words, *more)), (done.stdout + done.stderr).encode()


async def test_no_secret_is_readable_anywhere(tmp_path: Path) -> None:
    # Two refuse us and tell what they were sent; one takes everything.
    receivers = [EchoingHr(auth="nobody"), EchoingHr(), EchoingHr(auth="nobody")]
    api_port = free_port()
    settings = {"TM20_LOG__LEVEL": "debug", "TM20_API__ENABLED": "true", "TM20_API__PORT": str(api_port)}
    async with trio.open_nursery() as nursery:
        ports = [await nursery.start(serve_hr, one, "127.0.0.1", 0) for one in receivers]
        with serving(tmp_path / "server", **settings) as server:
            server.prepare()
            await server.start()
            shell = Shell(server, tmp_path)
            shell.environment |= server.environment
            made = await trio.to_thread.run_sync(
                lambda: shell.run("tokens", "create", "desk", "--role", "admin", "--json")
            )
            token: str = re.findall(r"tm20_[\w-]{20,}", made.stdout)[0]
            headers = {"authorization": f"Bearer {token}"}
            url = f"http://127.0.0.1:{api_port}"
            async with httpx.AsyncClient(
                base_url=url, headers=headers, trust_env=False, timeout=30
            ) as client:
                signing, said = await configure(client, ports)
                async with dialled(server) as terminal:
                    await enrol(terminal)
                    await terminal.punch(1)
                    await until(lambda: all(one.requests.total() for one in receivers))
                    await server.until_logged("paused")
                places = {"answers to changes": said} | await everything_asked(client)
            outside = tmp_path / "backup.db"
            places |= await trio.to_thread.run_sync(lambda: dict(commands(shell, outside)))
            assert "tm20.db-wal" in files(server)
            places |= {f"{name} while it runs": content for name, content in files(server).items()}
            assert await server.stop() == 0
        nursery.cancel_scope.cancel()
    places |= files(server) | {"backup": outside.read_bytes()}
    assert {"server.log", "tm20.db", "audit list --json", f"GET {PLACE}1/"} <= places.keys()
    # What is looked through has what should be there.
    assert b"X-Tenant" in places[f"GET {PLACE}"] or b"has_auth_token" in places[f"GET {PLACE}"]
    assert b"services.add" in places["audit list --json"] + places["GET /devices/api/audit/"]
    secrets = signing | {
        "bearer": TOKEN,
        "basic": BASIC,
        "basic password": BASIC.partition(":")[2],
        "api key": KEY,
        "extra header": HEADER,
        "password in a URL": IN_URL,
        "refused": REFUSED,
        "API token": token,
        "fingerprint": TEMPLATE,
        "part of it": TEMPLATE[40:80],
        "terminal password": str(PASSWORD),
        "card": str(CARD),
    }
    assert readable(places, secrets) == []


@pytest.mark.postgres
async def test_the_password_of_the_database_is_told_nowhere(postgres_url: str, tmp_path: Path) -> None:
    api_port = free_port()
    settings = {"TM20_LOG__LEVEL": "debug", "TM20_API__ENABLED": "true", "TM20_API__PORT": str(api_port)}
    with postgres_database(POSTGRES_URL) as url:
        with_password = re.sub(r"//([^@:/]+)(:[^@/]*)?@", rf"//\1:{DATABASE_PASSWORD}@", url)
        assert DATABASE_PASSWORD in with_password
        with serving(tmp_path / "server", with_password, **settings) as server:
            await server.start()
            shell = Shell(server, tmp_path)
            shell.environment |= server.environment
            address = f"http://127.0.0.1:{api_port}"
            async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as client:
                places = await everything_asked(client)
            places |= await trio.to_thread.run_sync(
                lambda: dict(commands(shell, tmp_path / "server" / "backup.db"))
            )
            assert await server.stop() == 0
            # Wrong in every way: nobody listens, no such database, no such driver.
            for wrong in (
                with_password.replace(":5432", ":1"),
                with_password + "_not_there",
                with_password.replace("postgresql", "mysql", 1),
            ):
                done = await trio.to_thread.run_sync(
                    lambda wrong=wrong: shell.run("db", "version", TM20_DATABASE__URL=wrong)  # type: ignore[misc]
                )
                assert done.returncode != 0
                places[f"refusal {len(places)}"] = (done.stdout + done.stderr).encode()
        places |= files(server)
    assert b"***" in places["check"]
    assert readable(places, {"database password": DATABASE_PASSWORD}) == []
    assert os.environ.get("TM20_DATABASE__URL") is None
    assert json.loads(places["status --json"])
