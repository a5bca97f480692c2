"""Runs the server until it is told to stop.

SIGTERM and SIGINT drain it, a second SIGINT ends it at once; SIGHUP takes the console on this
terminal, which went away, and has the roles of operators read again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import trio

from tm20tui.api.server import ApiServer
from tm20tui.cli.sd_notify import SystemdNotifier
from tm20tui.control.server import ControlServer
from tm20tui.errors import AlreadyRunning, Tm20Error
from tm20tui.gateway import FrontEnd, Gateway
from tm20tui.logs import configure
from tm20tui.settings import Settings
from tm20tui.tui.host import ConsoleHost

if TYPE_CHECKING:
    from tm20tui.cli.demo import Demo, DemoOptions
    from tm20tui.cli.local import LocalConsole

log = logging.getLogger(__name__)

DRAIN_GRACE_SECONDS = 5.0
"""What a drain may take beyond `process.drain_seconds` before it is cut short."""
FIRST_PICTURE_SECONDS = 2.0
"""What a console on this terminal takes to be there; what can wait until then does."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT)
ENOUGH_FILES = 4096
"""Of open files: 2,000 terminals, the HTTP API's clients, services, consoles, the database."""
ABANDON_SECONDS = 3.0
"""What is left to a server that was told to end at once."""


def serve(
    settings: Settings,
    *,
    headless: bool,
    demo: DemoOptions | None = None,
    language: str | None = None,
    reread: Callable[[], Settings] | None = None,
) -> int:
    """Run the server on this thread and return the exit code: 0 after a drain, 130 if ended at once.

    `reread` reads the configuration again, for what of it may change while the server runs.

    Raises:
        Tm20Error: it could not start, or cannot go on.
    """
    with contextlib.ExitStack() as stack:
        show = _enter_demo(stack, settings, demo) if demo else None
        settings = show.settings if show else settings
        run = _Run(settings, show, reread)
        on_screen = not headless and sys.stdin.isatty() and sys.stdout.isatty()
        if on_screen:
            run.local = _enter_local_console(stack, settings, language)
        else:
            stack.enter_context(configure(settings.log.level, settings.log.format))
            if not headless:
                log.info("this is no terminal: running without a console on it (tm20tui attach opens one)")
        _allow_open_files()
        with _expected_errors():
            trio.run(run.main)
    return run.code


def front_ends(
    settings: Settings, consoles: ConsoleHost, control: ControlServer, *, api_yields_seconds: float = 0
) -> tuple[FrontEnd, ...]:
    """What people and programs reach the server through."""
    api = (ApiServer(settings, yields_seconds=api_yields_seconds),) if settings.api.enabled else ()
    return (*api, consoles, control)


