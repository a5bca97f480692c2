"""`tm20tui NOUN VERB`: asks a running server over its control socket.

What there is to ask comes from the server itself, so that this knows every operation of
it. When no server answers, help is what the last one said.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tm20tui.cli import nouns, parsing
from tm20tui.cli.asking import run_command
from tm20tui.cli.values import WrongUsage
from tm20tui.control.client import Client, Lost, NotReachable, Refused
from tm20tui.errors import ConfigError, InvalidInput
from tm20tui.locale import _, choose, install, sentence
from tm20tui.places import find_control_socket

FAILED = 1
USAGE = 2
NOT_REACHABLE = 3


def remote(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0 ok, 1 refused or failed, 2 usage, 3 not reachable."""
    try:
        where, words = parsing.split_common(arguments)
    except WrongUsage as error:
        return complain(str(error), USAGE)
    install(choose(where.lang))
    word = next((word for word in words if not word.startswith("-")), "")
    try:
        path = where.socket or find_control_socket(where.config)
        try:
            client = Client(path)
        except NotReachable as error:
            return _without_server(error, word, words)
        with client:
            described = client.ask("describe")
            _remember(described)
            return run_command(client, _parse(described, word, words))
    except WrongUsage as error:
        return complain(str(error), USAGE)
    except ConfigError as error:
        return complain(str(error), USAGE)
    except Lost as error:
        # Who follows has asked for nothing that may be half done: the server is not there, that is all.
        return complain(str(error), NOT_REACHABLE if word == "events" else FAILED)
    except Refused as error:
        return complain(str(error), USAGE if error.kind == InvalidInput.code else FAILED)


def complain(text: str, code: int) -> int:
    """One line on standard error."""
    from tm20tui.logs import one_line

    print(f"tm20tui: {one_line(sentence(text))}", file=sys.stderr)
    return code


def describe_or_recall(where: parsing.Common) -> tuple[dict[str, Any], Client | None]:
    """What the server can do, with a connection to it; what the last one could when none answers."""
    try:
        client = Client(where.socket or find_control_socket(where.config), seconds=1.0)
        client.set_patience(2.0)
        return client.ask("describe"), client
    except (NotReachable, Refused, Lost, ConfigError):
        return recall() or {"operations": [], "events": []}, None


def recall() -> dict[str, Any] | None:
    """What the last server said that it can do."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(_memory().read_text(encoding="utf-8"))
        if isinstance(found, dict) and isinstance(found.get("operations"), list):
            return found
    return None


def _parse(described: dict[str, Any], word: str, words: Sequence[str]) -> argparse.Namespace:
    commands = nouns.commands_of(described["operations"])
    noun = word if word in nouns.ASKED else nouns.find_noun(word, commands)
    if noun is None:
        known = ", ".join(sorted((*commands, *nouns.ASKED, *parsing.LOCAL)))
        raise WrongUsage(_("no such command: {word} (there are {known})").format(word=word, known=known))
    verbs = commands.get(noun, {})
    parser = parsing.build_parser(noun, word, verbs, described.get("events", []))
    return parser.parse_args(parsing.with_verb(words, verbs))


def _without_server(error: NotReachable, word: str, words: Sequence[str]) -> int:
    said = _("no server answers at {path} ({reason})").format(path=error.path, reason=_(error.reason))
    recalled = recall()
    known = {*nouns.KNOWN_NOUNS, *nouns.ASKED}
    if recalled is not None:
        known.update(nouns.commands_of(recalled["operations"]))
    if word not in nouns.ASKED and nouns.find_noun(word, known) is None:
        return complain(
            _("no such command: {word} (there are {known})").format(
                word=word, known=", ".join(sorted((*known, *parsing.LOCAL)))
            ),
            USAGE,
        )
    if recalled is not None and ("--help" in words or "-h" in words):
        with contextlib.suppress(SystemExit, WrongUsage):
            _parse(recalled, word, words)
    return complain(said, NOT_REACHABLE)


def _memory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return folder / "tm20tui" / "operations.json"


def _remember(described: dict[str, Any]) -> None:
    """Keep what the server can do for the time when it does not answer."""
    text = json.dumps(described)
    with contextlib.suppress(OSError, UnicodeDecodeError, RuntimeError):
        path = _memory()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".operations.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
