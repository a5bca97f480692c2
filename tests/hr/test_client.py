"""The client against real sockets: what it sends, what it refuses, and what it calls each failure."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.client import HrClient
from tm20tui.hr.generic import Verdict, read_verdicts
from tm20tui.model import Service, ServiceSecrets, utc_now

Handler = Callable[[trio.abc.Stream], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


def make_service(**values: Any) -> Service:
    fields: dict[str, Any] = dict.fromkeys(Service.__slots__)
    fields |= {"base_url": "http://hr.test/", "attendance_endpoint": "/in", "timeout_seconds": 5.0}
    fields |= {"auth_type": "none", "auth_header_name": "X-API-Key"}
    return Service(**(fields | values))


async def read_request(stream: trio.abc.Stream) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(b"{}"):
        part = await stream.receive_some()
        if not part:
            break
        data += part
    return data


class Server:
    """Answers each connection with the next handler; keeps what it was sent."""

    def __init__(self, *handlers: Handler | bytes) -> None:
        self.handlers = list(handlers)
        self.requests: list[bytes] = []

    async def serve(self, stream: trio.abc.Stream) -> None:
        try:
            handler = self.handlers.pop(0) if len(self.handlers) > 1 else self.handlers[0]
            if callable(handler):
                await handler(stream)
                return
            while request := await read_request(stream):
                self.requests.append(request)
                await stream.send_all(handler)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


async def post(
    server: Server | None, *, tls: Any = None, client_tls: Any = None, times: int = 1, **options: Any
) -> list[Outcome]:
    service_values = options.pop("service", {})
    token = options.pop("token", "")
    allow = options.pop("allow_private_hosts", True)
    async with trio.open_nursery() as nursery:
        port = 9
        if server is not None:
            listeners: Any = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listeners[0].socket.getsockname()[1]
            if tls is not None:
                listeners = [trio.SSLListener(listeners[0], tls)]
            nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        base = service_values.pop("base_url", "http://127.0.0.1:{port}").format(port=port)
        service = make_service(base_url=base, **service_values)
        secrets = ServiceSecrets(token, options.pop("extra_headers", {}))
        async with HrClient(service, secrets, allow_private_hosts=allow, tls=client_tls, **options) as client:
            found = [await client.post_attendance(b"{}", key="msg_1", now=utc_now()) for _ in range(times)]
        nursery.cancel_scope.cancel()
    return found


def failure(outcome: Outcome) -> tuple[FailureKind, bool]:
    assert isinstance(outcome, Failure)
    return outcome.kind, outcome.sent


@pytest.mark.parametrize(
    ("auth", "token", "header"),
    [
        ("none", "unused", None),
        ("bearer", "tok", b"authorization: bearer tok"),
        ("api_key", "tok", b"x-api-key: tok"),
        ("basic", "ann:pw", b"authorization: basic yw5uonb3"),
        ("bearer", "env:HR_TOKEN", b"authorization: bearer from-env"),
    ],
)
async def test_authentication(auth: str, token: str, header: bytes | None) -> None:
    server = Server(OK)
    (answer,) = await post(server, service={"auth_type": auth}, token=token, environ={"HR_TOKEN": "from-env"})
    assert isinstance(answer, Answer)
    lines = server.requests[0].lower().split(b"\r\n")
    assert lines[0] == b"post /in http/1.1"
    assert b"accept-encoding: identity" in lines
    if header is None:
        assert not any(line.startswith((b"authorization", b"x-api-key")) for line in lines)
    else:
        assert header in lines


async def test_connections_are_kept_alive() -> None:
    connections = 0
    server = Server(OK)
    serve = server.serve

    async def count(stream: trio.abc.Stream) -> None:
        nonlocal connections
        connections += 1
        await serve(stream)

    server.serve = count  # type: ignore[method-assign]
    await post(server, times=3)
    assert (connections, len(server.requests)) == (1, 3)


async def test_a_kept_connection_that_was_closed_is_replaced_at_once() -> None:
    async def once(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(OK)
        await read_request(stream)
        await stream.aclose()

    outcomes = await post(Server(once, OK), times=2)
    assert [getattr(outcome, "status", outcome) for outcome in outcomes] == [200, 200]


async def test_redirects_are_not_followed() -> None:
    reply = b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 0\r\n\r\n"
    server = Server(reply)
    (answer,) = await post(server)
    assert isinstance(answer, Answer)
    assert (answer.status, answer.location) == (302, "http://elsewhere.test/")
    assert len(server.requests) == 1


async def test_an_endless_answer_is_cut() -> None:
    async def endless(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send_all(b"x" * 65536)

    (answer,) = await post(Server(endless))
    assert isinstance(answer, Answer)
    assert answer.truncated
    assert len(answer.body) == 65536


async def test_the_deadline_covers_a_dripping_answer(autojump_clock: MockClock) -> None:
    async def drip(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await trio.sleep(1)
            await stream.send_all(b"x")

    autojump_clock.autojump_threshold = 0.05
    (outcome,) = await post(Server(drip))
    assert failure(outcome) == (FailureKind.TIMEOUT, True)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", FailureKind.RESET),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FailureKind.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", FailureKind.RESET),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000, FailureKind.PROTOCOL),
    ],
)
async def test_broken_answers(reply: bytes, kind: FailureKind) -> None:
    async def broken(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        if reply:
            await stream.send_all(reply)
        await stream.aclose()

    (outcome,) = await post(Server(broken))
    assert failure(outcome) == (kind, True)


async def test_nobody_listens() -> None:
    (outcome,) = await post(None)
    assert failure(outcome) == (FailureKind.CONNECT, False)


class Resolver(trio.abc.HostnameResolver):
    """Answers every name with the addresses given, in turn."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    async def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(host)
        address = self.answers.pop(0)
        if not address:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


