"""A hand on a terminal that does not know what it does: the same seed does the same."""

from __future__ import annotations

import random

from tm20tui.tui import frames

WORDS = (
    *("door", "porte", "terminals.list", "users.add", "deliveries.retry", "theme", "langue", "aide", "ZX"),
    *("state:failed", "!x", "since:2h", "[/x]", "since:", "state:", "0", "1", "2026-01-31", "08:00", "é€𝕏"),
)
_NAMED = (
    *(b"\r", b"\n", b"\t", b"\x7f", b"\x08", b"\x1b", b" ", b"\x1b[Z"),
    *(b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F", b"\x1bOP", b"\x1b[15~"),
    *(b"\x1b[2~", b"\x1b[3~", b"\x1b[5~", b"\x1b[6~", b"\x1b[1;5C", b"\x1b[1;2A", b"\x1b[24~"),
)
_ANSWERS = (
    *(b"\x1b[?1;2c", b"\x1b[?2026;2$y", b"\x1b[?2048;1$y", b"\x1b[24;80R", b"\x1b[I", b"\x1b[O"),
    *(b"\x1b[48;24;80;0;0t", b"\x1b]11;rgb:0000/0000/0000\x1b\\", b"\x1bP>|term\x1b\\", b"\x1b[?u"),
)
_BROKEN = (
    *(
        b"\x1b[",
        b"\x1b[<",
        b"\x1b[<0;1",
        b"\x1b[M",
        b"\x1b[M\xff\xff\xff",
        b"\x1bO",
        b"\x1b]",
        b"\x1bP",
        b"\x1b[",
    ),
    *(b"\x1b[200~", b"\x1b[201~", b"\x1b[99999999999999999999u", b"\x1b[;;;u", b"\x1b[-1;5u", b"\x1b[0u"),
    *(b"\x1b[1114112u", b"\x1b[55296u", b"\x1b[<-5;-5;-5M", b"\x1b[<0;999999999;999999999M"),
    *(b"\x1b[48;0;0;0;0t", b"\x1b[1;9999A", b"\xc3", b"\xf0\x9f", b"\xed\xa0\x80", b"\x00", b"\x1b\x1b\x1b["),
)
_SIZES = ((80, 24), (120, 36), (200, 50), (60, 16), (59, 15), (1, 1), (0, 0), (20, 60), (1000, 500))


class Hand:
    """`move` is the next frame to send: input of some bytes, or another size."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def move(self) -> bytes:
        """One frame; most of the time a key or a few."""
        moves = (self._keys, self._words, self._mouse, self._paste, self._bytes, self._resize)
        return self.random.choices(moves, (50, 12, 20, 5, 10, 3))[0]()

    def to_mode(self, number: int) -> bytes:
        """Out of whatever is open, a form that asks whether to leave it included, to a mode."""
        out = b"\x1b[27u" * 3
        return _typed(b"\x1b[201~" + out + b"y" + out + b"y" + out + str(number).encode())

    def _keys(self) -> bytes:
        pick = self.random
        keys = (
            lambda: pick.choice(_NAMED),
            lambda: bytes([pick.randint(33, 126)]),
            lambda: pick.choice("aAoOtTlLpPWrRmMdDeEnNzZsSuUcCyxXf:/?&é\"'(-è_ç").encode(),
            lambda: bytes([pick.randint(1, 26)]),
            lambda: b"\x1b" + bytes([pick.randint(33, 126)]),
            lambda: b"\x1b[%d;%du" % (pick.randint(0, 300), pick.randint(0, 20)),
        )
        weights = (6, 4, 6, 1, 1, 1)
        return _typed(b"".join(one() for one in pick.choices(keys, weights, k=pick.randint(1, 4))))

    def _words(self) -> bytes:
        pick = self.random
        before = pick.choice((b":", b"/", b"", b"a", b"\t"))
        after = pick.choice((b"\r", b"\r\r", b"\ry", b"\t", b"\x1b", b"\x13", b""))
        return _typed(before + pick.choice(WORDS).encode() + after)

    def _mouse(self) -> bytes:
        pick = self.random
        column, row = pick.randint(0, 130), pick.randint(0, 40)
        if pick.random() < 0.7:  # a click, now and then on what the click before has closed
            text = b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (column, row, column, row)
            return _typed(text * pick.choice((1, 1, 2, 3)))
        return _typed(b"\x1b[<%d;%d;%d%s" % (pick.randint(0, 100), column, row, pick.choice((b"M", b"m"))))

    def _paste(self) -> bytes:
        pick = self.random
        signs = "abc é€𝕏\x00\x1b\r\n\t[/x]{}%\\\u202e\u200b\ufeff\x9b\x7f0123456789"
        text = "".join(pick.choices(signs, k=pick.choice((0, 1, 5, 40, 3000))))
        return _typed(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    def _bytes(self) -> bytes:
        pick = self.random
        kind = pick.random()
        if kind < 0.4:
            return _typed(pick.choice(_BROKEN))
        if kind < 0.7:
            return _typed(pick.choice(_ANSWERS))
        return _typed(pick.randbytes(pick.choice((1, 2, 8, 200))))

    def _resize(self) -> bytes:
        return frames.resize(*self.random.choice(_SIZES))


def _typed(data: bytes) -> bytes:
    return frames.frame(frames.INPUT, data)
