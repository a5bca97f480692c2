from __future__ import annotations

import json
import math
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from trio_websocket import WebSocketConnection, WebSocketServer, serve_websocket

from tests.simulate.conftest import Server, proper, serving
from tm20tui.simulate.fleet import Fleet, run_fleet
from tm20tui.simulate.ledger import Ledger, read_ledger
from tm20tui.simulate.stats import FleetStats

Condition = Callable[[FleetStats], object]
FAST: dict[str, Any] = {"time_scale": 0.005, "enrol_seconds": math.inf, "seed": 1}


class EndableFleet(Fleet):
    """A fleet whose people stop passing once its statistics say so."""

    async def run_until(self, condition: Condition) -> FleetStats:
        """Its last statistics, those after draining where it drains."""
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end_once, condition)
                return await self.run()
        raise AssertionError

    async def _end_once(self, condition: Condition) -> None:
        while not condition(self.stats()):
            await trio.sleep(0.005)
        self._all_made.set()


async def test_every_punch_reaches_a_proper_server_once_and_is_booked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    async with serving() as server:
        with trio.fail_after(30):
            final = await run_fleet(
                server.url, count=9, rate=500, punches=200, drain=True, ledger=Ledger(path), **FAST
            )
    assert (final.made, final.acked, final.pending, final.violations, final.resends) == (200, 200, 0, 0, 0)
    entries = read_ledger(path)
    assert all(entry.acked for entry in entries)
    received = Counter(
        (frame["sn"], row["enrollid"], row["time"])
        for frame in server.of("sendlog")
        for row in frame["record"]
    )
    assert set(received) == {(entry.sn, entry.punch.enrollid, entry.punch.time) for entry in entries}
    assert set(received.values()) == {1}
    assert {frame["sn"][:6] for frame in server.of("reg")} == {"TH6SIM", "TH9SIM", "AIFSIM"}
    assert set(server.paths) == {"/", "/pub/chat"}


async def test_a_path_in_the_url_is_asked_for_by_all() -> None:
    async with serving() as server:
        with trio.fail_after(30):
            await run_fleet(server.url + "ws/tm20/", count=3, rate=100, punches=3, drain=True, **FAST)
    assert set(server.paths) == {"/ws/tm20/"}


async def test_closed_loop_keeps_every_terminal_busy_with_full_batches() -> None:
    async with serving() as server:
        with trio.fail_after(30):
            final = await run_fleet(
                server.url, count=4, rate=math.inf, punches=2000, batch=50, drain=True, **FAST
            )
    # A machine that is busy makes a terminal send a batch again.
    assert (final.acked, final.frames - final.resends) == (2000, 40)
    assert final.ack_p50_seconds is not None
    assert final.ack_p99_seconds is not None
    assert 0 < final.ack_p50_seconds <= final.ack_p99_seconds < 30


async def test_terminals_wait_for_approval() -> None:
    asked: Counter[str] = Counter()

    def answer(message: dict[str, Any]) -> dict[str, Any] | None:
        if message.get("cmd") == "reg":
            asked[message["sn"]] += 1
            if asked[message["sn"]] < 3:
                return {"ret": "reg", "result": False, "reason": "waiting for approval"}
        return proper(message)

    async with serving(answer=answer) as server:
        with trio.fail_after(30):
            final = await run_fleet(server.url, count=2, rate=100, punches=20, drain=True, **FAST)
    assert final.acked == 20
    assert server.of("sendlog")[0]["count"] > 1


async def test_without_acknowledgement_nothing_counts_and_terminals_come_back_with_the_same_batch() -> None:
    async with serving(answer=lambda message: proper(message) if message["cmd"] == "reg" else None) as server:
        fleet = EndableFleet(server.url, count=1, rate=math.inf, families=["TH900"], time_scale=0.002, seed=1)
        final = await fleet.run_until(lambda stats: stats.reconnects >= 1 and stats.resends >= 3)
    assert (final.made, final.acked, final.pending) == (1, 0, 1)
    assert len({json.dumps(frame) for frame in server.of("sendlog")}) == 1


async def test_wrong_echoes_are_counted_and_never_taken_for_acknowledgements() -> None:
    def answer(message: dict[str, Any]) -> dict[str, Any] | None:
        reply = proper(message)
        return {**reply, "count": 99} if reply and message.get("cmd") == "sendlog" else reply

    async with serving(answer=answer) as server:
        fleet = EndableFleet(server.url, count=3, rate=math.inf, **FAST)
        final = await fleet.run_until(lambda stats: stats.violations >= 3)
    assert final.acked == 0


