"""The command `tm20tui`: its arguments, its exit codes, and one line for every expected error.

Each command imports what it needs when it runs, so that `--version` and `--help`
answer at once and a headless server never loads what only a console needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tm20tui import __version__
from tm20tui.errors import AlreadyRunning, ConfigError, Tm20Error

FAILED = 1
USAGE = 2
ALREADY_RUNNING = 3
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 1 failed, 2 wrong usage or configuration, 3 the port or the database
    belongs to another server, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        parsed = build_parser(arguments).parse_args(arguments)
        code: int = parsed.run(parsed)
    except SystemExit as stop:  # argparse: it has said what there is to say
        return stop.code if isinstance(stop.code, int) else USAGE
    except ConfigError as error:
        return _complain(error, USAGE)
    except AlreadyRunning as error:
        return _complain(error, ALREADY_RUNNING)
    except Tm20Error as error:
        return _complain(error, FAILED)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for `arguments`; the simulators add theirs only when they are asked for."""
    parser = argparse.ArgumentParser(
        prog="tm20tui",
        description="The server that TM20 attendance terminals dial. Without a command: run it.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 another server has the port "
        "or the database.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tm20tui {__version__}")
    parser.add_argument("--config", type=Path, metavar="PATH", help=_CONFIG_HELP)
    parser.add_argument("--headless", action="store_true", help="run without showing a status; logs only")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="run with simulated terminals and HR service, then forget",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="with --demo: the same people again")
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    again = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    again.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help=_CONFIG_HELP)

    check = commands.add_parser(
        "check",
        parents=[again],
        allow_abbrev=False,
        help="validate and show the configuration",
    )
    check.set_defaults(run=_check)

    db = commands.add_parser("db", allow_abbrev=False, help="look after the database")
    verbs = db.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for verb, text in (
        ("upgrade", "bring the schema to this program's version (a server does it at start)"),
        ("version", "show the schema version of the database and of this program"),
        ("backup", "copy an SQLite database, also while a server uses it"),
        ("restore", "put a backup in the database's place; no server may be running"),
    ):
        command = verbs.add_parser(verb, parents=[again], allow_abbrev=False, help=text, description=text)
        if verb in ("backup", "restore"):
            command.add_argument("file", type=Path, metavar="FILE")
        if verb == "restore":
            command.add_argument("--force", action="store_true", help="replace a database that exists")
        command.set_defaults(run=_db, verb=verb)

    simulate = commands.add_parser("simulate", allow_abbrev=False, help="play terminals or an HR service")
    if "simulate" in arguments:
        from tm20tui.simulate.cli import configure

        configure(simulate)
    return parser


_CONFIG_HELP = "configuration file (default: ./config.toml, else /etc/tm20tui/config.toml, if there is one)"


def _serve(arguments: argparse.Namespace) -> int:
    from tm20tui.settings import load

    if arguments.seed is not None and not arguments.demo:
        raise ConfigError("--seed", arguments.seed, "goes with --demo only")
    settings = load(arguments.config)
    # A mistake in the configuration is told before a server is loaded.
    from tm20tui.cli.serve import serve

    return serve(settings, headless=arguments.headless, demo=arguments.demo, seed=arguments.seed)


def _check(arguments: argparse.Namespace) -> int:
    from tm20tui.cli.check import check
    from tm20tui.settings import load

    return check(load(arguments.config))


def _db(arguments: argparse.Namespace) -> int:
    from tm20tui.cli import db
    from tm20tui.settings import load

    settings = load(arguments.config)
    match arguments.verb:
        case "upgrade":
            return db.upgrade(settings)
        case "version":
            return db.version(settings)
        case "backup":
            return db.backup(settings, arguments.file)
        case _:
            return db.restore(settings, arguments.file, force=arguments.force)


def _complain(error: Tm20Error, code: int) -> int:
    from tm20tui.logs import one_line, redact

    print(f"tm20tui: {one_line(redact(str(error)))}", file=sys.stderr)
    return code
