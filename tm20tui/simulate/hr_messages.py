"""What goes in and out of the simulated HR service: a request, a reply and how it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end. Header names are lower case, `path` is without the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and how: `hang` first waits that long, `reset` cuts instead, `drip` answers slowly."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    hang_seconds: float = 0.0
    reset: bool = False
    drip: bool = False


def as_json(status: int, content: Any, *headers: tuple[str, str]) -> Reply:
    """A reply with a JSON body."""
    body = json.dumps(content, ensure_ascii=False).encode()
    return Reply(status, body, (("content-type", "application/json"), *headers))