async def test_commands_are_answered_over_the_wire() -> None:
    async def greet(websocket: WebSocketConnection) -> None:
        await websocket.send_message(json.dumps({"cmd": "getuserlist", "stn": True}))

    async with serving(greet=greet) as server:
        fleet = EndableFleet(server.url, count=3, rate=0, **FAST)
        final = await fleet.run_until(lambda _: len({frame["sn"] for frame in server.of("getuserlist")}) == 3)
    assert final.commands >= 3
    assert {frame["count"] for frame in server.of("getuserlist")} == {60}


async def test_rebooted_terminals_come_back() -> None:
    rebooted: set[int] = set()

    async def greet(websocket: WebSocketConnection) -> None:
        if not rebooted:
            rebooted.add(1)
            await websocket.send_message('{"cmd":"reboot"}')

    async with serving(greet=greet) as server:
        fleet = EndableFleet(server.url, count=1, rate=0, **FAST)
        final = await fleet.run_until(lambda stats: stats.reconnects and stats.registered)
        assert len(server.of("reg")) >= 2
    assert (final.reconnects, final.registered) == (1, 1)


async def test_time_away_builds_a_backlog_that_draining_delivers() -> None:
    async with serving() as server:
        fleet = EndableFleet(server.url, count=6, rate=400, offline_share=0.5, drain=True, **FAST)
        final = await fleet.run_until(
            lambda stats: stats.reconnects and any(frame["count"] > 1 for frame in server.of("sendlog"))
        )
    assert final.made == final.acked > 0
    assert final.violations == 0


async def test_a_server_that_is_not_there_is_reported_and_dialled_again_until_it_is() -> None:
    troubles: set[str] = set()
    # Taken, so that nobody else gets it, and refused until it listens.
    taken = trio.socket.socket()
    await taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    fleet = Fleet(
        f"ws://127.0.0.1:{port}/",
        count=2,
        rate=50,
        punches=20,
        report=lambda stats: troubles.add(stats.trouble),
        report_seconds=0.05,
        drain=True,
        **FAST,
    )
    server = Server(port=port)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:

            async def serve_later() -> None:
                while not any(troubles):
                    await trio.sleep(0.01)
                taken.listen()
                await WebSocketServer(server.handle, [trio.SocketListener(taken)]).run()

            nursery.start_soon(serve_later)
            final = await fleet.run()
            nursery.cancel_scope.cancel()
    assert f"cannot reach 127.0.0.1:{port}: Connection refused" in troubles
    assert (final.trouble, final.acked, final.pending) == ("", 20, 0)


async def test_cancelling_ends_at_once_and_leaves_true_books() -> None:
    ledger = Ledger()
    async with serving() as server:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    partial(run_fleet, server.url, count=5, rate=math.inf, ledger=ledger, **FAST)
                )
                while not ledger.acked_count:
                    await trio.sleep(0.01)
                nursery.cancel_scope.cancel()
    sent = sum(len(frame["record"]) for frame in server.of("sendlog"))
    assert 0 < ledger.acked_count <= sent <= ledger.made_count


async def test_wss_with_a_certificate_of_our_own() -> None:
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    server = Server()
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            listening = await nursery.start(partial(serve_websocket, server.handle, "127.0.0.1", 0, theirs))
            url = f"wss://127.0.0.1:{listening.port}/"
            final = await run_fleet(url, count=2, rate=100, punches=4, drain=True, ssl_context=ours, **FAST)
            nursery.cancel_scope.cancel()
    assert final.acked == 4


async def test_plain_http_at_the_other_end_is_trouble_not_a_crash() -> None:
    async def talk(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        fleet = EndableFleet(f"ws://127.0.0.1:{port}/", count=2, rate=0, **FAST)
        final = await fleet.run_until(lambda stats: stats.trouble)
        nursery.cancel_scope.cancel()
    assert f"127.0.0.1:{port} refused the connection" in final.trouble


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": "http://x/"}, "must begin with ws:// or wss://"),
        ({"url": "ws://"}, "names no host"),
        ({"url": "ws://x:70000/"}, "a port outside"),
        ({"count": 0}, "count must be at least 1"),
        ({"rate": -1}, "rate must not be negative"),
        ({"batch": 0}, "batch must be"),
        ({"users": 0}, "users must be"),
        ({"offline_share": 1.0}, "offline_share must be"),
        ({"families": ["TM20"]}, "family 'TM20' is unknown; known are TH600, TH900, AiFace"),
        ({"families": []}, "at least one family"),
        ({"time_scale": 0}, "time_scale must be"),
    ],
)
def test_wrong_arguments_are_refused_in_words(change: dict[str, Any], sentence: str) -> None:
    make: Callable[..., Fleet] = Fleet
    with pytest.raises(ValueError, match=sentence):
        make(**({"url": "ws://127.0.0.1:1/", "count": 1, "rate": 1.0} | change))
