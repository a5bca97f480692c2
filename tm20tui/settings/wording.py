"""Settings in words: what a field accepts, what is in force, nothing secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import date, time
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tm20tui.settings.whole import Settings


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """Key, value in force and source of every setting, secrets masked."""
    in_force = {
        "state_directory": settings.resolved_state_directory,
        "database.url": settings.resolved_database_url,
        "site.timezone": settings.resolved_timezone,
        "control.path": settings.control_path,
    }
    rows = []
    for key, _ in leaves(Settings):
        value: Any = settings
        for part in key.split("."):
            value = getattr(value, part)
        source = settings._sources.get(key, "default")
        if value is None and key in in_force:
            value, source = in_force[key], "automatic"
        rows.append((key, show(key, value), source))
    return rows


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every dotted key of the configuration with its field, in the order of `config.toml`."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def show(key: str, value: Any) -> str:
    """A value as text for people, secrets masked."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(show(key, item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {item}" for name, item in value.items()) + "}"
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else mask(key, str(value))


def mask(key: str, text: str) -> str:
    """`text` without passwords; nothing of it when the key's name says that it is a secret."""
    if re.search(r"(?i)password|passwd|secret|token|api_?key|webhook", key):
        return "***"
    text = re.sub(r"(?i)([?&][^=&\s]*(?:pass|secret|token|key)[^=&\s]*=)[^&\s]*", r"\1***", text)
    return re.sub(r"(?<=://)([^/\s:@]*):.*@", r"\1:***@", text)


def allowed(field: FieldInfo) -> str:
    """What a field accepts, in plain words."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return "must be one of " + ", ".join(f'"{choice}"' for choice in get_args(kind))
    if kind is bool:
        return "must be true or false"
    if kind is date:
        return "must be a date YYYY-MM-DD"
    if kind in (int, float):
        return f"must be a {'whole ' if kind is int else ''}number{_limits(field)}"
    if get_origin(kind) is dict:
        return f"must be a table: {field.description}"
    if get_origin(kind) is tuple:
        return f"must be a list: {field.description}"
    return f"must be a text: {field.description}"


def _limits(field: FieldInfo) -> str:
    bounds = {
        name: getattr(item, name)
        for item in field.metadata
        for name in ("gt", "ge", "le")
        if hasattr(item, name)
    }
    low = f" above {bounds['gt']:g}" if "gt" in bounds else f" from {bounds['ge']}"
    return f"{low}{' and' if 'gt' in bounds else ''}{' up' if 'gt' in bounds else ''} to {bounds['le']}"


def no_such(name: str, known: Iterable[str]) -> str:
    """That `name` is no setting, and which of the `known` it may have meant."""
    # What all have in common says nothing of what was meant.
    bare = {one.removeprefix("TM20_"): one for one in known}
    close = difflib.get_close_matches(name.removeprefix("TM20_"), list(bare), n=1, cutoff=0.6)
    return f"no such setting; did you mean {bare[close[0]]}?" if close else "no such setting"
