"""The thread that consoles live in: one loop for all, started when the first one comes."""

from __future__ import annotations

import asyncio
import threading


class ConsoleThread:
    """A daemon: a console that hangs never holds the server's end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None

    def start(self) -> asyncio.AbstractEventLoop:
        """The loop, which runs by then. Takes its time once: Textual is loaded.

        Raises:
            What went wrong when Textual was loaded.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="consoles", daemon=True)
                self._thread.start()
        self._ready.wait()
        if self._loop is None:
            raise RuntimeError("consoles cannot be shown") from self._error
        return self._loop

    def stop(self, seconds: float) -> None:
        """End the loop, and wait for that no longer than this."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            import tm20tui.tui.stage  # noqa: F401 - here, not in the thread that serves terminals

            self._loop = asyncio.new_event_loop()
        except BaseException as error:
            self._error = error
            self._ready.set()
            raise
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._ready.set)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
