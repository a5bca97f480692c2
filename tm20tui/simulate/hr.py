"""The HR service on a port: HTTP/1.1 with keep-alive, and the ways to break it."""

from __future__ import annotations

import functools
import http
import socket
import ssl
import struct

import h11
import trio

from tm20tui.simulate.hr_faults import Fault
from tm20tui.simulate.hr_service import HrService, Reply, Request, expected_auth

__all__ = ["Fault", "HrService", "expected_auth", "serve_hr"]

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

IDLE_SECONDS = 120.0
DRIP_SECONDS = 0.5
DRIP_PIECES = 10
LARGEST_BODY = 32 * 1024 * 1024


async def serve_hr(
    service: HrService,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; the bound port is given through `task_status`. OSError when it is taken."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    handler = functools.partial(_serve_connection, service, tls)
    async with trio.open_nursery() as nursery:
        await nursery.start(functools.partial(trio.serve_listeners, handler, listeners))
        task_status.started(listeners[0].socket.getsockname()[1])


async def _serve_connection(
    service: HrService, tls: ssl.SSLContext | None, socket_stream: trio.SocketStream
) -> None:
    stream: Stream = socket_stream
    if tls is not None:
        stream = trio.SSLStream(socket_stream, tls, server_side=True, https_compatible=True)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=64 * 1024)
    try:
        async with stream:
            while True:
                request = await _read_request(connection, stream)
                if request is None or not await _answer(connection, stream, service.handle(request)):
                    return
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return
                connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
        return


async def _read_request(connection: h11.Connection, stream: Stream) -> Request | None:
    """One whole request; None when the client has gone or stays silent for too long."""
    head: h11.Request | None = None
    body = bytearray()
    with trio.move_on_after(IDLE_SECONDS):
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                if connection.they_are_waiting_for_100_continue:
                    proceed = h11.InformationalResponse(status_code=100, headers=[])
                    await stream.send_all(connection.send(proceed))
                connection.receive_data(bytes(await stream.receive_some(65536)))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LARGEST_BODY:
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                path = head.target.decode("latin-1").partition("?")[0]
                return Request(head.method.decode("ascii"), path, headers, bytes(body))
            else:
                return None
    return None


async def _answer(connection: h11.Connection, stream: Stream, reply: Reply) -> bool:
    """Send the reply as it says; False when the connection ends with it."""
    if reply.hang_seconds and not await _hang(stream, reply.hang_seconds):
        return False
    if reply.reset:
        beneath = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        beneath.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        beneath.socket.close()
        return False
    headers = [*reply.headers, ("content-length", str(len(reply.body)))]
    reason = http.HTTPStatus(reply.status).phrase.encode()
    head = connection.send(h11.Response(status_code=reply.status, headers=headers, reason=reason)) or b""
    if not reply.drip:
        data = connection.send(h11.Data(data=reply.body)) or b""
        end = connection.send(h11.EndOfMessage()) or b""
        await stream.send_all(head + data + end)
        return True
    await stream.send_all(head)
    step = max(1, len(reply.body) // DRIP_PIECES)
    for at in range(0, len(reply.body), step):
        await trio.sleep(DRIP_SECONDS / DRIP_PIECES)
        await stream.send_all(connection.send(h11.Data(data=reply.body[at : at + step])) or b"")
    await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
    return True


async def _hang(stream: Stream, seconds: float) -> bool:
    """Wait; False as soon as the client gives up."""
    with trio.move_on_after(seconds):
        await stream.receive_some(1)
        return False
    return True
