"""What an argument may be: annotations become kinds, which describe themselves and check values.

Numbers, truth and moments are also taken as text, since a command line has nothing else.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tm20tui.errors import InvalidInput

KindName = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "moment",
    "date",
    "time",
    "choice",
    "list",
    "map",
    "record",
    "any",
    "unknown",
]

_LISTS = (list, tuple, set, frozenset, Sequence, Collection, Iterable, AbstractSet)
_WORDS: dict[KindName, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "moment": "a time with its offset, such as 2026-11-22T08:00:00+01:00",
    "date": "a date YYYY-MM-DD",
    "time": "a time of day HH:MM",
    "list": "a list",
    "map": "an object",
    "record": "an object",
}
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type as JSON knows it. `item` is that of a list; `build` makes the list or the record."""

    name: KindName
    is_optional: bool = False
    choices: tuple[Any, ...] = ()
    item: Kind | None = None
    members: tuple[Member, ...] = ()
    build: Callable[..., Any] = list

    def describe(self) -> dict[str, Any]:
        """The kind as JSON values."""
        told: dict[str, Any] = {"kind": self.name}
        if self.is_optional:
            told["optional"] = True
        if self.choices:
            told["choices"] = list(self.choices)
        if self.item is not None:
            told["item"] = self.item.describe()
        if self.members:
            told["fields"] = [member.describe() for member in self.members]
        return told


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a record."""

    name: str
    kind: Kind
    is_required: bool

    def describe(self) -> dict[str, Any]:
        """The field as JSON values."""
        return {"name": self.name, "required": self.is_required, **self.kind.describe()}


def kind_of(annotation: Any, namespace: Mapping[str, Any]) -> Kind:
    """The kind of an annotation; one that is still text is looked up in `namespace`."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, dict(namespace))  # our own source, not input
        except Exception:  # noqa: BLE001 - a name that only a type checker imports
            return Kind("unknown")
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _union([kind_of(part, namespace) for part in get_args(annotation)])
    if origin is Literal:
        return Kind("choice", choices=get_args(annotation))
    plain = origin or annotation
    if plain in _LISTS:
        inner = [part for part in get_args(annotation) if part is not ...]
        build = plain if plain in (list, tuple, set, frozenset) else list
        return Kind("list", item=kind_of(inner[0], namespace) if inner else Kind("any"), build=build)
    if plain in (dict, Mapping):
        return Kind("map")
    if isinstance(plain, type) and is_dataclass(plain):
        return _record(plain)
    names: dict[Any, KindName] = {
        str: "text",
        int: "integer",
        float: "number",
        bool: "boolean",
        datetime: "moment",
        date: "date",
        time: "time",
        Any: "any",
        object: "any",
    }
    return Kind(names[plain]) if plain in names else Kind("unknown", is_optional=plain is type(None))


def coerce(kind: Kind, value: Any, name: str) -> Any:
    """`value` as the kind wants it; `InvalidInput` with `name` as its field when it cannot be."""
    if value is None:
        if kind.is_optional or kind.name == "any":
            return None
        raise _wrong(kind, name)
    if kind.name == "unknown":
        raise InvalidInput(f"{name} cannot be given through the control socket", field=name)
    if kind.name == "record":
        return _build(kind, value, name)
    if kind.name == "list":
        if not isinstance(value, list):
            raise _wrong(kind, name)
        assert kind.item is not None
        return kind.build(coerce(kind.item, item, name) for item in value)
    try:
        return _READERS[kind.name](kind, value)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise _wrong(kind, name) from None


def _union(kinds: list[Kind]) -> Kind:
    real = [kind for kind in kinds if not (kind.name == "unknown" and kind.is_optional)]
    is_optional = len(real) < len(kinds) or any(kind.is_optional for kind in real)
    # Of several kinds the most telling: a text can be anything.
    best = next((kind for kind in real if kind.name != "text"), real[0])
    return Kind(best.name, is_optional, best.choices, best.item, best.members, best.build)


def _record(plain: type) -> Kind:
    try:
        hints = get_type_hints(plain)
    except NameError:
        hints = {}
    members = tuple(
        Member(
            field.name,
            kind_of(hints.get(field.name, field.type), {}),
            field.default is MISSING and field.default_factory is MISSING,
        )
        for field in fields(plain)
        if field.init
    )
    return Kind("record", members=members, build=plain)


def _build(kind: Kind, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(kind, name)
    known = {member.name: member for member in kind.members}
    for given in value:
        if given not in known:
            raise InvalidInput(f"{name} has no {given}: known are {', '.join(known)}", field=str(given))
    for member in kind.members:
        if member.is_required and member.name not in value:
            raise InvalidInput(f"{member.name} is required", field=member.name)
    return kind.build(**{given: coerce(known[given].kind, item, given) for given, item in value.items()})


def _wrong(kind: Kind, name: str) -> InvalidInput:
    if kind.name == "choice":
        words = "one of " + ", ".join(str(choice) for choice in kind.choices)
    else:
        words = _WORDS.get(kind.name, "given")
    return InvalidInput(f"{name} must be {words}", field=name)


def _text(_: Kind, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(_: Kind, value: Any) -> int:
    if isinstance(value, str) and value.isascii() and not value.startswith("+"):
        value = int(value) if "_" not in value else None
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _number(_: Kind, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _boolean(_: Kind, value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUE[_text(_, value).lower()]


def _moment(_: Kind, value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)


def _map(_: Kind, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _choice(kind: Kind, value: Any) -> Any:
    if not isinstance(value, (str, int)):
        raise TypeError
    return {str(choice): choice for choice in kind.choices}[str(value)]


_READERS: dict[KindName, Callable[[Kind, Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "moment": _moment,
    "date": lambda _, value: date.fromisoformat(value),
    "time": lambda _, value: time.fromisoformat(value),
    "choice": _choice,
    "map": _map,
    "any": lambda _, value: value,
}
