"""The customer's document, taken literally: what the body of an attendance POST must look like."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

FIELDS = (
    "terminal_sn",
    "enrollid",
    "user_name",
    "time",
    "mode",
    "inout",
    "event",
    "temperature",
    "access_granted",
    "log_id",
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_INTEGERS = ("enrollid", "mode", "inout", "event", "log_id")


class ContractBroken(Exception):
    """The body is not the customer's format; `faults` are sentences, one per deviation (at most 20)."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults[:20]
        super().__init__("; ".join(self.faults))


def read_attendance(body: bytes, content_type: str) -> list[dict[str, Any]]:
    """The records of a POST in the customer's format; ContractBroken for anything else."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise ContractBroken([f"Content-Type is {content_type!r}, not application/json"])
    try:
        document = json.loads(body, object_pairs_hook=_unique_pairs, parse_constant=_refuse_constant)
    except ContractBroken:
        raise
    except ValueError as error:
        raise ContractBroken([f"the body is not JSON: {error}"]) from None
    if not isinstance(document, dict) or list(document) != ["attendance"]:
        raise ContractBroken(["the body must be an object with the one key attendance"])
    rows = document["attendance"]
    if not isinstance(rows, list) or not rows:
        raise ContractBroken(["attendance must be a list with at least one record"])
    faults: list[str] = []
    for place, row in enumerate(rows):
        faults += _record_faults(place, row)
    log_ids = [row["log_id"] for row in rows if isinstance(row, dict) and "log_id" in row]
    if not faults and len(set(log_ids)) != len(log_ids):
        faults.append("the same log_id stands twice in one batch")
    if faults:
        raise ContractBroken(faults)
    return rows


def _record_faults(place: int, row: object) -> list[str]:
    if not isinstance(row, dict):
        return [f"record {place} is not an object"]
    if tuple(row) != FIELDS:
        return [
            f"record {place} has the fields {', '.join(row)}; expected {', '.join(FIELDS)}, in this order"
        ]
    faults = [
        f"record {place}: {field} must be an integer, not {row[field]!r}"
        for field in _INTEGERS
        if type(row[field]) is not int
    ]
    if type(row["terminal_sn"]) is not str or not row["terminal_sn"]:
        faults.append(f"record {place}: terminal_sn must be a string, not {row['terminal_sn']!r}")
    if type(row["user_name"]) is not str:
        faults.append(f"record {place}: user_name must be a string, not {row['user_name']!r}")
    if row["temperature"] is not None and type(row["temperature"]) is not float:
        faults.append(f"record {place}: temperature must be a float or null, not {row['temperature']!r}")
    if type(row["access_granted"]) is not bool:
        faults.append(f"record {place}: access_granted must be true or false, not {row['access_granted']!r}")
    if not _is_utc_time(row["time"]):
        faults.append(f"record {place}: time must be YYYY-MM-DDTHH:MM:SSZ, not {row['time']!r}")
    return faults


def _is_utc_time(text: object) -> bool:
    if type(text) is not str or not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:-1])
    except ValueError:
        return False
    return True


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ContractBroken([f"a key stands twice in {', '.join(key for key, _ in pairs)}"])
    return made


def _refuse_constant(name: str) -> None:
    raise ContractBroken([f"{name} is not JSON"])
