"""A Textual driver without a terminal: input comes from a link, output goes to it.

What it sets on the terminal, the client takes back: whatever ends a console, the terminal
is restored by the one process that is there to see it end.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from textual import events, messages
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from tm20tui.tui.hello import clamp_size
from tm20tui.tui.link import Link
from tm20tui.tui.typeahead import TypeAhead

log = logging.getLogger(__name__)

MOST_SILENT_INPUT = 4 * 1024 * 1024
"""Characters that may come without meaning anything: a paste that never ends is none. What follows
must not be taken for keys."""
MOST_MESSAGES = 8
_TICK_SECONDS = 0.12
_OTHER_SCREEN = "\x1b[?1049h"
_MODES = "\x1b[?25l\x1b[?1004h\x1b[?2004h\x1b[?7l\x1b[<u\x1b[>25u\x1b[?2026$p"
"""No cursor, focus, paste, no wrapping, unambiguous keys; can it paint a frame at once?"""
_MOUSE = "\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h"


class SocketDriver(Driver):
    """The driver of one console; made by `driver_for`."""

    def __init__(
        self,
        link: Link,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._link = link
        self._parser = XTermParser()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._typed = TypeAhead(app, app.post_message)
        self._silent = 0
        self._output: list[str] = []
        self._flushing: asyncio.Handle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._is_accepting = False
        self._has_batch = False

    def write(self, data: str) -> None:
        """Queue output until it is flushed, so that a frame is sent whole or, to a stalled client, not."""
        if self._link.is_paused:
            return
        self._output.append(data)
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is queued."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._output:
            data = "".join(self._output).encode("utf-8", "replace")
            self._output.clear()
            self._link.send(data)

    def start_application_mode(self) -> None:
        """Set the terminal's modes and take input."""
        self.write(_OTHER_SCREEN)
        self._write_modes()
        self._is_accepting = True
        self._post_size()
        self._link.show(self)

    def disable_input(self) -> None:
        """Take no more input."""
        self._is_accepting = False
        self._typed.close()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def stop_application_mode(self) -> None:
        """The client restores its terminal itself."""
        self.disable_input()
        self.flush()

    def close(self) -> None:
        """Nothing is left open: the link is the host's."""

    def feed(self, data: bytes) -> None:
        """Take input as the terminal sent it."""
        if not self._is_accepting:
            return
        text = self._decoder.decode(data)
        if not text:
            return
        self._silent += len(text)
        with self._app._context():
            self._take(self._parser.feed(text))
            if self._silent > MOST_SILENT_INPUT:
                self._link.break_off("input without an end")
        self._tick_later()

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size."""
        self._size = clamp_size(columns, rows)
        self._post_size()

    def restart(self) -> None:
        """The terminal has forgotten its modes."""
        self.write(_OTHER_SCREEN)
        self._write_modes()
        self._repaint()

    def pause(self) -> None:
        """Let the application paint nothing: what it would paint had nowhere to go."""
        if not self._has_batch:
            self._has_batch = True
            self._output.clear()
            self._app._begin_batch()

    def resume(self) -> None:
        """Let the application paint, all of it."""
        if self._has_batch:
            self._has_batch = False
            with self._app._context():
                self._app._end_batch()
            self._write_modes()
            self._repaint()

    def is_busy(self) -> bool:
        """Whether the application has yet to work through input."""
        return self._app.message_queue_size + len(self._typed) > MOST_MESSAGES

    def send_message(self, message: Message) -> None:
        """Post a message to the application: we are in its loop."""
        self._typed.put(message)

    def process_message(self, message: Message) -> None:
        """Pass input on; the size is what the client says, not what was typed as an answer."""
        if not isinstance(message, (events.Resize, messages.InBandWindowResize)):
            super().process_message(message)

    def open_url(self, url: str, new_tab: bool = True) -> None:
        """Show the address: a browser would open on the server."""
        self._app.notify(url, timeout=30, markup=False)

    def deliver_binary(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is written into the server's files for a console."""
        raise NotImplementedError("a console saves no files on the server")

    def _write_modes(self) -> None:
        self.write(_MODES)
        if self._mouse:
            self.write(_MOUSE)
        self.flush()

    def _post_size(self) -> None:
        size = Size(*(self._size or (80, 24)))
        with self._app._context():
            self._app.post_message(events.Resize(size, size))

    def _repaint(self) -> None:
        if self._app._running and self._app._screen_stack:
            with self._app._context():
                self._app.screen.refresh(layout=True)

    def _tick_later(self) -> None:
        """A lone escape is a key once nothing follows it."""
        if self._parser._timeout_time is not None and self._ticking is None and self._is_accepting:
            self._ticking = self._loop.call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        if self._link.has_input:  # the rest of a sequence may be in it
            self._tick_later()
            return
        with self._app._context():
            self._take(self._parser.tick())
        self._tick_later()

    def _take(self, found: Iterable[Message]) -> None:
        try:
            for message in found:
                self._silent = 0
                self.process_message(message)
        except Exception as error:  # noqa: BLE001 - a parser that has failed would take no key any more
            log.warning("input was dropped that cannot be read: %r", error)
            self._parser = XTermParser()
        self._parser.mouse_pixels = False  # never asked for; who says so would misplace every click


def driver_for(link: Link) -> Any:
    """What an application makes its driver from."""
    return partial(SocketDriver, link)
