"""Clients that mean harm, or are broken, cost themselves and nobody else."""

from __future__ import annotations

import json

import pytest
import trio

from tests.control.conftest import Running
from tm20tui.control import connection, server
from tm20tui.control.wire import LONGEST_REQUEST, encode


async def still_serves(control: Running) -> None:
    async with control.client() as lines:
        assert (await lines.ask(1, operation="terminals.list"))["result"] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"garbage", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 50_000, "not JSON"),
        (b'{"id":1,"x":' + b"[" * 40 + b"]" * 40 + b"}", "nested"),
        (b'{"id":1,"x":NaN}', "NaN"),
        (b'{"id":1,"x":1e999}', "too large"),
        (b'{"id":1,"x":' + b"9" * 30 + b"}", "64 bits"),
        (b'{"id":1,"x":' + b"9" * 9000 + b"}", "not JSON"),
        (b'{"id":1,"x":"\\ud800"}', "surrogate"),
        (b'{"id":1,"x":"\\u0000"}', "NUL"),
        (b'{"id":1,"\\u0000":1}', "NUL"),
        (b'{"id":true,"ask":"describe"}', "needs an id"),
        (b'{"id":{},"ask":"describe"}', "needs an id"),
        (b'{"id":"' + b"x" * 200 + b'","ask":"describe"}', "needs an id"),
        (b'{"ask":"describe"}', "needs an id"),
    ],
)
async def test_a_bad_line_is_answered_and_the_next_one_is_served(
    control: Running, line: bytes, said: str
) -> None:
    async with control.client() as lines:
        await lines.say(line + b"\n")
        answer = await lines.hear()
        assert answer is not None
        assert said in answer["error"]["message"]
        assert (await lines.ask(2, operation="terminals.list"))["result"] == []


async def test_a_line_without_an_end_ends_the_connection(control: Running) -> None:
    async with control.client() as lines:
        with pytest.raises(trio.BrokenResourceError):
            await lines.say(b"x" * (8 * LONGEST_REQUEST))
        answer = await lines.hear()
        assert answer is not None
        assert f"longer than {LONGEST_REQUEST} bytes" in answer["error"]["message"]
        assert await lines.hear() is None
    await still_serves(control)


async def test_a_long_line_that_is_allowed_is_read(control: Running) -> None:
    given = {"name": "x" * (LONGEST_REQUEST - 2000)}
    async with control.client() as lines:
        answer = await lines.ask(1, operation="services.add", arguments={"given": given})
    assert answer["error"]["code"] == "invalid"


async def test_half_a_line_and_silence_harm_nobody(control: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(server, "HELLO_SECONDS", 0.2)
        async with control.raw() as silent:
            await silent.say(b'{"hello"')
            answer = await silent.hear()
            assert answer is not None
            assert "no hello within" in answer["error"]["message"]
    async with control.client() as lines:
        await lines.say(b'{"id": 1, "operation"')
    await still_serves(control)


async def test_a_client_that_does_not_read_is_given_up(
    control: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SEND_SECONDS", 0.3)
    async with control.client() as deaf:
        requests = b"".join(encode({"id": ident, "ask": "describe"}) for ident in range(100_000))
        with trio.fail_after(30), pytest.raises(trio.BrokenResourceError):
            await deaf.say(requests)
        await still_serves(control)
    with trio.fail_after(30):
        while control.server._clients.total():
            await trio.sleep(0.01)


async def test_the_number_of_clients_is_bounded(control: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CLIENTS", 2)
    async with control.client(), control.client(), control.raw() as third:
        answer = await third.hear()
        assert answer is not None
        assert "too many connections" in answer["error"]["message"]
    with trio.fail_after(30):
        while control.server._clients.total():
            await trio.sleep(0.01)
    await still_serves(control)


async def test_foreign_text_comes_back_as_json(control: Running) -> None:
    await control.add_terminal("ZX\x1b[2J")
    async with control.raw() as lines:
        await lines.say({"hello": 1, "for": "operations"}, {"id": 1, "operation": "terminals.list"})
        await lines.hear()
        answer = await lines.hear()
    assert answer is not None
    assert "\x1b" not in json.dumps(answer)
    assert answer["result"][0]["terminal"]["sn"] == "ZX\x1b[2J"
