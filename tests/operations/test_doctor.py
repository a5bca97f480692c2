"""The connection doctor against real sockets: what it finds, what it hides, what it never sends."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trustme

from tests.delivery.rig import Receiver, says
from tests.ingest.frames import rows
from tests.operations.conftest import Desk
from tests.store.factories import add_punches, add_terminal
from tm20tui.errors import Forbidden, InvalidInput, NotFound
from tm20tui.hr import transport
from tm20tui.operations import doctor, services
from tm20tui.operations.doctor import ServiceTest
from tm20tui.operations.registry import to_json
from tm20tui.settings import load
from tm20tui.simulate.hr import serve_hr

TOKEN = "s3cr3t-t0ken-of-hr"


@pytest.fixture
def hr_desk(desk: Desk) -> Desk:
    """Operations that may reach this machine."""
    desk.gateway.settings = load(None, {"delivery": {"allow_private_hosts": True}})
    return desk


@asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[tuple[Receiver, int]]:
    receiver = Receiver(**options)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        yield receiver, port
        nursery.cancel_scope.cancel()


def fields(port: int, **values: Any) -> dict[str, Any]:
    found = {
        "name": "hr",
        "base_url": f"http://127.0.0.1:{port}",
        "attendance_endpoint": "/api/v1/attendance",
        "users_endpoint": "/api/v1/employees",
        "auth_type": "bearer",
        "auth_token": TOKEN,
    }
    return found | values


def states(found: ServiceTest) -> dict[str, str]:
    return {step.name: step.state for step in found.steps}


async def test_a_service_that_works_is_seen_to_and_gets_no_punch(hr_desk: Desk) -> None:
    async with receiving(users=7) as (receiver, port):
        service = await services.add_service(hr_desk.call(), fields(port))
        await hr_desk.database.write(lambda conn: add_punches(conn, add_terminal(conn), 5))
        found = await doctor.examine_service(hr_desk.call("operator"), service.id)
    assert found.status == "works"
    assert states(found) == {
        "name": "ok",
        "tcp": "ok",
        "tls": "warning",
        "auth": "ok",
        "users": "ok",
        "attendance": "ok",
    }
    assert [step.reason for step in found.steps][4] == "7 users on the first page"
    assert all(0 <= step.seconds < 10 for step in found.steps)
    assert [request.method for request in receiver.seen] == ["GET"]
    assert [record["log_id"] for record in json.loads(found.request.body)["attendance"]] == [1, 2, 3]
    assert found.request.headers["authorization"] == "***"
    assert found.request.url == f"http://127.0.0.1:{port}/api/v1/attendance"
    told = json.dumps(to_json(found)) + str([dict(row) for row in await rows(hr_desk.database, "audit")])
    assert TOKEN not in told


@pytest.mark.parametrize(
    ("status", "headers", "step", "reason"),
    [
        (401, {}, "auth", "the credentials are refused"),
        (403, {}, "auth", "forbidden"),
        (410, {}, "auth", "gone for good"),
        (302, {"location": "https://login.example/"}, "auth", "redirected to https://login.example/"),
        (404, {}, "users", "answered 404 instead of users"),
    ],
)
async def test_what_is_answered_is_told_with_what_to_do(
    hr_desk: Desk, status: int, headers: dict[str, str], step: str, reason: str
) -> None:
    async with receiving() as (receiver, port):
        receiver.always = says(status, b"{}", *headers.items())
        found = await doctor.examine_fields(hr_desk.call(), fields(port))
    assert found.status == "failed"
    (failed,) = [one for one in found.steps if one.state == "failed"]
    assert failed.name == step
    assert reason in failed.reason
    assert failed.hint
    assert len(receiver.seen) == 1


async def test_a_web_page_and_an_empty_list_are_no_users(hr_desk: Desk) -> None:
    async with receiving() as (receiver, port):
        receiver.script = [says(200, b"<html>", ("content-type", "text/html")), says(200, b'{"users":[]}')]
        page = await doctor.examine_fields(hr_desk.call(), fields(port))
        nobody = await doctor.examine_fields(hr_desk.call(), fields(port))
    assert (states(page)["users"], states(nobody)["users"]) == ("failed", "warning")
    assert "a web page" in page.steps[4].reason


async def test_without_users_the_attendance_address_is_asked_but_sent_nothing(
    hr_desk: Desk,
) -> None:
    async with receiving() as (receiver, port):
        receiver.always = says(405, b"")
        found = await doctor.examine_fields(hr_desk.call(), fields(port, users_endpoint=""))
    assert [request.method for request in receiver.seen] == ["HEAD"]
    assert (found.status, states(found)["auth"], states(found)["users"]) == ("works", "ok", "skipped")


async def test_what_comes_after_a_failure_is_skipped(hr_desk: Desk) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    found = await doctor.examine_fields(hr_desk.call(), fields(port))
    assert list(states(found).values()) == ["ok", "failed", "skipped", "skipped", "skipped", "ok"]
    assert "Connection refused" in found.steps[1].reason
    assert "firewall" in found.steps[1].hint


async def test_private_hosts_and_missing_variables_are_told_by_name(desk: Desk, hr_desk: Desk) -> None:
    found = await doctor.examine_fields(
        hr_desk.call(), fields(9, auth_token="env:TM20_TEST_NOT_SET", users_endpoint="")
    )
    assert "TM20_TEST_NOT_SET" in found.steps[-1].reason
    assert found.steps[-1].state == "failed"
    desk.gateway.settings = load(None, {})
    with pytest.raises(InvalidInput, match="private address"):
        await doctor.examine_fields(desk.call(), fields(9))


async def test_a_name_that_leads_to_a_private_address_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def loopback(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", loopback)
    found = await doctor.examine_fields(desk.call(), fields(9, base_url="http://hr.example:9"))
    assert (found.steps[0].state, states(found)["tcp"]) == ("failed", "skipped")
    assert "allow_private_hosts" in found.steps[0].hint


async def test_certificates_are_checked_as_deliveries_do(
    hr_desk: Desk, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def serve(stream: trio.abc.Stream) -> None:
        try:
            await stream.receive_some()
            await stream.send_all(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"users":[]}')
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    nursery.start_soon(trio.serve_listeners, serve, [trio.SSLListener(listener, context)])
    given = fields(port, base_url=f"https://localhost:{port}")
    unknown = await doctor.examine_fields(hr_desk.call(), given)
    assert unknown.steps[2].state == "failed"
    assert "certificate is not valid" in unknown.steps[2].reason
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    monkeypatch.setattr(transport, "default_tls", lambda: trusting)
    monkeypatch.setattr("tm20tui.hr.doctor.default_tls", lambda: trusting)
    trusted = await doctor.examine_fields(hr_desk.call(), given)
    assert trusted.steps[2].state == "ok"
    assert trusted.steps[2].reason.startswith("TLSv1.3, the certificate is valid until")


async def test_a_service_that_hangs_costs_a_bounded_time(
    hr_desk: Desk, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    nursery.start_soon(trio.serve_listeners, lambda _: trio.sleep_forever(), [listener])
    started = trio.current_time()
    found = await doctor.examine_fields(hr_desk.call(), fields(port, timeout_seconds=300))
    assert trio.current_time() - started <= 61
    assert found.status == "failed"


async def test_unsaved_fields_are_tried_over_the_saved_ones_and_keep_nothing(hr_desk: Desk) -> None:
    async with receiving(auth=f"Bearer {TOKEN}") as (receiver, port):
        service = await services.add_service(hr_desk.call(), fields(port, auth_token="wrong"))
        assert (await doctor.examine_service(hr_desk.call(), service.id)).status == "failed"
        given = {"auth_token": TOKEN}
        assert (await doctor.examine_service(hr_desk.call(), service.id, given=given)).status == "works"
        assert (await doctor.examine_service(hr_desk.call(), service.id)).status == "failed"
        with pytest.raises(Forbidden, match="needs the role admin"):
            await doctor.examine_service(hr_desk.call("operator"), service.id, given=given)
        with pytest.raises(InvalidInput, match="auth_token must be entered again"):
            await doctor.examine_service(hr_desk.call(), service.id, given={"base_url": "http://127.0.0.2:9"})
        with pytest.raises(NotFound):
            await doctor.examine_service(hr_desk.call(), 99)
    assert all(request.method == "GET" for request in receiver.seen)
