"""Plays a hand on one console after another, and says what became of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import trio

from tests.noise.hand import Hand
from tests.tui.screens import Eye
from tm20tui.tui import frames
from tm20tui.tui.frames import End

ANSWER_SECONDS = 30.0
_PAUSE_SECONDS = 0.005
_QUIET_SECONDS = 0.1
_QUIET_EVERY = 10
"""Moves after which a console is let work through what was typed ahead: nobody types minutes ahead."""
_ANEW = "\x1b[?1049h"
"""How a picture begins that is painted anew."""
_FIRST = ("[1 ", "[1] ")
"""The first mode in the row of modes, where there is room and where there is little."""
_LOOKS = 10
Attach = Callable[[], AbstractAsyncContextManager[Eye]]


class Silent(AssertionError):
    """A console neither painted nor ended."""


@dataclass
class Played:
    """What came of it. `ends` are those of consoles that were closed, as a hand may do."""

    sent: int = 0
    consoles: int = 0
    ends: list[End | None] = field(default_factory=list)


async def play(attach: Attach, hand: Hand, moves: int, *, asks_often: bool = True) -> Played:
    """So many moves in every mode. Raises `Silent` when a console answers no more.

    It is asked after each mode, or after the last one only.
    """
    played = Played()
    left = [moves] * 9
    while any(left):
        async with attach() as eye, trio.open_nursery() as nursery:
            played.consoles += 1
            nursery.start_soon(_read, eye, nursery.cancel_scope)
            for place in range(9):
                if left[place]:
                    await _send(eye, hand.to_mode(place + 1))
                while left[place]:
                    left[place] -= 1
                    played.sent += 1
                    await _send(eye, hand.move())
                    await trio.sleep(_PAUSE_SECONDS)
                    if not left[place] % _QUIET_EVERY:
                        await _until_quiet(eye)
                if asks_often or place == 8:
                    await _assert_answers(eye, hand)
            nursery.cancel_scope.cancel()
        if any(left):
            played.ends.append(eye.end)
    return played


async def _assert_answers(eye: Eye, hand: Hand) -> None:
    """It goes where it is asked to, and paints that."""
    with trio.move_on_after(ANSWER_SECONDS) as patience:
        await _send(eye, frames.resize(120, 36))
        while True:
            await _until_quiet(eye)
            await _send(eye, hand.to_mode(1))
            await _until_quiet(eye)
            eye.forget()
            await _send(eye, frames.frame(frames.FOREGROUND))
            for _look in range(_LOOKS):
                await trio.sleep(_QUIET_SECONDS)
                anew = eye.output.partition(_ANEW)[2]
                if any(shown in anew for shown in _FIRST):
                    return
    if patience.cancelled_caught:
        raise Silent(f"after {ANSWER_SECONDS:g} s: {eye.output[:6000]!r}")


async def _until_quiet(eye: Eye) -> None:
    """Wait until nothing has been painted for a moment, a few seconds at most."""
    for _look in range(16):
        before = eye.received
        await trio.sleep(_QUIET_SECONDS)
        if eye.received == before:
            return


async def _send(eye: Eye, data: bytes) -> None:
    try:
        await eye.send(data)
    except trio.BrokenResourceError:  # it has ended: the reader knows how
        await trio.sleep_forever()


async def _read(eye: Eye, scope: trio.CancelScope) -> None:
    while await eye.read():
        if len(eye.output) > 1_000_000:
            eye.forget()
    scope.cancel()
