from __future__ import annotations

import email.utils
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trustme

from tests.simulate.test_hr_contract import RECORD
from tm20tui.simulate.hr import Fault, HrService, expected_auth, serve_hr
from tm20tui.simulate.hr_messages import Request
from tm20tui.simulate.hr_signatures import read_secret, signature_problem

PATH = "/api/v1/attendance"


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[tuple[HrService, httpx.AsyncClient]]:
    service = HrService(**({"seed": 1} | options))
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve_hr, service, "127.0.0.1", 0))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=False, timeout=30) as client:
            yield service, client
        nursery.cancel_scope.cancel()
    service.close()


def batch(*log_ids: int, **changes: Any) -> bytes:
    rows = [RECORD | {"log_id": log_id} | changes for log_id in log_ids]
    return json.dumps({"attendance": rows}).encode()


async def post(
    client: httpx.AsyncClient, body: bytes, key: str | None = "k1", **headers: str
) -> httpx.Response:
    keys = {} if key is None else {"webhook-id": key, "Idempotency-Key": key}
    return await client.post(
        PATH, content=body, headers={"Content-Type": "application/json"} | keys | headers
    )


async def test_users_are_listed_in_the_customers_format() -> None:
    async with running(users=3) as (_, client):
        answer = (await client.get("/api/v1/employees?page=1")).json()
    assert list(answer) == ["users"]
    assert len(answer["users"]) == 3
    assert list(answer["users"][0]) == ["enrollid", "name", "admin", "is_enabled", "weekzone", "group"]


async def test_records_are_stored_once_per_log_id_and_a_replay_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "hr.jsonl"
    async with running(ledger=path) as (service, client):
        assert (await post(client, batch(1, 2))).status_code == 200
        assert (await post(client, batch(1, 2))).status_code == 200
        assert [json.loads(line)["log_id"] for line in path.read_text().splitlines()] == [1, 2]
        assert set(service.records) == {1, 2}
        assert service.counts == {
            "received": 4,
            "replayed": 2,
            "delivered_twice": 0,
            "violations": 0,
            "unkeyed": 0,
        }
        assert (await post(client, batch(2, 3), key="k2")).status_code == 200
        assert service.counts["delivered_twice"] == 1
        assert service.delivered_twice == [2]
        answer = (await client.get("/__ledger")).json()
    assert (answer["unique"], answer["received"], answer["requests"]) == (3, 6, {"200": 3})


async def test_abuse_of_keys_and_bodies_is_counted() -> None:
    async with running() as (service, client):
        await post(client, batch(1))
        await post(client, batch(2))
        await post(client, batch(3), key="k3", **{"Idempotency-Key": "other"})
        await post(client, batch(4), key=None)
        await post(client, batch(1, mode=5), key="k5")
        answer = await post(client, batch(6, temperature="36.5"), key="k6")
        assert answer.status_code == 422
        assert "temperature must be a float or null" in answer.json()["faults"][0]
        assert 6 not in service.records
        assert service.counts["unkeyed"] == 1
    assert service.violations == [
        "the key 'k1' came again with other bytes",
        "webhook-id 'k3' and Idempotency-Key 'other' differ",
        "log_id 1 came again with other contents",
        "record 0: temperature must be a float or null, not '36.5'",
    ]


@pytest.mark.parametrize(
    ("kind", "token", "header", "value"),
    [
        ("bearer", "s3cret", "Authorization", "Bearer s3cret"),
        ("api_key", "s3cret", "X-API-Key", "s3cret"),
        ("basic", "u:p", "Authorization", "Basic dTpw"),
    ],
)
async def test_credentials(kind: str, token: str, header: str, value: str) -> None:
    async with running(auth=expected_auth(kind, token), auth_header=header) as (service, client):
        assert (await post(client, batch(1))).status_code == 401
        assert (await client.get("/api/v1/employees")).status_code == 401
        assert (await post(client, batch(1), **{header: value})).status_code == 200
    assert set(service.records) == {1}


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ("5xx", {500, 502, 503}),
        ("429", {429}),
        ("busy", {408, 425}),
        ("400", {400}),
        ("auth", {401}),
        ("403", {403}),
        ("lie", {200}),
        ("gone", {410}),
        ("redirect", {302}),
        ("garbage", {200}),
    ],
)
async def test_answers_that_store_nothing(fault: str, statuses: set[int]) -> None:
    async with running(fault=fault) as (service, client):
        answers = [await post(client, batch(n), key=f"k{n}") for n in range(12)]
        assert {answer.status_code for answer in answers} == statuses
        assert service.records == {}
        if fault == "garbage":
            assert answers[0].headers["content-type"] == "text/html"
        if fault == "lie":
            assert answers[0].json()["success"] is False
        if fault == "redirect":
            assert answers[0].headers["location"] == "http://elsewhere.invalid/"
        if fault == "429":
            assert answers[0].headers["retry-after"] == "1"
            service.retry_after_as_date = True
            answer = await post(client, batch(99), key="k99")
            assert email.utils.parsedate_to_datetime(answer.headers["retry-after"])
    assert sum(service.requests.values()) >= 12


