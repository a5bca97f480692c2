"""The command `tm20tui`: its arguments, its exit codes, and one line for every expected error.

Each command imports what it needs when it runs, so that `--version` and `--help`
answer at once and a headless server never loads what only a console needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tm20tui import __version__
from tm20tui.errors import AlreadyRunning, ConfigError, Tm20Error
from tm20tui.locale import N_, _, choose, install, ngettext, sentence

FAILED = 1
USAGE = 2
ALREADY_RUNNING = 3
INTERRUPTED = 130
LOCAL = ("attach", "check", "completion", "db", "simulate", "systemd", "__complete")
"""Commands that are not made from what a running server says it can do."""
_DEMO_OPTIONS = (
    ("seed", int, N_("with --demo: the same people again")),
    ("terminals", int, N_("with --demo: how many terminals, 3 to 2000 (15)")),
    ("rate", float, N_("with --demo: punches a second, 0 to 1000 (1)")),
    ("punches", int, N_("with --demo: how many past punches, 0 to 200000 (2000)")),
)
_DEMO_LIMITS = {"terminals": (3, 2000), "rate": (0, 1000), "punches": (0, 200_000)}
_WITH_VALUE = ("--config", "--lang", "--socket", *(f"--{name}" for name, _kind, _text in _DEMO_OPTIONS))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 1 refused or failed, 2 wrong usage or configuration, 3 no server answers,
    or one has the port or the database already, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    lang, word = _look_ahead(arguments)
    install(choose(lang))
    _translate_argparse()
    try:
        if word and word not in LOCAL:
            # Asked of a running server, which knows what there is.
            from tm20tui.cli.remote import remote

            return remote(arguments)
        if word == "__complete":
            from tm20tui.cli.completion import complete

            return complete(arguments[arguments.index(word) + 1 :])
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
        description=_("The server that TM20 attendance terminals dial. Without a command: run it."),
        epilog=_(
            "Every other command asks the running server: tm20tui status, tm20tui terminals list. "
            "Exit codes: 0 done, 1 refused or failed, 2 wrong usage or configuration, 3 no server answers, "
            "or another one has the port or the database."
        ),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"tm20tui {__version__}", help=_("show the version and end")
    )
    parser.add_argument("--config", type=Path, metavar="PATH", help=_(_CONFIG_HELP))
    parser.add_argument("--lang", metavar="en|fr", help=_("language of this command"))
    parser.add_argument(
        "--headless", action="store_true", help=_("run without a console on this terminal; logs only")
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help=_("run with simulated terminals and HR service, then forget"),
    )
    for name, kind, text in _DEMO_OPTIONS:
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=_(text))
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title=_("commands"), metavar=_("COMMAND"))
    again = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    again.add_argument("--config", type=Path, metavar="PATH", default=argparse.SUPPRESS, help=_(_CONFIG_HELP))
    again.add_argument(
        "--lang", metavar="en|fr", default=argparse.SUPPRESS, help=_("language of this command")
    )

    attach = commands.add_parser(
        "attach",
        parents=[again],
        allow_abbrev=False,
        help=_("show the console of the running server on this terminal"),
    )
    if "attach" in arguments:
        from tm20tui.cli.attach import add_options

        add_options(attach)
    attach.set_defaults(run=_attach)

    check = commands.add_parser(
        "check",
        parents=[again],
        allow_abbrev=False,
        help=_("validate and show the configuration"),
    )
    check.set_defaults(run=_check)

    db = commands.add_parser("db", allow_abbrev=False, help=_("look after the database"))
    verbs = db.add_subparsers(title=_("commands"), metavar=_("COMMAND"), required=True)
    for verb, text in (
        ("upgrade", N_("bring the schema to this program's version (a server does it at start)")),
        ("version", N_("show the schema version of the database and of this program")),
        ("backup", N_("copy an SQLite database, also while a server uses it")),
        ("restore", N_("put a backup in the database's place; no server may be running")),
    ):
        command = verbs.add_parser(
            verb, parents=[again], allow_abbrev=False, help=_(text), description=_(text)
        )
        if verb in ("backup", "restore"):
            command.add_argument("file", type=Path, metavar=_("FILE"))
        if verb == "restore":
            command.add_argument("--force", action="store_true", help=_("replace a database that exists"))
        command.set_defaults(run=_db, verb=verb)

    completion = commands.add_parser(
        "completion", allow_abbrev=False, help=_("print a script that completes commands in a shell")
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))
    completion.set_defaults(run=_completion)

    systemd = commands.add_parser(
        "systemd", allow_abbrev=False, help=_("print the unit, or the configuration, to run under systemd")
    )
    systemd.add_argument("file", choices=("service", "config"))
    systemd.set_defaults(run=_systemd)

    simulate = commands.add_parser("simulate", allow_abbrev=False, help=_("play terminals or an HR service"))
    if "simulate" in arguments:
        from tm20tui.simulate.cli import configure

        configure(simulate)
    return parser


_CONFIG_HELP = N_(
    "configuration file (default: ./config.toml, else /etc/tm20tui/config.toml, if there is one)"
)


def _translate_argparse() -> None:
    """argparse asks `gettext`, which knows nothing of our catalogue."""
    argparse._ = _  # type: ignore[attr-defined]
    argparse.ngettext = ngettext  # type: ignore[attr-defined]


def _serve(arguments: argparse.Namespace) -> int:
    from tm20tui.settings import load

    given = {name: getattr(arguments, name) for name, _kind, _text in _DEMO_OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if given and not arguments.demo:
        name, value = next(iter(given.items()))
        raise ConfigError(f"--{name}", value, "goes with --demo only")
    for name, (least, most) in _DEMO_LIMITS.items():
        if name in given and not least <= given[name] <= most:
            raise ConfigError(f"--{name}", given[name], f"must be {least} to {most}")
    settings = load(arguments.config)
    # A mistake in the configuration is told before a server is loaded.
    from tm20tui.cli.serve import serve

    demo = None
    if arguments.demo:
        from tm20tui.cli.demo import DemoOptions

        demo = DemoOptions(**given)
    try:
        return serve(
            settings,
            headless=arguments.headless,
            demo=demo,
            language=arguments.lang,
            reread=partial(load, arguments.config),
        )
    except AlreadyRunning as error:
        from tm20tui.cli.attach import offer

        if arguments.headless or not offer(error, settings.control_path):
            raise
        return _attach(build_parser(["attach"]).parse_args(_to_attach(arguments, settings.control_path)))


def _to_attach(arguments: argparse.Namespace, path: Path) -> list[str]:
    language = ["--lang", arguments.lang] if arguments.lang else []
    return ["attach", "--socket", str(path), *language]


def _attach(arguments: argparse.Namespace) -> int:
    from tm20tui.cli.attach import attach

    return attach(arguments)


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


def _completion(arguments: argparse.Namespace) -> int:
    from tm20tui.cli.completion import script

    print(script(arguments.shell), end="")
    return 0


def _systemd(arguments: argparse.Namespace) -> int:
    from tm20tui.cli.systemd import show

    return show(arguments.file)


def _look_ahead(arguments: Sequence[str]) -> tuple[str | None, str]:
    """The language that is asked for and the command, both before there is a parser."""
    lang, word = None, ""
    words = iter(arguments)
    for argument in words:
        name, equals, value = argument.partition("=")
        if name in _WITH_VALUE:
            value = value if equals else next(words, "")
            lang = value if name == "--lang" else lang
        elif not argument.startswith("-") and not word:
            word = argument
    return lang, word


def _complain(error: Tm20Error, code: int) -> int:
    from tm20tui.logs import one_line, redact

    print(f"tm20tui: {one_line(redact(sentence(str(error))))}", file=sys.stderr)
    return code
