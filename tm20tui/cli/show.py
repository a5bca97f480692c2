"""Results on standard output: tables for people, tab-separated lines or JSON for programs.

All text from outside is made harmless: a name never moves the cursor or forges a line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tm20tui.locale import _, sentence

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")
_SENTENCES = ("reason", "sentence", "error", "note", "sentences", "alarms")
"""Ends of the names of fields that hold what the server says, to be translated whole."""
_NARROWEST = 8
_LONGEST_CELL = 300
_GAP = "  "
_STYLES = {
    "online": "32",
    "healthy": "32",
    "sent": "32",
    "done": "32",
    "confirmed": "32",
    "waiting": "33",
    "pending": "33",
    "offline": "31",
    "paused": "31",
    "failed": "31",
    "refused": "31",
    "blocked": "31",
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """How to write. `form`: `table` for people, `plain` (tab-separated), `json`."""

    form: str
    has_header: bool = True
    has_colour: bool = False
    width: int = 80


def output_for(*, as_json: bool, plain: bool, has_header: bool = True) -> Output:
    """What was asked for, else a table on a terminal and plain lines elsewhere."""
    on_a_terminal = sys.stdout.isatty()
    form = "json" if as_json else "plain" if plain or not on_a_terminal else "table"
    colour = form == "table" and on_a_terminal and not os.environ.get("NO_COLOR")
    return Output(form, has_header, colour, shutil.get_terminal_size((80, 24)).columns)


def show(
    result: Any, output: Output, columns: Sequence[tuple[str, str]] = (), *, is_page: bool = False
) -> None:
    """Write a result; `columns` are path and title, and none means all that hold something.

    `is_page`: an object is rows and where the next ones begin.
    """
    if output.form == "json":
        print(json.dumps(result, ensure_ascii=False, indent=2))
        return
    rows = rows_of(result) if is_page or isinstance(result, list) else None
    if rows is not None:
        show_rows(rows, output, columns)
        rest = (
            {key: value for key, value in result.items() if value is not rows}
            if isinstance(result, dict)
            else {}
        )
        if rest and output.form == "table":
            show_record({key: value for key, value in rest.items() if not key.startswith("next")}, output)
    elif isinstance(result, dict):
        show_record(result, output)
    elif result is not None:
        print(cell(result) if output.form == "table" else plain_cell(result))


def rows_of(result: Any) -> list[Row] | None:
    """The rows of a list or of a page; None when the result is one thing."""
    if isinstance(result, list):
        return [item if isinstance(item, dict) else {"value": item} for item in result]
    if isinstance(result, dict) and any(key.startswith("next") for key in result):
        return next((value for value in result.values() if _is_rows(value)), None)
    return None


def show_rows(rows: Iterable[Row], output: Output, columns: Sequence[tuple[str, str]] = ()) -> None:
    """Write a table."""
    flat = [flatten(row) for row in rows]
    if not columns or (flat and not any(path in row for row in flat for path, _title in columns)):
        columns = _columns_of(flat)
    if output.form == "plain":
        if output.has_header:
            print("\t".join(path.rpartition(".")[2] for path, _title in columns))
        for row in flat:
            print("\t".join(plain_cell(row.get(path)) for path, _title in columns))
        return
    if not flat:
        print(_("nothing"))
        return
    cells = [[cell(row.get(path), path) for path, _title in columns] for row in flat]
    right = [
        all(isinstance(row.get(path), (int, float, type(None))) and row.get(path) is not True for row in flat)
        for path, _title in columns
    ]
    titles = [_(title) for _path, title in columns]
    _draw(titles, cells, right, flat, [path for path, _title in columns], output)


def show_record(record: Mapping[str, Any], output: Output, indent: str = "") -> None:
    """Write one thing: a line for each field, then the lists that it holds."""
    flat = flatten(record)
    lists = {path: value for path, value in flat.items() if _is_rows(value) and value}
    single = {path: value for path, value in flat.items() if path not in lists}
    if output.form == "plain":
        for path, value in _lines_of(flat):
            print(f"{path}\t{plain_cell(value)}")
        return
    shown = {path: value for path, value in single.items() if value not in (None, "", [])}
    labels = {path: _(path.replace("_", " ").replace(".", " ")) for path in shown}
    label_width = max((width_of(label) for label in labels.values()), default=0)
    for path, value in shown.items():
        room = max(_NARROWEST, output.width - label_width - len(_GAP) - len(indent))
        print(f"{indent}{pad(labels[path], label_width)}{_GAP}{fit(cell(value, path), room)}".rstrip())
    for path, rows in lists.items():
        print(f"\n{heading(_(path.replace('_', ' ').replace('.', ' ')), output)}")
        show_rows(rows, output)


def _lines_of(flat: Row) -> Iterator[tuple[str, Any]]:
    """Paths and values without lists: `terminals.0.sn` is of the first terminal."""
    for path, value in flat.items():
        if isinstance(value, list):
            for index, item in enumerate(value):
                inner = flatten(item) if isinstance(item, dict) else {"": item}
                yield from _lines_of(
                    {f"{path}.{index}.{name}".rstrip("."): one for name, one in inner.items()}
                )
        else:
            yield path, value


def flatten(record: Mapping[str, Any], prefix: str = "") -> Row:
    """Fields by their dotted paths; records within are opened, lists are not."""
    flat: Row = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def cell(value: Any, path: str = "") -> str:
    """A value for people, on one line; `path` is the name of its field."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        if _is_rows(value):
            return str(len(value))
        return clean(", ".join(cell(item, path) for item in value))
    if isinstance(value, str) and _MOMENT.match(value):
        return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, str):
        return clean(sentence(value) if path.endswith(_SENTENCES) else _(value))
    return str(value)


