"""Operations as commands of two words: the names people type for what the server says it can do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Told = dict[str, Any]
"""Something the server described: an operation, an argument."""

_NOUNS = {"attendance": "punches"}
_VERBS = {"get": "show"}
_COMMANDS = {"attendance.manual_sync": ("services", "sync"), "events.recent": ("log", "events")}
_OPTIONS = {
    "config_id": "service",
    "q": "search",
    "from_at": "from",
    "to_at": "to",
    "next": "after",
}
RESERVED = frozenset(("all", "config", "help", "json", "lang", "no-header", "plain", "socket", "wait", "yes"))
KNOWN_NOUNS = (
    "alarms",
    "audit",
    "bulk",
    "commands",
    "consoles",
    "credentials",
    "deliveries",
    "log",
    "mappings",
    "nodes",
    "punches",
    "quarantine",
    "schedules",
    "server",
    "services",
    "sites",
    "tasks",
    "terminals",
    "tokens",
    "users",
)
"""What is a command even while no server says so: then it is not reachable, rather than wrong."""
UNTIL_DONE = "until_done"
"""An argument that `--wait` gives."""
ASKED = ("status", "events")
"""Commands over the socket that are no operation."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One value on the command line: for an argument, or for a field of a record that is one.

    `path` leads into the operation's arguments; `option` is None for a positional one, of
    which only the last may be a list.
    """

    path: tuple[str, ...]
    kind: Told
    option: str | None
    is_required: bool

    @property
    def metavar(self) -> str:
        """What stands for the value in a usage line."""
        name = _short(self.path[-1]).upper().replace("-", "_")
        return "FIELD=VALUE" if self.kind["kind"] == "map" else name

    @property
    def is_terminal(self) -> bool:
        """Whether serials are taken."""
        return self.path[-1].removesuffix("s").endswith("terminal_id")

    @property
    def is_service(self) -> bool:
        """Whether names of services are taken."""
        return self.path[-1].removesuffix("s") in ("service_id", "config_id")


def commands_of(operations: Iterable[Told]) -> dict[str, dict[str, Told]]:
    """Noun to verb to operation."""
    commands: dict[str, dict[str, Told]] = {}
    # What is called so itself goes before what is renamed to it.
    for operation in sorted(operations, key=lambda told: _command(told["name"]) != _plain(told["name"])):
        noun, verb = _command(operation["name"])
        commands.setdefault(noun, {}).setdefault(verb, operation)
    return {noun: dict(sorted(commands[noun].items())) for noun in sorted(commands)}


def find_noun(word: str, nouns: Iterable[str]) -> str | None:
    """The noun that is meant, in the singular or the plural."""
    known = set(nouns)
    return next((noun for noun in (word, word + "s", word[:-1] + "ies") if noun in known), None)


def slots_of(operation: Told) -> list[Slot]:
    """What the command of an operation takes, in order."""
    found: list[Slot] = []
    for argument in operation["arguments"]:
        if argument["name"] == UNTIL_DONE:
            continue
        path = (argument["name"],)
        if argument["kind"] == "record" and not _is_position(argument):
            fields = argument.get("fields", ())
            found += [Slot((*path, field["name"]), field, "", field["required"]) for field in fields]
        else:
            found.append(Slot(path, argument, "", argument["required"]))
    lists = {slot.path for slot in found if slot.path[-1].endswith("_ids") and len(slot.path) == 1}
    # Several ids at the end of the line are as good as one.
    found = [slot for slot in found if (f"{slot.path[0]}s",) not in lists or slot.is_required]
    found.sort(key=lambda slot: slot.path in lists)
    names = [_option(slot.path[-1]) for slot in found]
    return [_named(slot, name, names.count(name) > 1) for slot, name in zip(found, names, strict=True)]


_WORDED = ("reason", "confirm", "role")
"""Required, but clearer by name: `tokens create NAME --role viewer`."""


def _named(slot: Slot, name: str, is_taken: bool) -> Slot:
    kind = slot.kind["kind"]
    if len(slot.path) == 1 and kind == "list" and slot.path[0].endswith("_ids"):
        return Slot(slot.path, slot.kind, None, slot.is_required)
    is_worded = kind in ("boolean", "record", "any", "moment") or slot.path[-1] in _WORDED
    if slot.is_required and len(slot.path) == 1 and not is_worded:
        return Slot(slot.path, slot.kind, None, True)
    if is_taken:
        name = slot.path[-1].replace("_", "-")
    if name in RESERVED:
        name = f"with-{name}"
    return Slot(slot.path, slot.kind, f"--{name}", slot.is_required)


def _command(name: str) -> tuple[str, str]:
    if name in _COMMANDS:
        return _COMMANDS[name]
    noun, verb = _plain(name)
    return _NOUNS.get(noun, noun), _VERBS.get(verb, verb)


def _plain(name: str) -> tuple[str, str]:
    noun, _, verb = name.partition(".")
    return noun.replace("_", "-"), re.sub(r"[._]", "-", verb) or "list"


def _is_position(argument: Told) -> bool:
    return argument["name"] in ("after", "before", "position", "cursor")


def _option(name: str) -> str:
    return _OPTIONS.get(name) or _short(name).replace("_", "-")


def _short(name: str) -> str:
    name = _OPTIONS.get(name, name)
    return re.sub(r"\Ais_|_ids?\Z", "", name)
