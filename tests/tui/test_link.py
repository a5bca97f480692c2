"""What a client does wrong, or does not do at all, costs its own console and no memory."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import trio

from tests.tui.screens import Eye, Theatre, theatre
from tm20tui.tui import driver, frames, link


@pytest.fixture
async def house(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Theatre]:
    async with theatre(sqlite_url, tmp_path) as running:
        yield running


async def press(eye: Eye, key: str) -> None:
    """Type a key and wait until it is painted."""
    eye.forget()
    await eye.type(key)
    await eye.until(f"<key {key}>")


async def unread(eye: Eye) -> None:
    """Wait until nothing more is queued for a client that does not read."""
    size = -1
    with trio.fail_after(30):
        while size != (size := waiting(eye)) or size < link.HIGH_WATER:
            await trio.sleep(0.3)


def waiting(eye: Eye) -> int:
    """Bytes in the kernel for a client."""
    import fcntl
    import termios

    (count,) = struct.unpack("i", fcntl.ioctl(eye.stream.socket.fileno(), termios.FIONREAD, b"\0" * 4))
    return int(count)


def widest_gap(eye: Eye) -> int:
    """The most frames that a client was not sent between two that it was."""
    numbers = [int(number) for number in re.findall(r"<(\d+)>", eye.output)]
    return max((after - before for before, after in pairwise(numbers)), default=0)


async def test_a_client_that_does_not_read_is_painted_nothing_and_later_everything(house: Theatre) -> None:
    async with house.attached(columns=200, rows=60) as slow, house.attached(ready="<hello 2") as other:
        await slow.type("p")
        await unread(slow)
        assert waiting(slow) < 1_000_000
        for key in "abdefg":
            await press(other, key)
        assert len(house.gateway.attached.all()) == 2
        with trio.fail_after(30):  # what was queued is old; the frames after it go on where the time is now
            while widest_gap(slow) <= 10:
                assert await slow.read()


def test_why_a_client_left_is_known_also_when_a_write_finds_it_gone() -> None:
    ends: list[str] = []

    async def run() -> None:
        theirs, ours = socket.socketpair()
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: link.Link(lambda how, told: ends.append(how)), sock=ours
        )
        theirs.sendall(frames.frame(frames.QUIT, frames.HUNG_UP.encode()))
        theirs.close()
        connection.send(b"a picture")
        assert await connection.wait_closed(30)

    asyncio.run(run())
    assert ends == [frames.HUNG_UP]


async def test_a_client_that_never_reads_is_given_up(house: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.attached(columns=200, rows=60) as slow:
        monkeypatch.setattr(link, "STALL_SECONDS", 0.3)
        await slow.type("p")
        with trio.fail_after(30):
            while house.gateway.attached.all():
                await trio.sleep(0.05)
            while len(await house.audit()) < 2:
                await trio.sleep(0.05)
        assert "did not read for 0.3 seconds" in (await house.audit())[1]["arguments"]


@pytest.mark.parametrize(
    "data",
    [
        b"Z\0\0\0\0",
        b"I\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"R\0\0\0\1x",
        frames.frame(frames.OUTPUT, b"mine"),
        b"\0" * 1000,
    ],
)
async def test_what_is_no_frame_ends_its_console_only(house: Theatre, data: bytes) -> None:
    async with house.attached() as eye, house.attached(ready="<hello 2") as other:
        await eye.send(data)
        end = await eye.ended()
        assert end is not None
        assert end.code == 1
        await press(other, "a")


@pytest.mark.parametrize(
    "data",
    [
        frames.resize(0xFFFF, 0xFFFF),
        frames.resize(0, 0),
        frames.frame(frames.INPUT, b"\xff\xfe\xc3\x28\x80"),
        frames.frame(frames.INPUT, b"\x1b[48;99999;99999;9;9t"),
        frames.frame(frames.INPUT, b"\x1b[48;36;120;0;0t\x1b[<0;5;5M\x1b[<0;5;5m"),
        frames.frame(frames.INPUT, b"\x1b[M\xff\xff\xff\x1b[<999999;-5;99999999M"),
        frames.frame(frames.INPUT, b"\x1b]52;a;" + b"A" * 500),
        frames.frame(frames.INPUT),
        frames.frame(frames.FOREGROUND) * 50,
    ],
)
async def test_strange_input_is_survived(house: Theatre, data: bytes) -> None:
    async with house.attached() as eye:
        await eye.send(data)
        await eye.send(frames.resize(80, 24))
        await eye.type("\x1b\\\x1b\\")  # whatever was begun is over
        await trio.sleep(0.3)
        await press(eye, "a")


async def test_a_paste_without_end_is_given_up(house: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MOST_SILENT_INPUT", 100_000)
    async with house.attached() as eye:
        await eye.type("\x1b[200~")
        for _ in range(4):
            await eye.type("x" * 30_000)
        end = await eye.ended()
        assert end is not None
        assert (end.code, end.message) == (1, link.BROKEN)


async def test_a_flood_of_input_lets_other_consoles_live(house: Theatre) -> None:
    async with house.attached() as eye, house.attached(ready="<hello 2") as other:

        async def flood() -> None:
            while True:
                await eye.type("z" * 60_000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await trio.sleep(0.3)
            for key in "abd":
                await press(other, key)
            nursery.cancel_scope.cancel()


async def test_a_terminal_in_the_foreground_again_is_set_up_and_painted_anew(house: Theatre) -> None:
    async with house.attached() as eye:
        await eye.type("a")
        await eye.until("<key a>")
        eye.forget()
        await eye.send(frames.frame(frames.FOREGROUND))
        await eye.until("\x1b[?1049h")
        await eye.until("\x1b[?1006h")
        eye.output = eye.output.rpartition("\x1b[?1049h")[2]
        await eye.until("<key a>")


async def test_without_a_mouse_no_mouse_is_asked_for(house: Theatre) -> None:
    async with house.attached(mouse=False) as eye:
        assert "\x1b[?1000h" not in eye.output