async def test_a_name_that_leads_inside_is_refused_when_it_is_dialled() -> None:
    trio.socket.set_custom_hostname_resolver(Resolver("10.0.0.1"))
    (outcome,) = await post(None, service={"base_url": "http://looks-public.test"}, allow_private_hosts=False)
    assert failure(outcome) == (FailureKind.PRIVATE_HOST, False)
    assert isinstance(outcome, Failure)
    assert "delivery.allow_private_hosts" in outcome.reason


async def test_a_literal_address_inside_is_refused() -> None:
    server = Server(OK)
    (outcome,) = await post(server, allow_private_hosts=False)
    assert failure(outcome) == (FailureKind.PRIVATE_HOST, False)
    assert server.requests == []


async def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    resolver = Resolver("127.0.0.1", "10.0.0.1")
    trio.socket.set_custom_hostname_resolver(resolver)
    server = Server(OK)
    (outcome,) = await post(server, service={"base_url": "http://rebinding.test:{port}"})
    assert isinstance(outcome, Answer)
    assert resolver.asked == [b"rebinding.test"]
    assert b"host: rebinding.test" in server.requests[0].lower()


async def test_an_unknown_name() -> None:
    trio.socket.set_custom_hostname_resolver(Resolver(""))
    (outcome,) = await post(None, service={"base_url": "http://nowhere.test"})
    assert failure(outcome) == (FailureKind.DNS, False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_tls_verifies_the_name_although_the_address_is_dialled(authority: trustme.CA) -> None:
    for name, good in (("hr.test", True), ("other.test", False)):
        trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.1"))
        (outcome,) = await post(
            Server(OK),
            tls=server_tls(authority, name),
            client_tls=client_tls(authority),
            service={"base_url": "https://hr.test:{port}"},
        )
        if good:
            assert isinstance(outcome, Answer)
        else:
            assert failure(outcome) == (FailureKind.CERTIFICATE, False)
            assert "hr.test" in getattr(outcome, "reason", "")


async def test_an_authority_that_nobody_knows_is_refused(authority: trustme.CA) -> None:
    (outcome,) = await post(
        Server(OK),
        tls=server_tls(authority, "127.0.0.1"),
        service={"base_url": "https://127.0.0.1:{port}"},
    )
    assert failure(outcome) == (FailureKind.CERTIFICATE, False)


async def test_https_to_a_port_that_speaks_http() -> None:
    async def plain(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    (outcome,) = await post(Server(plain), service={"base_url": "https://127.0.0.1:{port}"})
    assert failure(outcome) == (FailureKind.TLS, False)


async def test_an_echoed_secret_is_hidden() -> None:
    body = b'{"you sent":"Bearer s3cret-value and north-east"}'
    reply = b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    (answer,) = await post(
        Server(reply),
        service={"auth_type": "bearer"},
        token="s3cret-value",
        extra_headers={"X-Site": "north-east"},
    )
    assert isinstance(answer, Answer)
    assert answer.excerpt == '{"you sent":"Bearer *** and ***"}'
    assert "body" not in repr(answer)


@pytest.mark.parametrize("environ", [{}, {"HR_TOKEN": ""}, {"HR_TOKEN": "two\nlines"}])
async def test_a_secret_that_cannot_be_used_is_named_not_shown(environ: dict[str, str]) -> None:
    (outcome,) = await post(None, service={"auth_type": "bearer"}, token="env:HR_TOKEN", environ=environ)
    assert failure(outcome) == (FailureKind.SECRET, False)
    assert "HR_TOKEN" in getattr(outcome, "reason", "")


@pytest.mark.parametrize("written", [r"a\/b+c&d=", "a%2Fb%2Bc%26d%3D", "a/b+c&amp;d=", "a/b+c&d="])
async def test_a_secret_is_hidden_however_it_is_written_and_wherever(written: str) -> None:
    head = f"HTTP/1.1 302 Found\r\nlocation: http://x/?t={written}\r\ncontent-length: {len(written)}\r\n\r\n"
    server = Server(head.encode() + written.encode())
    (answer,) = await post(server, service={"auth_type": "bearer"}, token="a/b+c&d=")
    assert isinstance(answer, Answer)
    assert (answer.excerpt, answer.location) == ("***", "http://x/?t=***")


async def test_what_is_read_is_not_changed_by_what_is_hidden() -> None:
    body = b'{"results":[{"log_id":1024,"status":"rejected","message":"tenant 1024"}]}'
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    (answer,) = await post(Server(head + body), extra_headers={"X-Tenant": "1024"})
    assert isinstance(answer, Answer)
    assert read_verdicts(answer, [1024]) == {1024: Verdict("rejected", "tenant ***")}


async def test_a_second_answer_is_never_taken_for_that_to_the_next_request() -> None:
    server = Server(OK + OK, OK.replace(b"200 OK", b"503 No"))
    first, second = await post(server, times=2)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.status, second.status) == (200, 503)
    assert len(server.requests) == 2