def _allow_open_files() -> None:
    """Open as many files as this account may: a shell's usual 1,024 are too few for 1,000 terminals."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft != hard:
        # Where the system allows less than the account may, it refuses.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_FILES:
        log.warning(
            "few files may be open, every terminal takes one: raise ulimit -n, or LimitNOFILE= of the unit",
            extra={"limit": hard},
        )


def _enter_demo(stack: contextlib.ExitStack, settings: Settings, options: DemoOptions) -> Demo:
    from tm20tui.cli.demo import Demo

    return stack.enter_context(Demo(settings, options))


def _enter_local_console(
    stack: contextlib.ExitStack, settings: Settings, language: str | None
) -> LocalConsole:
    # Loaded only here: a headless server needs none of it.
    from tm20tui.cli.local import HeldLog, LocalConsole
    from tm20tui.cli.tty import Tty

    tty = Tty(sys.stdin.fileno())
    held = HeldLog(sys.stderr.fileno()) if sys.stderr.isatty() else None
    stack.enter_context(configure(settings.log.level, settings.log.format, held))
    for number in (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(number, signal.SIG_IGN)  # a key, or giving the terminal back, must not stop the server
    local = LocalConsole(tty, held, language)
    stack.callback(local.finish)
    return local


class _Run:
    """One run of one server: its tasks and how it ended."""

    def __init__(self, settings: Settings, demo: Demo | None, reread: Callable[[], Settings] | None) -> None:
        self.code = 0
        self.local: LocalConsole | None = None
        self._settings = settings
        self._gateway = Gateway(settings)
        self._demo = demo
        self._consoles = ConsoleHost()
        self._control = ControlServer(settings, self._consoles)
        self._reread = reread
        self._rereading = trio.Lock()
        self._systemd = SystemdNotifier(os.environ)

    async def main(self) -> None:
        """Everything, until the gateway has returned."""
        started = _Started()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._obey_signals, nursery)
            nursery.start_soon(self._serve, started, nursery)
            nursery.start_soon(self._watch_drain, nursery)
            await started.event.wait()
            self._systemd.ready()
            nursery.start_soon(self._systemd.keep, self._status)
            if self.local is not None:
                nursery.start_soon(self.local.run, self._consoles, self._gateway)
            if self._demo is not None:
                nursery.start_soon(self._play, self._demo)

    async def _play(self, demo: Demo) -> None:
        if self.local is not None:
            await trio.sleep(FIRST_PICTURE_SECONDS)
        await demo.run(self._gateway)

    async def _serve(self, started: _Started, nursery: trio.Nursery) -> None:
        yields = FIRST_PICTURE_SECONDS if self.local is not None else 0
        reached = front_ends(self._settings, self._consoles, self._control, api_yields_seconds=yields)
        await self._gateway.run(reached, task_status=started)
        nursery.cancel_scope.cancel()

    async def _obey_signals(self, nursery: trio.Nursery, *, task_status: trio.TaskStatus[None]) -> None:
        told = False
        with trio.open_signal_receiver(*SIGNALS) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    if self.local is not None:
                        log.info("the terminal went away (SIGHUP): the server goes on")
                        self.local.hang_up()
                    nursery.start_soon(self._change_operators)
                elif number == signal.SIGWINCH:
                    if self.local is not None:
                        self.local.resized()
                elif number == signal.SIGCONT:
                    if self.local is not None:
                        self.local.continued()
                elif not told:
                    told = True
                    log.info(
                        "stopping: work in flight may finish", extra={"signal": signal.Signals(number).name}
                    )
                    self._gateway.stop()
                elif number == signal.SIGINT:
                    log.warning("ending at once: what was not committed will be sent again by the terminals")
                    self._end(nursery, code=130)

    async def _change_operators(self) -> None:
        if self._reread is None:
            return
        async with self._rereading:
            try:
                settings = await trio.to_thread.run_sync(self._reread)
            except Tm20Error as error:
                log.error("SIGHUP: the roles of operators stay as they were: %s", error)
                return
            await self._control.change_operators(settings.operators)
        log.info("SIGHUP: the roles of operators were read again")

    async def _watch_drain(self, nursery: trio.Nursery) -> None:
        await self._gateway.wait_stopping()
        seconds = self._settings.process.drain_seconds + DRAIN_GRACE_SECONDS
        self._systemd.stopping(seconds + ABANDON_SECONDS)
        await trio.sleep(seconds)
        log.warning("work in flight did not finish in time: ending without it")
        self._end(nursery, code=0)

    def _status(self) -> str:
        """One line for `systemctl status`."""
        gateway = self._gateway
        online = sum(view.state == "online" for view in gateway.roster.views().values())
        return f"{online} terminals online, {len(gateway.alarms.active())} alarms"

    def _end(self, nursery: trio.Nursery, *, code: int) -> None:
        # The database makes it safe to die here; a worker thread that hangs must not prevent it.
        self.code = code
        last_resort = threading.Timer(ABANDON_SECONDS, self._abandon, [code])
        last_resort.daemon = True
        last_resort.start()
        nursery.cancel_scope.cancel()

    def _abandon(self, code: int) -> None:
        if self.local is not None:
            self.local.restore()
        os._exit(code)


class _Started(trio.TaskStatus[None]):
    """Unlike `nursery.start`, lets a server that is told to stop while it starts just return."""

    def __init__(self) -> None:
        self.event = trio.Event()

    def started(self, value: object = None) -> None:
        self.event.set()


@contextlib.contextmanager
def _expected_errors() -> Iterator[None]:
    """Unpack what the nurseries wrapped; log what nobody expected with its traceback."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaves = list(_leaves(group))
        expected = [error for error in leaves if isinstance(error, Tm20Error)]
        if len(expected) != len(leaves):
            log.critical("the server crashed", exc_info=group)
            raise Tm20Error("the server crashed; the log says where") from None
        expected.sort(key=lambda error: not isinstance(error, AlreadyRunning))
        raise expected[0] from None
    except Tm20Error:
        raise
    except Exception as error:
        log.critical("the server crashed", exc_info=error)
        raise Tm20Error("the server crashed; the log says where") from None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
