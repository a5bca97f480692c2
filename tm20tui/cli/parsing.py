"""The parser of one noun's commands, made from what the server described."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tm20tui.cli.nouns import Slot, Told, slots_of
from tm20tui.cli.values import WrongUsage
from tm20tui.locale import N_, _

LOCAL = ("attach", "check", "completion", "db", "simulate")
"""Commands that are not made from what a server says it can do."""
_COMMON = ("--config", "--socket", "--lang")
_EXCEPTION = re.compile(
    r"[;:,]? ?`[A-Z]\w+` when .*\Z| Raises as .*\Z|[;.] [Ww]aits up to `wait_seconds`\.?\Z"
)
_SPEAKING = {
    "moment": N_("a time: 2026-11-22, 2026-11-22T08:00, today, yesterday, 2h (ago)"),
    "map": N_("a field and its value; @PATH is the text of a file"),
    "list": N_("several, separated by commas"),
    "record": N_("as JSON"),
}


@dataclass(frozen=True, slots=True)
class Common:
    """What is known before a server is asked."""

    config: Path | None = None
    socket: Path | None = None
    lang: str | None = None


def split_common(arguments: Sequence[str]) -> tuple[Common, list[str]]:
    """`--config`, `--socket` and `--lang` from anywhere on the line, and the rest of it.

    Raises:
        WrongUsage: one of them has no value.
    """
    found: dict[str, str] = {}
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
            break
        name, equals, value = word.partition("=")
        if name not in _COMMON:
            rest.append(word)
        else:
            value = value if equals else next(words, "")
            if not value or (not equals and value.startswith("-")):
                raise WrongUsage(_("{option} needs a value").format(option=name))
            found[name] = value
    config, socket = (Path(found[name]) if name in found else None for name in ("--config", "--socket"))
    return Common(config, socket, found.get("--lang")), rest


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options of every command that asks a server."""
    group = parser.add_argument_group(_("everywhere"))
    group.add_argument("--json", action="store_true", help=_("print the result as JSON"))
    group.add_argument(
        "--plain", action="store_true", help=_("print tab-separated lines, as without a terminal")
    )
    group.add_argument("--no-header", action="store_true", help=_("leave the titles of a table out"))
    group.add_argument("--yes", "-y", action="store_true", help=_("do not ask before something dangerous"))
    group.add_argument("--socket", metavar=_("PATH"), help=_("control socket of the server to ask"))
    group.add_argument(
        "--config", metavar=_("PATH"), help=_("configuration file that names the control socket")
    )
    group.add_argument("--lang", metavar="en|fr", help=_("language of this command"))


def build_parser(
    noun: str, word: str, verbs: Mapping[str, Told], events: Sequence[str]
) -> argparse.ArgumentParser:
    """The parser for a line that begins with `word`, which means `noun`."""
    parser = argparse.ArgumentParser(prog="tm20tui", allow_abbrev=False, add_help=False)
    commands = parser.add_subparsers(metavar=noun, required=True)
    if noun == "status":
        text = _("Show the server at a glance.")
        status = commands.add_parser(word, description=text, allow_abbrev=False)
        status.set_defaults(command="status")
        add_common(status)
        return parser
    if noun == "events":
        text = _("Show what happens on the server from now on.")
        follow = commands.add_parser(word, description=text, allow_abbrev=False)
        follow.add_argument(
            "--follow", "-f", action="store_true", help=_("go on until interrupted (it always does)")
        )
        follow.add_argument(
            "--kind", action="append", choices=events, metavar=_("KIND"), help=", ".join(events)
        )
        follow.add_argument("--count", type=_positive, metavar="N", help=_("end after so many events"))
        follow.set_defaults(command="events")
        add_common(follow)
        return parser
    of_noun = commands.add_parser(word, allow_abbrev=False)
    choices = of_noun.add_subparsers(title=_("commands"), metavar=_("COMMAND"), required=True)
    for verb, operation in verbs.items():
        _add_verb(choices, verb, operation)
    return parser


