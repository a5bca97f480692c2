"""Who may ask: tokens, roles, addresses, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.api.conftest import Running, running_api
from tm20tui.api import doorman
from tm20tui.api.limits import RateLimit, address_key
from tm20tui.api.server import ApiServer
from tm20tui.errors import ConfigError
from tm20tui.gateway import Gateway
from tm20tui.model import utc_now
from tm20tui.settings import load
from tm20tui.store import tokens
from tm20tui.store.tokens import Token

TERMINALS = "/devices/api/terminals/"


async def add(api: Running, secret: str, role: str = "admin", **changes: Any) -> Token:
    """A token of that secret."""
    values = {"name": f"token {secret}", "created_by": "test", "expires_at": None, "now": utc_now()}
    return await api.gateway.database.write(tokens.add_token, secret, role=role, **(values | changes))


def bearing(secret: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {secret}"}


async def test_a_token_names_the_operator_and_its_role(api: Running) -> None:
    await add(api, "tm20_view", "viewer", name="wall screen")
    answer = await api.client.get(TERMINALS, headers={"authorization": "bEARER  tm20_view"})
    assert answer.status_code == 200
    answer = await api.client.post(f"{TERMINALS}1/approve/", headers=bearing("tm20_view"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (403, "forbidden")
    assert problem["error"] == "terminals.approve needs the role operator; wall screen is viewer"
    ident = answer.headers["x-request-id"]
    assert problem["instance"] == f"urn:tm20tui:request:{ident}"
    audit = (await api.client.get("/devices/api/audit/?operator=wall screen")).json()["entries"]
    assert [(entry["outcome"], entry["correlation_id"], entry["origin"]) for entry in audit] == [
        ("refused", ident, "api")
    ]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", audit[0]["address"])


async def test_what_is_turned_away_at_the_door_is_written_down(api: Running) -> None:
    await add(api, "tm20_view", "viewer", name="wall screen")
    answer = await api.client.post("/devices/api/tokens/", json={"name": 5}, headers=bearing("tm20_view"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    await api.client.post(f"{TERMINALS}1/block/", headers=bearing("tm20_wrong"))
    entries = (await api.client.get("/devices/api/audit/?operation=api.request")).json()["entries"]
    assert [(entry["operator"], entry["outcome"]) for entry in entries] == [
        ("unknown", "refused"),
        ("wall screen", "refused"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer tm20_wrong",
        "Bearer tm20_expired",
        "Bearer tm20_revoked",
        "Bearer",
        "Basic dG0yMDpnb29k",
        "tm20_good",
        "Bearer tm20_good tm20_good",
        "Bearer " + "x" * 5000,
        "Bearer \xe9",
        "",
    ],
)
async def test_a_token_that_is_not_good_is_never_as_good_as_none(api: Running, header: str) -> None:
    now = utc_now()
    await add(api, "tm20_good")
    await add(api, "tm20_expired", expires_at=now - timedelta(seconds=1))
    revoked = await add(api, "tm20_revoked")
    await api.gateway.database.write(tokens.revoke, revoked.id, now)
    answer = await api.client.get(TERMINALS, headers={"authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="tm20tui", error="invalid_token"'
    assert (await api.client.get(TERMINALS)).status_code == 200


async def test_two_tokens_are_none(api: Running) -> None:
    await add(api, "tm20_good")
    twice = [("authorization", "Bearer tm20_good")] * 2
    assert (await api.client.get(TERMINALS, headers=twice)).status_code == 401


async def test_the_use_of_a_token_is_noted(api: Running) -> None:
    token = await add(api, "tm20_good")
    assert (await api.client.get(TERMINALS, headers=bearing("tm20_good"))).status_code == 200
    noted = await api.gateway.database.read(tokens.get_token, token.id)
    assert noted.last_used_at is not None
    assert abs((datetime.now(UTC) - noted.last_used_at).total_seconds()) < 60


@pytest.mark.parametrize(("role", "reads", "writes"), [("viewer", 200, 403), ("none", 401, 401)])
async def test_what_may_be_done_without_a_token_is_a_setting(
    sqlite_url: str, tmp_path: Path, role: str, reads: int, writes: int
) -> None:
    async with running_api(sqlite_url, tmp_path, api={"anonymous_role": role}) as api:
        assert (await api.client.get(TERMINALS)).status_code == reads
        refused = await api.client.post(f"{TERMINALS}1/approve/")
        assert refused.status_code == writes
        if writes == 401:
            assert refused.headers["www-authenticate"] == 'Bearer realm="tm20tui"'
        assert (await api.client.get("/healthz")).status_code == 200


async def test_other_machines_need_a_token_for_all_but_health(sqlite_url: str, tmp_path: Path) -> None:
    async with running_api(sqlite_url, tmp_path) as api:
        await add(api, "tm20_good")
    everywhere = {"host": "0.0.0.0", "allowed_hosts": ["tm20.example.com"]}
    async with (
        running_api(sqlite_url, tmp_path, api=everywhere) as api,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", trust_env=False, timeout=30) as client,
    ):
        for url in (TERMINALS, "/readyz", "/metrics", "/openapi.json", "/devices/api/docs/", "/nothing"):
            assert (await client.get(url)).status_code == 401, url
        assert (await client.get("/healthz")).status_code == 200
        named = bearing("tm20_good") | {"host": "tm20.example.com"}
        assert (await client.get(TERMINALS, headers=named)).status_code == 200
        elsewhere = bearing("tm20_good") | {"host": "evil.example"}
        assert (await client.get(TERMINALS, headers=elsewhere)).status_code == 403


@pytest.mark.parametrize("ended", [None, "expired", "revoked"])
async def test_other_machines_without_a_usable_token_do_not_start(
    sqlite_url: str, tmp_path: Path, ended: str | None
) -> None:
    if ended:
        async with running_api(sqlite_url, tmp_path) as api:
            ends = utc_now() if ended == "expired" else None
            token = await add(api, "tm20_old", expires_at=ends)
            if ended == "revoked":
                await api.gateway.database.write(tokens.revoke, token.id, utc_now())
    values = {
        "state_directory": str(tmp_path),
        "database": {"url": sqlite_url},
        "terminals": {"host": "127.0.0.1", "port": 0},
        "api": {"host": "0.0.0.0", "port": 0},
    }
    settings = load(None, values)
    with pytest.raises(ConfigError, match="tm20tui token create") as caught:
        await Gateway(settings).run([ApiServer(settings)])
    assert caught.value.key == "api.host"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes for what limits rates, however long it takes."""
    take = RateLimit.take
    monkeypatch.setattr(RateLimit, "take", lambda self, key, now: take(self, key, 0.0))