@pytest.mark.parametrize(("fault", "stored"), [("timeout", {1}), ("timeout-before", set())])
async def test_a_hanging_service_has_stored_or_not(fault: str, stored: set[int]) -> None:
    async with running(fault=fault) as (service, client):
        client.timeout = httpx.Timeout(30, read=0.2)
        with pytest.raises(httpx.ReadTimeout):
            await post(client, batch(1))
        with trio.fail_after(30):
            while not service.requests["hang"]:
                await trio.sleep(0.01)
        assert set(service.records) == stored
        service.fault, client.timeout = Fault.NONE, httpx.Timeout(30)
        assert (await post(client, batch(1))).status_code == 200
    assert set(service.records) == {1}
    assert service.counts["delivered_twice"] == 0
    assert service.requests["hang"] == 1


async def test_a_timeout_may_end_with_a_late_answer() -> None:
    async with running(fault="timeout", hang_seconds=0.03) as (_, client):
        assert (await post(client, batch(1))).status_code == 200


@pytest.mark.parametrize(("fault", "stored"), [("reset", set()), ("reset-after", {1})])
async def test_a_reset_has_stored_or_not(fault: str, stored: set[int]) -> None:
    async with running(fault=fault) as (service, client):
        with pytest.raises(httpx.TransportError):
            await post(client, batch(1))
        assert set(service.records) == stored
    assert service.requests["reset"] == 1


async def test_poison_refuses_the_whole_batch_with_any_share() -> None:
    async with running(fault="poison", share=0.0, poison_enrollids={13}, poison_log_ids={7}) as (
        service,
        client,
    ):
        refused = await post(client, batch(1, 2, enrollid=13))
        assert (refused.status_code, refused.json()["error"]) == (422, "log_id 1: this employee is unknown")
        assert (await post(client, batch(6, 7), key="k2")).status_code == 422
        assert (await post(client, batch(6), key="k3")).status_code == 200
    assert set(service.records) == {6}
    assert service.counts["violations"] == 0


async def test_partial_answers_say_what_became_of_each_record() -> None:
    async with running(fault="partial", poison_log_ids={3}) as (service, client):
        answers = [await post(client, batch(*range(n, n + 50)), key=f"k{n}") for n in range(0, 400, 50)]
        assert {answer.status_code for answer in answers} == {200, 207}
        verdicts = {row["log_id"]: row["status"] for answer in answers for row in answer.json()["results"]}
        assert {log_id for log_id, verdict in verdicts.items() if verdict == "accepted"} == set(
            service.records
        )
        assert verdicts[3] == "rejected"
        again = await post(client, batch(*range(50)), key="k0")
        assert again.content == answers[0].content
    assert service.counts["delivered_twice"] == 0


async def test_big_batches_are_refused_above_the_limit() -> None:
    async with running(fault="big", big_above=2) as (service, client):
        assert (await post(client, batch(1, 2, 3))).status_code == 413
        assert (await post(client, batch(1, 2), key="k2")).status_code == 200
    assert set(service.records) == {1, 2}


async def test_slow_answers_arrive_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tm20tui.simulate.hr.DRIP_SECONDS", 0.02)
    async with running(fault="slow") as (_, client):
        assert (await post(client, batch(1))).json() == {"received": 1}


async def test_mixed_strikes_its_share_of_the_requests_in_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tm20tui.simulate.hr.DRIP_SECONDS", 0.02)
    async with running(fault="mixed", share=0.5, hang_seconds=0.02) as (service, client):
        for n in range(300):
            try:
                await post(client, batch(n), key=f"k{n}")
            except httpx.TransportError:
                pass
        service.fault = Fault.NONE
        for n in range(150):
            await post(client, batch(n), key=f"k{n}")
    failures = {"204", "207", "408", "425", "429", "500", "502", "503", "hang", "reset"}
    assert set(service.requests) == failures | {"200"}
    assert 280 < service.requests["200"] < 440
    assert service.counts["delivered_twice"] == service.counts["violations"] == 0