def with_verb(words: Sequence[str], verbs: Mapping[str, Told]) -> list[str]:
    """`tm20tui --json audit --limit 5` is `tm20tui audit list --json --limit 5`."""
    at = next(index for index, word in enumerate(words) if not word.startswith("-"))
    rest = list(words[at + 1 :])
    is_missing = not rest or (rest[0].startswith("-") and rest[0] not in ("-h", "--help"))
    if "list" in verbs and is_missing:
        rest.insert(0, "list")
    verb = rest[:1] if verbs else []
    return [words[at], *verb, *words[:at], *rest[len(verb) :]]


def summary_of(operation: Told) -> str:
    """One line for people, without what only callers in Python need."""
    text: str = _EXCEPTION.sub("", operation["summary"]).rstrip()
    return _(text if not text or text.endswith(".") else text + ".")


def _add_verb(choices: Any, verb: str, operation: Told) -> None:
    summary = summary_of(operation)
    roles = {"viewer": _("viewer"), "operator": _("operator"), "admin": _("admin")}
    role = _("Needs the role {role}.").format(role=roles[operation["role"]])
    parser = choices.add_parser(
        verb,
        help=_escaped(summary),
        description=_escaped(f"{summary} {role}"),
        epilog=_escaped(_fields_of(operation)) or None,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    slots = slots_of(operation)
    for index, slot in enumerate(slots):
        _add_slot(parser, slot, f"value{index}")
    if any(slot.path[-1].startswith(("after", "before")) for slot in slots):
        words = _("every page, not only the first; with --json one array of all")
        parser.add_argument("--all", action="store_true", help=words)
    parser.add_argument("--wait", action="store_true", help=_("wait for the background work that it starts"))
    add_common(parser)
    parser.set_defaults(command="call", operation=operation, slots=slots)


def _add_slot(parser: argparse.ArgumentParser, slot: Slot, dest: str) -> None:
    kind = slot.kind["kind"]
    keywords: dict[str, Any] = {"metavar": slot.metavar, "help": _escaped(_help(slot))}
    if kind == "choice":
        keywords["choices"] = [str(choice) for choice in slot.kind["choices"]]
    if slot.option is None:
        several = {"map": "*", "list": "+" if slot.is_required else "*"}
        if kind in several:
            keywords["nargs"] = several[kind]
        parser.add_argument(dest, **keywords)
        return
    # What confirms something dangerous may still be asked for.
    keywords.update(dest=dest, required=slot.is_required and slot.path[-1] != "confirm", default=None)
    if kind == "boolean":
        del keywords["metavar"]
        if slot.kind.get("default") is False and not slot.kind.get("optional"):
            keywords.update(action="store_const", const=True)
        else:
            keywords["action"] = argparse.BooleanOptionalAction
    elif kind in ("list", "map"):
        keywords["action"] = "append"
    parser.add_argument(slot.option, **keywords)


def _help(slot: Slot) -> str:
    kind, default = slot.kind["kind"], slot.kind.get("default")
    words = []
    if slot.is_terminal:
        words.append(_("serial or id"))
    elif slot.is_service:
        words.append(_("name or id"))
    elif kind in _SPEAKING:
        words.append(_(_SPEAKING[kind]))
    elif kind == "choice":
        words.append(", ".join(str(choice) for choice in slot.kind["choices"]))
    if default not in (None, "", False, [], True) and slot.option:
        words.append(_("default: {value}").format(value=default))
    return "; ".join(words)


class _Formatter(argparse.HelpFormatter):
    """Keeps the lines of a text that has several."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def _fields_of(operation: Told) -> str:
    """The names that FIELD may be, a line for each."""
    fields: dict[str, str] = operation.get("fields") or {}
    widest = max(map(len, fields), default=0)
    lines = [f"  {name:{widest}}  {_(text)}" for name, text in fields.items()]
    return "\n".join([_("fields:"), *lines]) if lines else ""


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(_("must be 1 or more"))
    return number


def _escaped(text: str) -> str:
    return text.replace("%", "%%")
