"""What was typed as what the server takes: moments in the operator's words, fields, lists."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tm20tui.locale import _

_AGO = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|j|w)\Z")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "j": 86_400, "w": 604_800}
_DAYS = {"today": 0, "aujourd'hui": 0, "yesterday": 1, "hier": 1}
_LARGEST_FILE = 512 * 1024


class WrongUsage(Exception):
    """What was typed cannot be meant; the message says why."""


def moment(text: str, now: datetime | None = None) -> str:
    """ISO 8601 with the offset: from ISO, in local time unless it says otherwise, or `2h` ago, `today`."""
    now = (now or datetime.now()).astimezone()
    word = text.strip().lower()
    if word in ("now", "maintenant"):
        return now.isoformat()
    if word in _DAYS:
        day = (now - timedelta(days=_DAYS[word])).date()
        return datetime(day.year, day.month, day.day).astimezone().isoformat()
    if ago := _AGO.match(word):
        return (now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])).isoformat()
    try:
        return datetime.fromisoformat(text.strip()).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise WrongUsage(
            _(
                "{text}: a time is 2026-11-22, 2026-11-22T08:00, today, yesterday, or 2h, 30min, 7d ago"
            ).format(text=text)
        ) from None


def fields(pairs: Sequence[str]) -> dict[str, Any]:
    """`FIELD=VALUE` as an object.

    Numbers, true, false, null, lists and objects are JSON; everything else is text.
    `@PATH` is the text of a file, `@-` of standard input: secrets stay out of the
    list of processes.
    """
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise WrongUsage(_("{text}: fields are given as FIELD=VALUE").format(text=pair))
        given[name.replace("-", "_")] = _text_of(value[1:]) if value.startswith("@") else guess(value)
    return given


def guess(value: str) -> Any:
    """JSON where it is some, else the text."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return value if isinstance(found, float) and found != found else found


def from_json(text: str) -> Any:
    """JSON that has to be some."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WrongUsage(_("{text}: must be JSON").format(text=text)) from None


def _text_of(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read(_LARGEST_FILE).rstrip("\r\n")
        with Path(name).open(encoding="utf-8") as file:
            return file.read(_LARGEST_FILE).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "UTF-8"
        raise WrongUsage(_("{text}: cannot be read ({reason})").format(text=name, reason=reason)) from None
