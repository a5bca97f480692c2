"""Reads the configuration: overrides over environment over file over defaults."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tm20tui.errors import ConfigError
from tm20tui.places import default_config, read_toml
from tm20tui.settings.whole import ENV_PREFIX, Settings, file_values
from tm20tui.settings.wording import allowed, leaves, mask, no_such

LANGUAGE = "TM20_LANG"
"""The language of the command line: each operator's own, not the server's."""
TEST_PREFIX = "TM20_TEST_"


def load(config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the configuration: `overrides` > environment > file > defaults.

    `config` None looks for ./config.toml, then /etc/tm20tui/config.toml, and may
    find neither. `overrides` are dotted keys: ``{"terminals.port": 0}``.

    Raises:
        ConfigError: the first wrong key or value.
    """
    path = config or default_config()
    fields = dict(leaves(Settings))
    sources = dict.fromkeys(fields, "default")
    from_file: dict[str, Any] = {}
    if path is not None:
        from_file = read_toml(path)
        for key in _check_keys(from_file, fields, str(path)):
            sources[key] = str(path)
    variables = _check_environment(fields)
    sources.update(variables)
    sources.update(dict.fromkeys(overrides or {}, "command line"))
    token = file_values.set(from_file)
    try:
        settings = Settings(**_nested(overrides or {}))
    except ValidationError as error:
        raise _explain(error, fields, sources) from None
    finally:
        file_values.reset(token)
    settings._sources = sources
    return settings


def _nested(dotted: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in dotted.items():
        *sections, name = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[name] = value
    return tree


def _check_keys(
    values: Mapping[str, Any], fields: Mapping[str, FieldInfo], origin: str, prefix: str = ""
) -> Iterator[str]:
    for name, value in values.items():
        key = prefix + name
        if key in fields:
            _check_kind(key, value, fields[key], origin)
            yield key
        elif any(known.startswith(key + ".") for known in fields):
            if not isinstance(value, dict):
                raise ConfigError(key, value, f"must be a table: [{key}] (set in {origin})")
            yield from _check_keys(value, fields, origin, key + ".")
        else:
            known = [*fields, *{field.partition(".")[0] for field in fields}]
            raise ConfigError(key, _shown(key, value), no_such(key, known) + f" (set in {origin})")


def _check_environment(fields: Mapping[str, FieldInfo]) -> dict[str, str]:
    """Which variable sets which key; a variable of ours that sets none is refused."""
    names = {ENV_PREFIX + key.replace(".", "__").upper(): key for key in fields}
    found = {}
    for variable, value in os.environ.items():
        name = variable.upper()
        if not name.startswith(ENV_PREFIX) or name.startswith(TEST_PREFIX) or name == LANGUAGE:
            continue
        if any(known.startswith(name + "__") for known in names):
            raise ConfigError(variable, mask(variable, value), f"is a section: set a key of it, {name}__KEY")
        if name not in names:
            raise ConfigError(variable, mask(variable, value), no_such(name, list(names)))
        found[names[name]] = variable
    return found


def _check_kind(key: str, value: Any, field: FieldInfo, origin: str) -> None:
    """TOML has types of its own: a number in quotes or a 1 for true is a mistake to be told about."""
    kinds = _toml_kinds(field)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ConfigError(key, _shown(key, value), f"{allowed(field)} (set in {origin})")


def _toml_kinds(field: FieldInfo) -> tuple[type, ...]:
    kind = field.annotation
    if get_origin(kind) is tuple:
        return (list,)
    if get_origin(kind) is dict:
        return (dict,)
    if kind in (bool, int):
        return (kind,)  # type: ignore[return-value]
    table: dict[Any, tuple[type, ...]] = {float: (int, float), date: (date, str), time: (time, str)}
    return table.get(kind, (str,))


def _shown(key: str, value: Any) -> Any:
    return mask(key, value) if isinstance(value, str) else value


def _explain(
    error: ValidationError, fields: Mapping[str, FieldInfo], sources: Mapping[str, str]
) -> ConfigError:
    first = error.errors(include_url=False)[0]
    context = first.get("ctx", {})
    if first["type"] == "refused":
        key, value, words = context["key"], context["value"], context["allowed"]
    else:
        key = next((k for k in fields if tuple(k.split(".")) == first["loc"][: k.count(".") + 1]), "")
        key = key or ".".join(str(part) for part in first["loc"])
        value = first["input"]
        if first["type"] == "value_error":
            words = str(context["error"])
        else:
            words = allowed(fields[key]) if key in fields else "no such setting"
    source = sources.get(key, "default")
    origin = "" if source == "default" else f" (set in {source})"
    return ConfigError(key, _shown(key, value), words + origin)
