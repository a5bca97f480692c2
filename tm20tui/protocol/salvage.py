"""Cut what can be cut out of a `sendlog` whose JSON is beyond repair.

The records are cut at `},{` rather than by counting quotes: one missing quote
would turn the rest of the text inside out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tm20tui.protocol.pushes import MAX_CMD, MAX_SN
from tm20tui.protocol.records import MAX_BAD_RECORDS, MAX_RAW, BadRecord, LogRecord, read_records
from tm20tui.protocol.text import as_text, clean_text, decode_bytes, parse_piece, without_dangling_commas

MAX_PIECES: Final = 50_000
"""Pieces looked at; a genuine frame has far fewer, and a hostile one must not hold up the others."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was found in a broken text; enough to store, quarantine and acknowledge."""

    cmd: str
    sn: str | None
    count: int | None
    logindex: int | None
    records: tuple[LogRecord, ...] = ()
    bad: tuple[BadRecord, ...] = ()


def salvage(data: str | bytes) -> Salvaged | None:
    """Return what can be read from a text that `decode` refused, None when it names no `cmd`.

    Never raises. Pieces that are no record come back as `bad` with their raw text.
    """
    text = data if isinstance(data, str) else decode_bytes(data)
    start = _ROWS.search(text)
    head, tail = text, ""
    records: tuple[LogRecord, ...] = ()
    bad: tuple[BadRecord, ...] = ()
    if start is not None:
        rows, broken, tail_at = _cut_rows(text, start.end())
        records, bad = read_records(rows)
        bad += tuple(broken)
        head, tail = text[: start.start()], text[tail_at:]
    around = f"{head}\n{tail}"
    cmd = _find_text(_CMD, around, MAX_CMD)
    if cmd is None:
        return None
    return Salvaged(
        cmd,
        _find_text(_SN, around, MAX_SN),
        _find_int(_COUNT, around),
        _find_int(_LOGINDEX, around),
        records,
        bad,
    )


_CMD: Final = re.compile(r'"\s{0,8}cmd\s{0,8}"\s{0,8}:\s{0,8}"([^"\\]{1,80})')
_SN: Final = re.compile(r'"\s{0,8}sn\s{0,8}"\s{0,8}:\s{0,8}"([^"\\]{1,80})')
_COUNT: Final = re.compile(r'"\s{0,8}count\s{0,8}"\s{0,8}:\s{0,8}"?\s{0,8}(-?[0-9]{1,18})(?![0-9])')
_LOGINDEX: Final = re.compile(r'"\s{0,8}logindex\s{0,8}"\s{0,8}:\s{0,8}"?\s{0,8}(-?[0-9]{1,18})(?![0-9])')
_ROWS: Final = re.compile(r'"\s{0,8}(?:records?|data|logs?)\s{0,8}"\s{0,8}:\s{0,8}\[?\s{0,8}\{')
_BETWEEN_ROWS: Final = re.compile(r"\}\s{0,8},\s{0,8}\{")


def _cut_rows(text: str, start: int) -> tuple[list[object], list[BadRecord], int]:
    """Return the rows that parse, the pieces that do not, and where the rows end."""
    rows: list[object] = []
    broken: list[BadRecord] = []
    unkept = 0
    for index, (piece, at, is_last) in enumerate(_pieces(text, start)):
        if index >= MAX_PIECES:
            broken.append(
                _broken(text[at : at + MAX_RAW], f"broken JSON with more than {MAX_PIECES} records")
            )
            end_at = max(at, text.rfind("]"))
            break
        row, length = _row_in(piece if is_last else piece + "}")
        if row is not None:
            rows.append(row)
            # The piece has one character more than the text: its opening brace.
            end_at = at + length - 1
            continue
        closing = text.rfind("]", at) if is_last else -1
        end_at = closing if closing >= 0 else len(text)
        if len(broken) < MAX_BAD_RECORDS:
            broken.append(_broken(piece, "broken JSON"))
        else:
            unkept += 1
    if unkept:
        broken.append(_broken("", f"broken JSON, as in {unkept} more records of the same frame"))
    return rows, broken, end_at


def _pieces(text: str, start: int) -> Iterator[tuple[str, int, bool]]:
    """Yield the inside of each object with its place; the last one runs to the end of the text."""
    for gap in _BETWEEN_ROWS.finditer(text, start):
        yield "{" + text[start : gap.start()], start, False
        start = gap.end()
    yield "{" + text[start:], start, True


def _row_in(piece: str) -> tuple[object, int]:
    for candidate in (piece, without_dangling_commas(piece)):
        try:
            row, end = parse_piece(candidate)
        except (ValueError, RecursionError):
            continue
        # After a repair `end` is a few characters early, which only lengthens the tail that is searched.
        return row, end
    return None, 0


def _broken(raw: str, reason: str) -> BadRecord:
    return BadRecord(clean_text(raw[:MAX_RAW], MAX_RAW), "record", reason)


def _find_text(pattern: re.Pattern[str], text: str, limit: int) -> str | None:
    match = pattern.search(text)
    return as_text(match[1], limit) if match else None


def _find_int(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return int(match[1]) if match else None
