"""The registry in words that a client understands: what a command line or a menu is made from."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tm20tui.control.kinds import Kind, kind_of
from tm20tui.operations.registry import Argument, Operation, to_json

_DANGEROUS = re.compile(
    r"block|clean\w*|clear|delete|disable|discard|door|drop|erase|factory|forget|initsys|open|purge|reboot|"
    r"remove|replace|reset|revoke|stop|unlock|wipe"
)
"""Words of an operation's name that say so."""


def describe(registry: Mapping[str, Operation]) -> list[dict[str, Any]]:
    """Every operation as JSON values, by name."""
    return [_describe(registry[name]) for name in sorted(registry)]


def is_dangerous(operation: Operation) -> bool:
    """Whether a client should ask before it calls: it destroys, shuts out or opens something."""
    words = operation.name.rpartition(".")[2].split("_")
    return operation.writes and any(_DANGEROUS.fullmatch(word) for word in words)


def returns_pages(operation: Operation) -> bool:
    """Whether its result comes page after page."""
    returned = inspect.unwrap(operation.function).__annotations__.get("return", "")
    return str(returned).startswith("Async")


@lru_cache(maxsize=1000)
def kinds_of(operation: Operation) -> dict[str, Kind]:
    """What each argument may be."""
    namespace = inspect.unwrap(operation.function).__globals__
    return {argument.name: kind_of(argument.annotation, namespace) for argument in operation.arguments}


def names_terminals(name: str) -> bool:
    """Whether an argument of this name is the id of a terminal, or several: serials are taken too."""
    return name.removesuffix("s").endswith("terminal_id")


def names_services(name: str) -> bool:
    """Whether an argument of this name is the id of a service, or several: names are taken too."""
    return name.removesuffix("s") in ("service_id", "config_id")


def _describe(operation: Operation) -> dict[str, Any]:
    kinds = kinds_of(operation)
    return {
        "name": operation.name,
        "role": operation.role,
        "writes": operation.writes,
        "dangerous": is_dangerous(operation),
        "pages": returns_pages(operation),
        "summary": operation.summary,
        "help": operation.help,
        "fields": dict(operation.fields),
        "arguments": [_argument(argument, kinds[argument.name]) for argument in operation.arguments],
    }


def _argument(argument: Argument, kind: Kind) -> dict[str, Any]:
    told = {"name": argument.name, "required": argument.required, **kind.describe()}
    if argument.is_keyword:
        told["keyword"] = True
    if not argument.required:
        told["default"] = to_json(argument.default)
    return told
