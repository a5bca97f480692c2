"""What pydantic found wrong, in this program's words: its own never reach a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "bool": "must be true or false",
    "date": "must be a date YYYY-MM-DD",
    "datetime": "must be a time with its zone, such as 2025-12-30T00:00:00Z",
    "decimal": "must be a number",
    "dict": "must be an object",
    "extra_forbidden": "is not known here",
    "finite_number": "must be a finite number",
    "float": "must be a number",
    "frozen_set": "must be a list",
    "int": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a number of at most 18 digits",
    "is_instance_of": "must be of another type",
    "list": "must be a list",
    "mapping": "must be an object",
    "missing": "is required",
    "model": "must be an object",
    "model_attributes": "must be an object",
    "none_required": "must be null",
    "set": "must be a list",
    "string": "must be a text",
    "string_unicode": "must be text in UTF-8",
    "time": "must be a time of day HH:MM",
    "time_delta": "must be a duration in seconds",
    "timezone_aware": "must be a time with its zone, such as 2025-12-30T00:00:00Z",
    "too_deep": "is nested too deeply",
    "tuple": "must be a list",
    "url": "must be a URL",
    "uuid": "must be a UUID",
}
_ENDINGS = (
    "_type",
    "_parsing",
    "_strict",
    "_object_invalid",
    "_from_date_parsing",
    "_from_datetime_inexact",
    "_from_datetime_parsing",
)
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be {} or more"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be {} or less"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "too_long": ("max_length", "must have at most {} entries"),
    "too_short": ("min_length", "must have at least {} entries"),
    "string_too_long": ("max_length", "must have at most {} characters"),
    "string_too_short": ("min_length", "must have at least {} characters"),
    "literal_error": ("expected", "must be one of {}"),
    "enum": ("expected", "must be one of {}"),
}


def words_of(error: Mapping[str, Any]) -> str:
    """What must be true of a value, to follow the name of its field: `must be a whole number`.

    `error` is one of pydantic's `errors()`. What a validator of ours said goes through.
    """
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"must look like {context['pattern']}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(_listed(context[name]))
    names = (kind.removesuffix(ending) for ending in ("", *_ENDINGS) if kind.endswith(ending))
    return next((_SENTENCES[name] for name in names if name in _SENTENCES), "is not valid")


def place_of(error: Mapping[str, Any]) -> str:
    """Where in a field it is wrong, such as ` (entry 2)`, counted from 1; empty for the field itself."""
    inner = error["loc"][1:]
    parts = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in inner]
    return f" ({', '.join(parts)})" if parts else ""


def _listed(value: object) -> str:
    """Choices as pydantic writes them, `'a', 'b' or 'c'`, as a plain list; numbers as they are."""
    if isinstance(value, str):
        return value.replace(" or ", ", ").replace("'", "")
    return f"{value:g}" if isinstance(value, float) else str(value)