def plain_cell(value: Any) -> str:
    """A value for programs: as in JSON, texts without quotes; control characters are escaped."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def clean(text: str) -> str:
    """Foreign text as one line without anything that a terminal would obey."""
    shown = "".join(char if char.isprintable() else "·" for char in text[: _LONGEST_CELL + 1])
    return shown if len(shown) <= _LONGEST_CELL else shown[: _LONGEST_CELL - 1] + "…"


def width_of(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def fit(text: str, room: int) -> str:
    """The text within so many columns, cut with an ellipsis."""
    if width_of(text) <= room:
        return text
    while text and width_of(text) > room - 1:
        text = text[:-1]
    return text + "…"


def pad(text: str, room: int, *, right: bool = False) -> str:
    """The text filled up to so many columns."""
    space = " " * (room - width_of(text))
    return space + text if right else text + space


def heading(text: str, output: Output) -> str:
    """A title, in bold where there are colours."""
    return f"\x1b[1m{text}\x1b[0m" if output.has_colour and text else text


def _draw(
    titles: list[str],
    cells: list[list[str]],
    right: list[bool],
    rows: list[Row],
    paths: list[str],
    output: Output,
) -> None:
    widths = [max(map(width_of, column)) for column in zip(titles, *cells, strict=True)]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > output.width:
        widest = max(range(len(widths)), key=lambda index: widths[index])
        if widths[widest] > max(_NARROWEST, 19 if len(widths) > 2 else 0):
            widths[widest] -= 1
        elif len(widths) > 2:
            widths.pop()
        else:
            break
    if output.has_header:
        line = _GAP.join(
            pad(fit(title, room), room, right=side)
            for title, room, side in zip(titles, widths, right, strict=False)
        )
        print(heading(line.rstrip(), output))
    for row, texts in zip(rows, cells, strict=True):
        parts = []
        for index, room in enumerate(widths):
            part = pad(fit(texts[index], room), room, right=right[index])
            parts.append(_styled(part, row.get(paths[index]), output))
        print(_GAP.join(parts).rstrip())


def _columns_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Every column that holds something in some row, by the order of the fields."""
    paths = dict.fromkeys(path for row in rows for path in row)
    filled = [path for path in paths if any(row.get(path) not in (None, "", []) for row in rows)]
    short = [path.rpartition(".")[2] for path in filled]
    return [
        (path, (name if short.count(name) == 1 else path).replace("_", " ").replace(".", " "))
        for path, name in zip(filled, short, strict=True)
    ]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _styled(text: str, value: Any, output: Output) -> str:
    style = _STYLES.get(value) if output.has_colour and isinstance(value, str) else None
    return f"\x1b[{style}m{text}\x1b[0m" if style else text
