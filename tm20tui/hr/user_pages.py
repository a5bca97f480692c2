"""The pages of a service's list of users, followed link by link on the service's own host.

Pages and bytes are bounded, so that a service in circles costs a moment and no memory.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome

PAGE_BYTES: Final = 16 * 1024 * 1024
TOTAL_BYTES: Final = 64 * 1024 * 1024
MOST_PAGES: Final = 1000
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Pages:
    """The JSON of each page, in order."""

    documents: tuple[Any, ...]


Get = Callable[[str, int], Awaitable[Outcome]]


async def fetch_pages(url: str, get: Get) -> Pages | Failure:
    """Every page from `url` on, asked for with `get(url, limit)`."""
    documents: list[Any] = []
    seen: set[str] = set()
    size = 0
    following = url
    while True:
        if following in seen:
            return Failure(FailureKind.PROTOCOL, "the pages of users go in circles")
        if len(seen) >= MOST_PAGES:
            return Failure(FailureKind.TOO_LARGE, f"more than {MOST_PAGES} pages of users")
        seen.add(following)
        answer = await get(following, PAGE_BYTES)
        if isinstance(answer, Failure):
            return answer
        size += len(answer.body)
        document = read_page(answer)
        if isinstance(document, Failure):
            return document
        if size > TOTAL_BYTES:
            return Failure(FailureKind.TOO_LARGE, f"more than {TOTAL_BYTES >> 20} MiB of users")
        documents.append(document)
        link = next_link(document)
        if link is None:
            break
        try:
            following = urljoin(following, link)
        except ValueError:
            return Failure(FailureKind.PROTOCOL, "the next page of users has an address that is none")
        if _origin(following) != _origin(url):
            return Failure(FailureKind.PROTOCOL, "the next page of users is on another host: not followed")
    return Pages(tuple(documents))


def read_page(answer: Answer) -> Any:
    """The JSON of one page; a Failure where it is none, or no success."""
    if not 200 <= answer.status < 300:
        words = f": {answer.excerpt}" if answer.excerpt and "html" not in answer.content_type else ""
        return Failure(FailureKind.PROTOCOL, f"the service answered {answer.status} instead of users{words}")
    if answer.truncated:
        return Failure(FailureKind.TOO_LARGE, f"a page of users of more than {PAGE_BYTES >> 20} MiB")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        what = "a web page" if "html" in answer.content_type else "something that is not JSON"
        return Failure(FailureKind.PROTOCOL, f"the service answered {what} instead of users")


def next_link(document: object) -> str | None:
    """The address of the next page as services write it, None on the last."""
    if not isinstance(document, dict):
        return None
    places: list[Mapping[str, Any]] = [document]
    places += [
        document[name] for name in ("links", "_links", "paging", "pagination", "meta") if name in document
    ]
    for place in places:
        if not isinstance(place, dict):
            continue
        for name in ("next", "next_page_url", "next_url"):
            link = place.get(name)
            if isinstance(link, dict):
                link = link.get("href")
            if isinstance(link, str) and link.strip():
                return link.strip()
    return None


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return parts.scheme, (parts.hostname or "").lower(), port
