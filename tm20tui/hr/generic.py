"""The customer's own format: the body of a batch, and what an answer says about its records.

A 2xx answer accepts all, unless it says ``"success": false`` or lists verdicts:
``{"results": [{"log_id": 456, "status": "accepted"}, ...]}`` with `status` one of
accepted, duplicate, rejected, retry, and `code` and `message` for people. Any other word
says nothing of whether the record was taken: only the service's books can tell. Neither does
a failure of the whole that lists verdicts on others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from tm20tui.hr.answer import Answer

Word = Literal["accepted", "duplicate", "rejected", "retry", "unclear"]
WORDS: tuple[Word, ...] = ("accepted", "duplicate", "rejected", "retry")
"""What a service may say; `unclear` is anything else."""
_WORST_LAST: tuple[Word, ...] = ("accepted", "duplicate", "retry", "rejected", "unclear")
_WORDS = ("code", "message", "error", "errors", "detail")
_REASON_LENGTH = 300


class PunchRow(Protocol):
    """What a body says about one punch; a row of the store fits."""

    @property
    def punch_id(self) -> int: ...
    @property
    def terminal_sn(self) -> str: ...
    @property
    def enrollid(self) -> str: ...
    @property
    def user_name(self) -> str: ...
    @property
    def time_utc(self) -> datetime | None: ...
    @property
    def time_raw(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def inout(self) -> int: ...
    @property
    def event(self) -> int: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def access_granted(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the service says about one record; `reason` is for people."""

    word: Word
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A 2xx that does not come from the service we think we talk to."""

    reason: str


def render(rows: Sequence[PunchRow]) -> bytes:
    """The body, byte for byte as in the customer's document: field order, types, `Z` times."""
    records = [
        {
            "terminal_sn": row.terminal_sn,
            "enrollid": int(row.enrollid)
            if row.enrollid.isascii() and row.enrollid.isdigit()
            else row.enrollid,
            "user_name": row.user_name,
            "time": row.time_raw if row.time_utc is None else row.time_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "mode": row.mode,
            "inout": row.inout,
            "event": row.event,
            "temperature": _number(row.temperature),
            "access_granted": bool(row.access_granted),
            "log_id": row.punch_id,
        }
        for row in rows
    ]
    text = json.dumps({"attendance": records}, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def read_verdicts(answer: Answer, log_ids: Collection[int]) -> dict[int, Verdict] | Garbage:
    """What a 2xx answer says about each record; `Garbage` when it is not a success at all."""
    if answer.truncated:
        return Garbage(f"answered {answer.status} with far more than an answer to a batch")
    if answer.content_type in ("text/html", "application/xhtml+xml"):
        return Garbage(
            f"answered {answer.status} with a web page: is there a login page or proxy in between?"
        )
    if not answer.body.strip():
        content = results = None
    else:
        try:
            content = _read(answer.body)
        except (ValueError, RecursionError):
            return Garbage(f"answered {answer.status} with something that is not JSON")
        results = _results(content)
    seen: dict[int, Verdict] = {}
    for entry in results or ():
        log_id = _log_id(entry)
        if log_id not in log_ids:
            continue
        verdict = _verdict(entry, answer.hide)
        known = seen.get(log_id)
        if known is None or _WORST_LAST.index(verdict.word) > _WORST_LAST.index(known.word):
            seen[log_id] = verdict
    unlisted = Verdict("accepted")
    if isinstance(content, dict) and _is_no(content.get("success")):
        if not seen:
            return Garbage(f"answered {answer.status} but says that it failed{_quoted(content, answer.hide)}")
        # It may have taken all but those that it lists, or nothing at all.
        unlisted = Verdict("unclear", "the service said that it failed, and nothing of this record")
    elif answer.status == 207:
        if not seen:
            return Garbage("answered 207 without a verdict on any record")
        unlisted = Verdict("retry", "the service answered 207 without a verdict on this record")
    verdicts = dict.fromkeys(log_ids, unlisted) | seen
    if all(verdict.word == "unclear" for verdict in verdicts.values()):
        return Garbage(next(iter(verdicts.values())).reason)
    return verdicts


def _read(body: bytes) -> object:
    """The JSON of an answer, its own names in the case that we know them by."""
    try:
        content = json.loads(body)
    except UnicodeDecodeError:
        # Names, ids and words are ASCII in every encoding that services really use.
        content = json.loads(body.decode("latin-1"))
    return _folded(content) if isinstance(content, dict) else content


def _folded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """With `Results`, `LogId` and `logId` told as `results` and `log_id`; exact names win."""
    known = {name.replace("_", ""): name for name in ("results", "success", "log_id", "status", *_WORDS)}
    folded = {known.get(name.lower().replace("_", ""), name): value for name, value in entry.items()}
    return folded | {name: value for name, value in entry.items() if name in known.values()}


def _is_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() == "false")


def _results(content: object) -> Sequence[Mapping[str, Any]] | None:
    if not isinstance(content, dict) or not isinstance(content.get("results"), list):
        return None
    entries = (_folded(entry) for entry in content["results"] if isinstance(entry, dict))
    found = [entry for entry in entries if "log_id" in entry]
    # A list of something else is not ours to read.
    return found if found or not content["results"] else None


def _log_id(entry: Mapping[str, Any]) -> int:
    value = entry["log_id"]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else -1


def _verdict(entry: Mapping[str, Any], hide: Callable[[str], str]) -> Verdict:
    status = str(entry.get("status", "")).strip().lower()
    words = ": ".join(str(entry[name]) for name in ("code", "message") if entry.get(name))
    reason = _one_line(hide(words))
    for word in WORDS:
        if status == word:
            return Verdict(word, reason)
    return Verdict("unclear", f"the service answered an unknown status {hide(status)[:40]!r}")


def _quoted(content: Mapping[str, Any], hide: Callable[[str], str]) -> str:
    for name in ("error", "errors", "message", "detail"):
        if words := content.get(name):
            said = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
            return f": {_one_line(hide(said))}"
    return ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_REASON_LENGTH]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
