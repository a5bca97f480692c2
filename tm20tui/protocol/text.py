"""Read the JSON that terminals really send, and write the JSON they accept.

Everything that enters the server passes `read_object` first; nothing but
`FrameError` leaves it. Values stay untyped here: the modules above pick what
they know with the `as_*` readers, which never raise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from tm20tui.errors import FrameError

Fields: TypeAlias = dict[str, object]
Echo: TypeAlias = int | float | str | None
"""A member that is answered exactly as it came, whatever a firmware wrote there."""

INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1

# No genuine frame comes near; a hostile one of 4 MiB could ask for a million empty objects.
MAX_CONTAINERS: Final = 200_000
_MAX_INT_DIGITS: Final = 400

_AROUND: Final = " \t\r\n\0\ufeff"
_BOM: Final = b"\xef\xbb\xbf"
_UNSTORABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_SURROGATE_OR_NUL: Final = re.compile("[\x00\ud800-\udfff]")
# Strings are matched so that they can be kept; an unterminated one runs to the end, which keeps this linear.
_STRING_OR_DANGLING_COMMA: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|,(?=\s*[\]}])', re.DOTALL)
_INTEGER: Final = re.compile(r"([+-]?[0-9]{1,40})(?:\.0{1,20})?")
_DIGITS: Final = re.compile(r"0*([0-9]{1,30})(?:\.0{1,20})?")


def read_object(data: str | bytes) -> Fields:
    """Return the members of the JSON object in `data`, names trimmed, the last of equal names winning.

    Repaired on the way: byte order mark, NUL padding, bytes in GBK, control
    characters inside strings, a comma before a closing bracket, NaN and
    Infinity (read as null), integers of any length. Raises `FrameError` for
    everything else.
    """
    text = data if isinstance(data, str) else decode_bytes(data)
    if text[:1] != "{":
        text = text.strip(_AROUND)
        if not text:
            raise FrameError("the text is empty")
    if len(text) > MAX_CONTAINERS and text.count("{") + text.count("[") > MAX_CONTAINERS:
        raise FrameError(f"more than {MAX_CONTAINERS} objects and lists in one text", excerpt_of(text))
    try:
        value = _parse(text)
        if type(value) is dict and has_padded_name(value):
            value = _parse(text, _TRIMMING)
    except RecursionError:
        raise FrameError("the JSON is nested too deeply", excerpt_of(text)) from None
    if not isinstance(value, dict):
        raise FrameError(f"the JSON is {_kind(value)}, not an object", excerpt_of(text))
    return value


def decode_bytes(data: bytes) -> str:
    """Return `data` as text: UTF-8, else GBK, else UTF-8 with the damage marked."""
    data = bytes(data)
    if data.startswith(_BOM):
        data = data[3:]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    repaired = data.decode("utf-8", "replace")
    damaged = repaired.count("\ufffd")
    intact = len(repaired) - damaged - sum(map(repaired.count, _ASCII))
    # A UTF-8 name cut in the middle of a character leaves most others intact; GBK leaves next to none.
    if intact > damaged:
        return repaired
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError:
        return repaired


def parse_piece(text: str) -> tuple[object, int]:
    """Return the JSON value at the start of `text` and where it ends; raises ValueError or RecursionError."""
    try:
        return _PLAIN.raw_decode(text)
    except ValueError:
        return _LONG_INTS.raw_decode(text)


def without_dangling_commas(text: str) -> str:
    """Return `text` without the commas that stand before a closing bracket, strings untouched."""
    return _STRING_OR_DANGLING_COMMA.sub(_keep_string, text)


def has_padded_name(fields: Mapping[str, object]) -> bool:
    """Return whether any name has blanks around it."""
    return any(name != name.strip(_AROUND) for name in fields)


def trimmed_names(fields: Fields) -> Fields:
    """Return `fields` itself when every name is trimmed, else a copy with trimmed names."""
    if has_padded_name(fields):
        return _trim_pairs(list(fields.items()))
    return fields


def dump(value: object) -> str:
    """Return compact JSON, non-ASCII kept; raises ValueError for what JSON cannot carry."""
    try:
        return _encode(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def excerpt_of(text: str, limit: int = 200) -> str:
    """Return the start of `text`, fit for a log line."""
    return clean_text(text[:limit], limit)


def clean_text(text: str, limit: int) -> str:
    """Return `text` trimmed, without control characters, at most `limit` characters, encodable as UTF-8."""
    if not (text.isascii() and text.isprintable()):
        text = _UNSTORABLE.sub(_replace_unstorable, text)
    return text.strip()[:limit].rstrip()


def storable(text: str) -> str:
    """Return `text` verbatim except for what no database takes: NUL and lone surrogates become U+FFFD."""
    return text if text.isascii() and "\0" not in text else _SURROGATE_OR_NUL.sub("\ufffd", text)


def as_int(value: object, low: int = INT32_MIN, high: int = INT32_MAX) -> int | None:
    """Return an integer from a number, a bool or a numeric string; None if it is none or out of range."""
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    elif isinstance(value, str) and len(value) <= 100 and (match := _INTEGER.fullmatch(value.strip())):
        number = int(match[1])
    else:
        return None
    return number if low <= number <= high else None


def as_enrollid(value: object) -> str | None:
    """Return an enrollment id as decimal text without leading zeros (1 to 30 digits), or None."""
    if type(value) is int:
        return str(value) if 0 <= value < 10**30 else None
    if isinstance(value, float):
        return str(int(value)) if 0 <= value < 1e30 and value.is_integer() else None
    if isinstance(value, str) and len(value) <= 100 and (match := _DIGITS.fullmatch(value.strip())):
        return match[1].lstrip("0") or "0"
    return None


def as_flag(value: object) -> bool | None:
    """Return a bool from true, 0/1 and their usual spellings, else None."""
    if isinstance(value, str):
        return _FLAGS.get(value[:20].strip().lower())
    if isinstance(value, int | float):
        return False if value == 0 else True if value == 1 else None
    return None


def as_text(value: object, limit: int) -> str | None:
    """Return a string or number as clean text; None when absent, empty or anything else."""
    if isinstance(value, str):
        return clean_text(value, limit) or None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value)[:limit] if value.bit_length() <= 4 * _MAX_INT_DIGITS else None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e18 else repr(value)
    return None


def shown_json(value: object, limit: int) -> str:
    """Return JSON text of `value` for people, at most `limit` characters, bulk and secrets cut."""
    text = storable(dump(shrunk(value)))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shrunk(value: object, *, text_limit: int = 300, items: int = 200, depth: int = 6) -> Any:
    """Return a bounded copy of a JSON value that never carries a template, an image or a password."""
    budget = [items]
    return _shrink(value, text_limit, budget, depth)


_ASCII: Final = [chr(code) for code in range(128)]
_FLAGS: Final = {"true": True, "1": True, "ok": True, "false": False, "0": False}
_BULKY: Final = frozenset({"image", "record", "photo", "template"})
_SECRET: Final = frozenset({"pwd", "password", "passwd", "pin"})
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_encode: Final = _ENCODER.encode


def _parse(text: str, decoder: json.JSONDecoder | None = None) -> object:
    try:
        value, end = (decoder or _PLAIN).raw_decode(text)
    except ValueError:
        text = without_dangling_commas(text)
        try:
            value, end = (decoder or _LONG_INTS).raw_decode(text)
        except json.JSONDecodeError as error:
            reason = f"broken JSON at character {error.pos}: {error.msg}"
            raise FrameError(reason, excerpt_of(text)) from None
        except ValueError as error:
            raise FrameError(f"broken JSON: {error}", excerpt_of(text)) from None
    if end != len(text) and text[end:].strip(_AROUND):
        raise FrameError(f"text goes on after the JSON, at character {end}", excerpt_of(text))
    return value


def _read_constant(name: str) -> None:
    """NaN and Infinity mean nothing to a store."""
    return


def _read_int(digits: str) -> object:
    # Converting a million digits takes minutes; as text they fail every check that follows.
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else digits[:_MAX_INT_DIGITS]


def _trim_pairs(pairs: list[tuple[str, object]]) -> Fields:
    return {name.strip(_AROUND): value for name, value in pairs}


_PLAIN: Final = json.JSONDecoder(strict=False, parse_constant=_read_constant)
_LONG_INTS: Final = json.JSONDecoder(strict=False, parse_constant=_read_constant, parse_int=_read_int)
_TRIMMING: Final = json.JSONDecoder(
    strict=False, parse_constant=_read_constant, parse_int=_read_int, object_pairs_hook=_trim_pairs
)


def _keep_string(match: re.Match[str]) -> str:
    found = match[0]
    return "" if found == "," else found


def _replace_unstorable(match: re.Match[str]) -> str:
    return "\ufffd" if "\ud800" <= match[0] <= "\udfff" else ""


def _kind(value: object) -> str:
    if value is None:
        return "null"
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "something else"


_KINDS: Final[list[tuple[Any, str]]] = [
    (list, "a list"),
    (str, "a string"),
    (bool, "true or false"),
    ((int, float), "a number"),
]


def _shrink(value: object, text_limit: int, budget: list[int], depth: int) -> object:
    budget[0] -= 1
    if isinstance(value, str):
        return storable(_cut(value, text_limit))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 128 else "a number of many digits"
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        if depth <= 0:
            return "{…}"
        shown: Fields = {}
        for name, item in value.items():
            if budget[0] <= 0:
                shown["…"] = f"{len(value) - len(shown)} more"
                break
            limit = min(64, text_limit) if name.strip() in _BULKY else text_limit
            masked = "***" if name.strip().lower() in _SECRET else item
            shown[storable(_cut(name, 64))] = _shrink(masked, limit, budget, depth - 1)
        return shown
    if isinstance(value, list | tuple):
        if depth <= 0:
            return "[…]"
        rows: list[object] = []
        for item in value:
            if budget[0] <= 0:
                rows.append(f"… {len(value) - len(rows)} more")
                break
            rows.append(_shrink(item, text_limit, budget, depth - 1))
        return rows
    return str(type(value).__name__)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
