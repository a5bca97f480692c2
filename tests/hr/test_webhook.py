"""The webhook's request, and what its failures are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio
from trio.testing import MockClock

from tests.hr.test_client import Server
from tm20tui.hr.webhook import post_json

BODY = b'{"alarms":[]}'


def answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()


async def post(server: Server, *, allow_private_hosts: bool = True, path: str = "/hook?token=s3cret") -> str:
    async with trio.open_nursery() as nursery:
        listeners: Any = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        reason = await post_json(
            f"http://127.0.0.1:{port}{path}", BODY, key="alarm_1", allow_private_hosts=allow_private_hosts
        )
        nursery.cancel_scope.cancel()
    return reason


def replying(reply: bytes, seen: list[bytes]) -> Callable[[trio.abc.Stream], Any]:
    async def handle(stream: trio.abc.Stream) -> None:
        data = b""
        while not data.endswith(BODY):
            data += await stream.receive_some()
        seen.append(data)
        await stream.send_all(reply)

    return handle


async def test_the_body_is_posted_as_json() -> None:
    seen: list[bytes] = []
    assert await post(Server(replying(answer("204 No Content"), seen))) == ""
    (request,) = seen
    assert request.startswith(b"POST /hook?token=s3cret HTTP/1.1\r\n")
    assert b"content-type: application/json\r\n" in request.lower()
    assert b"webhook-id: alarm_1\r\n" in request.lower()


async def test_what_is_no_success_is_a_failure_without_the_address() -> None:
    for status in ("500 Oops", "302 Found\r\nlocation: http://elsewhere.test/"):
        seen: list[bytes] = []
        reason = await post(Server(replying(answer(status), seen)))
        assert reason == f"it answered {status[:3]}"
        assert len(seen) == 1
    reason = await post(Server(replying(b"SSH-2.0\r\n\r\n", [])))
    assert "s3cret" not in reason
    assert reason


async def test_private_hosts_are_refused_unless_allowed() -> None:
    assert "delivery.allow_private_hosts" in await post(Server(b""), allow_private_hosts=False)


async def test_it_waits_ten_seconds(autojump_clock: MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05

    async def mute(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    assert await post(Server(mute)) == "no answer within 10 s"