@pytest.mark.usefixtures("at_once")
async def test_asking_too_often_is_refused_with_a_time_to_come_again(sqlite_url: str, tmp_path: Path) -> None:
    async with running_api(sqlite_url, tmp_path, api={"requests_per_second": 1}) as api:
        answers = [await api.client.get(TERMINALS) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["code"] == "too_many_requests"
        assert answers[2].headers["retry-after"] == "1"
        assert (await api.client.get("/healthz")).status_code == 200


@pytest.mark.usefixtures("at_once")
async def test_guessing_tokens_is_slowed_down_and_good_ones_are_not_shut_out(api: Running) -> None:
    await add(api, "tm20_good")
    answers = [await api.client.get(TERMINALS, headers=bearing(f"tm20_{n}")) for n in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert answers[6].headers["retry-after"] == "12"
    assert (await api.client.get(TERMINALS, headers=bearing("tm20_good"))).status_code == 200


@pytest.mark.usefixtures("at_once")
async def test_one_token_is_counted_by_itself(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if each request came from another address.
    monkeypatch.setattr(doorman, "address_key", lambda host: str(trio.current_time()))
    async with running_api(sqlite_url, tmp_path, api={"requests_per_second": 1}) as api:
        await add(api, "tm20_one")
        await add(api, "tm20_two")
        answers = [await api.client.get(TERMINALS, headers=bearing("tm20_one")) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await api.client.get(TERMINALS, headers=bearing("tm20_two"))).status_code == 200


def test_a_bucket_fills_up_again_and_no_further() -> None:
    limit = RateLimit(2, 4)
    assert [limit.take("a", 0) for _ in range(5)] == [0, 0, 0, 0, 0.5]
    assert limit.take("b", 0) == 0
    assert limit.take("a", 0.5) == 0
    assert [limit.take("a", 1000) for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_callers_that_are_remembered_are_bounded() -> None:
    limit = RateLimit(1, 1, remembered=3)
    for number in range(100):
        limit.take(str(number), 0)
    assert len(limit) == 3


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert address_key("2001:db8::1") == address_key("2001:db8::ffff:1") != address_key("2001:db8:0:1::1")
    assert address_key("::ffff:10.0.0.1") == address_key("10.0.0.1") != address_key("10.0.0.2")
    assert address_key("fe80::1%eth0") == address_key("fe80::2%eth0")