async def test_failure_is_switched_at_run_time() -> None:
    async with running() as (service, client):
        answer = await client.post("/__control", json={"fail": "5xx", "share": 1.0, "poison_enrollids": [4]})
        assert (answer.status_code, answer.json()["fail"]) == (200, "5xx")
        assert (await post(client, batch(1))).status_code >= 500
        for wrong, word in [
            ({"fail": "explode"}, "fail must be one of none, 204, 5xx"),
            ({"share": 2}, "share must be"),
            ({"poison_log_ids": 3}, "poison_log_ids must be"),
            ({"hang_seconds": "x"}, "hang_seconds must be"),
            ({"colour": 1}, "colour is not something"),
            ([], "must be an object"),
        ]:
            answer = await client.post("/__control", json=wrong)
            assert answer.status_code == 400
            assert word in answer.json()["error"]
    assert (service.fault, service.share, service.poison_enrollids) == (Fault.SERVER_ERROR, 1.0, {4})


async def test_paths_are_configurable_and_others_are_not_found() -> None:
    async with running(attendance_paths=["/in"], users_paths=["/out"]) as (_, client):
        assert (await client.get("/out")).status_code == 200
        assert (
            await client.post("/in", content=batch(1), headers={"content-type": "application/json"})
        ).is_success
        assert (await client.get("/in")).status_code == 405
        assert (await post(client, batch(1))).status_code == 404


async def test_nonsense_on_the_wire_ends_that_connection_only() -> None:
    async with running() as (_, client):
        for junk in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST /x HTTP/1.1\r\nhost: a\r\n"):
            stream = await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0)
            await stream.send_all(junk)
            await stream.send_eof()
            with trio.fail_after(30):
                while await stream.receive_some(1000):
                    pass
            await stream.aclose()
        assert (await client.get("/api/v1/employees")).status_code == 200


SECRET = "whsec_dG0yMHR1aS10ZXN0LXNlY3JldC0wMDAwMDE="
OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# A message of the upstream standard's own tests, by its own secret.
UPSTREAM = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= "
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


@pytest.mark.parametrize(
    ("changes", "seconds", "words"),
    [
        ({}, 0, ""),
        ({}, 299, ""),
        ({}, 301, "five minutes"),
        ({"webhook-timestamp": "soon"}, 0, "five minutes"),
        ({"webhook-id": "msg_another"}, 0, "no signature fits"),
        ({"webhook-signature": "v1,AAAA"}, 0, "no signature fits"),
        ({"webhook-signature": None}, 0, "webhook-signature is missing"),
    ],
)
def test_signatures_are_checked_as_the_standard_says(
    changes: dict[str, str | None], seconds: int, words: str
) -> None:
    headers = {name: value for name, value in (UPSTREAM | changes).items() if value is not None}
    request = Request("POST", PATH, headers, b'{"test": 2432232314}')
    keys = [read_secret(SECRET), read_secret(OLD_SECRET)]
    problem = signature_problem(request, keys, 1614265330 + seconds)
    assert words in problem
    assert bool(words) == bool(problem)


async def test_what_is_not_signed_is_refused_and_not_stored() -> None:
    async with running(signing_secrets=[SECRET]) as (service, client):
        answer = await post(client, batch(1))
        assert (answer.status_code, service.records) == (401, {})
        assert "the header webhook-timestamp is missing" in answer.json()["error"]
    with pytest.raises(ValueError, match="whsec_ and the base64"):
        HrService(signing_secrets=["not-a-secret"])


async def test_it_speaks_https_and_cuts_there_too() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    service = HrService(seed=1)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve_hr, service, "127.0.0.1", 0, context))
        url = f"https://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, verify=trusting, trust_env=False, timeout=30) as client:
            assert (await post(client, batch(1))).status_code == 200
            service.control({"fail": "reset", "share": 1.0})
            with pytest.raises(httpx.TransportError):
                await post(client, batch(2))
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as stranger:
            with pytest.raises(httpx.ConnectError):
                await post(stranger, batch(3))
        nursery.cancel_scope.cancel()
    assert set(service.records) == {1}
