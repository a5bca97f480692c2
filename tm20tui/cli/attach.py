"""`tm20tui attach`: a console of the running server on this terminal.

Two processes: one carries bytes, the other waits for it and restores the terminal should it
be killed. Loads nothing but the standard library, so that it starts at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from tm20tui.cli.pump import CONTINUED, RESIZED, Pump
from tm20tui.cli.tty import Tty
from tm20tui.control.client import Client, NotReachable
from tm20tui.errors import Tm20Error
from tm20tui.locale import LANGUAGES, N_, _, sentence
from tm20tui.places import find_control_socket
from tm20tui.tui import frames
from tm20tui.tui.frames import CODE_STOPPED, End

FAILED = 1
USAGE = 2
NOT_REACHABLE = CODE_STOPPED
OFFER_SECONDS = 2.0
_ENDING = {
    signal.SIGHUP: frames.HUNG_UP,
    signal.SIGTERM: frames.TOLD_TO_END,
    signal.SIGINT: frames.INTERRUPTED,
}
KILLED = N_("the client of the console was killed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--read-only", action="store_true", help=_("look, change nothing"))
    parser.add_argument("--theme", metavar=_("NAME"), help=_("colours of the console"))
    parser.add_argument("--slow", action="store_true", help=_("paint seldom, for a slow line"))
    parser.add_argument("--ascii", action="store_true", help=_("draw with ASCII characters only"))
    parser.add_argument("--no-mouse", action="store_true", help=_("leave the mouse to the terminal"))
    parser.add_argument(
        "--socket", type=Path, metavar=_("PATH"), help=_("control socket of the server to ask")
    )


def attach(arguments: argparse.Namespace) -> int:
    """Show a console until it ends; the exit code.

    0 left or closed, 1 refused or ended by somebody else, 2 no terminal, 3 no server, or it has
    stopped, 128 and the signal's number when the client was told to end by one.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _complain(_("a console needs a terminal, and this is none"), USAGE)
    path = arguments.socket or find_control_socket(arguments.config)
    tty = Tty(sys.stdin.fileno())
    try:
        try:
            client = Client(path, console=hello_of(tty, arguments))
        except NotReachable as error:
            words = _("no server answers at {path} ({reason})")
            return _complain(words.format(path=error.path, reason=_(error.reason)), NOT_REACHABLE)
        with client:
            return _show(tty, *client.hand_over())
    except Tm20Error as error:
        return _complain(sentence(str(error)), FAILED)
    finally:
        tty.restore()


def offer(error: Tm20Error, path: Path) -> bool:
    """Whether who is at this terminal wants to look at the server that runs already."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        Client(path, seconds=OFFER_SECONDS).close()
    except Tm20Error:
        return False
    print(f"tm20tui: {_printable(sentence(str(error)))}", file=sys.stderr)
    print(_("Show its console here? [Y/n] "), end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() in ("", "y", "yes", "o", "oui")


def hello_of(tty: Tty, arguments: argparse.Namespace) -> dict[str, Any]:
    """What the server is told of this terminal and of what was asked for."""
    environment = os.environ
    columns, rows = tty.size()
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    return {
        "version": frames.CONSOLE_VERSION,
        "columns": columns,
        "rows": rows,
        "term": environment.get("TERM", ""),
        "colorterm": environment.get("COLORTERM", ""),
        "no_color": bool(environment.get("NO_COLOR")),
        "unicode": not locale or "utf" in locale.lower(),
        "ssh": environment.get("SSH_CONNECTION", "").partition(" ")[0],
        "language": _language(arguments),
        "theme": arguments.theme,
        "mouse": not arguments.no_mouse,
        "slow": arguments.slow,
        "ascii": arguments.ascii,
        "read_only": arguments.read_only,
    }


def _language(arguments: argparse.Namespace) -> str | None:
    """The language that was asked for, else that of this terminal where it says one that there is."""
    names = ("TM20_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    asked = arguments.lang or next((os.environ[name] for name in names if os.environ.get(name)), "")
    code = asked.partition(".")[0].partition("_")[0].lower()
    return code if code in LANGUAGES else None


def _show(tty: Tty, console: socket.socket, early: bytes) -> int:
    console.settimeout(None)
    death, life = os.pipe()  # ends with the guard, however it ends
    pid = os.fork()
    if pid == 0:
        os.close(life)
        _carry(tty, console, early, death)
    os.close(death)
    console.close()
    for number in _ENDING:
        signal.signal(number, lambda caught, frame: _forward(pid, caught))
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    status = os.waitpid(pid, 0)[1]
    os.close(life)
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    tty.owes()
    tty.restore()
    return _complain(_(KILLED), 128 + os.WTERMSIG(status))


def _carry(tty: Tty, console: socket.socket, early: bytes, death: int) -> NoReturn:
    code = FAILED
    try:
        code = _pump(tty, console, early, death)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _pump(tty: Tty, console: socket.socket, early: bytes, death: int) -> int:
    pump = Pump(tty, console, early, death)
    caught: list[int] = []

    def leave(number: int, _: object) -> None:
        caught.append(number)
        pump.wake(_ENDING[signal.Signals(number)])

    for number in _ENDING:
        signal.signal(number, leave)
    signal.signal(signal.SIGWINCH, lambda *_: pump.wake(RESIZED))
    signal.signal(signal.SIGCONT, lambda *_: pump.wake(CONTINUED))
    for ignored in (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        tty.make_raw()
        end = pump.run()
    finally:
        tty.restore()
    if caught:
        end = End(128 + caught[0], "")
    if end.message:
        with contextlib.suppress(OSError):
            print(f"tm20tui: {_printable(sentence(end.message))}", file=sys.stderr)
    return end.code


def _forward(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _complain(text: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(f"tm20tui: {_printable(text)}", file=sys.stderr)
    return code


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in text)
