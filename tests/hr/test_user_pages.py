"""Pages of users: followed on one host, bounded, and never taken for what they are not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from tests.hr.test_client import make_service
from tm20tui.hr import user_pages
from tm20tui.hr.answer import Answer, Failure, FailureKind, Outcome
from tm20tui.hr.client import HrClient
from tm20tui.hr.user_pages import Pages, fetch_pages, next_link
from tm20tui.model import ServiceSecrets
from tm20tui.simulate.hr import HrService, serve_hr

URL = "https://hr.test/api/users"


class Service:
    """Answers by URL; remembers what was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def get(self, url: str, limit: int) -> Outcome:
        self.asked.append(url)
        found = self.answers[url]
        if isinstance(found, (Answer, Failure)):
            return found
        return Answer(200, "application/json", body=json.dumps(found).encode())


async def test_links_are_followed_wherever_services_write_them() -> None:
    service = Service(
        {
            URL: {"users": [1], "next": "?page=2"},
            f"{URL}?page=2": {"users": [2], "links": {"next": f"{URL}?page=3"}},
            f"{URL}?page=3": {"users": [3], "_links": {"next": {"href": "/api/last"}}},
            "https://hr.test/api/last": {"users": [4], "next": None},
        }
    )
    found = await fetch_pages(URL, service.get)
    assert isinstance(found, Pages)
    assert [page["users"] for page in found.documents] == [[1], [2], [3], [4]]


@pytest.mark.parametrize(
    "link", ["https://evil.test/api", "http://hr.test/api/users", "https://hr.test:444/x", "file:///etc"]
)
async def test_another_host_is_never_asked(link: str) -> None:
    service = Service({URL: {"users": [], "next": link}})
    found = await fetch_pages(URL, service.get)
    assert isinstance(found, Failure)
    assert "another host" in found.reason
    assert service.asked == [URL]


@pytest.mark.parametrize("link", ["http://[::1", "//[x", "https://hr.test:port/x"])
async def test_a_link_that_is_no_address_is_a_failure(link: str) -> None:
    service = Service({URL: {"users": [], "next": link}})
    assert isinstance(await fetch_pages(URL, service.get), Failure)
    assert service.asked == [URL]


async def test_circles_and_endless_pages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    found = await fetch_pages(URL, Service({URL: {"users": [], "next": URL}}).get)
    assert isinstance(found, Failure)
    assert "circles" in found.reason
    monkeypatch.setattr(user_pages, "MOST_PAGES", 3)
    endless = {f"{URL}?{number}": {"next": f"?{number + 1}"} for number in range(9)}
    found = await fetch_pages(f"{URL}?0", Service(endless).get)
    assert isinstance(found, Failure)
    assert found.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500, body=b"{}"), "answered 500"),
        (Answer(200, "text/html", body=b"<html>"), "a web page"),
        (Answer(200, body=b"users"), "not JSON"),
        (Answer(200, body=b"[]", truncated=True), "more than"),
        (Answer(302, location="https://evil.test"), "answered 302"),
        (Failure(FailureKind.DNS, "no such name"), "no such name"),
    ],
)
async def test_what_is_no_page_is_a_failure(answer: Outcome, words: str) -> None:
    found = await fetch_pages(URL, Service({URL: answer}).get)
    assert isinstance(found, Failure)
    assert words in found.reason


def test_what_is_no_link() -> None:
    assert [next_link(page) for page in ([], None, {"next": 3}, {"next": " "}, {"links": []})] == [None] * 5


async def test_the_client_gets_users_with_its_secret(nursery: trio.Nursery) -> None:
    simulated = HrService(seed=1, users=3, auth="Bearer t0ken")
    port = await nursery.start(serve_hr, simulated, "127.0.0.1", 0)
    values = {"base_url": f"http://127.0.0.1:{port}", "users_endpoint": "/api/v1/employees"}
    service = make_service(**values, auth_type="bearer")
    async with HrClient(service, ServiceSecrets("t0ken", {}), allow_private_hosts=True) as client:
        found = await client.get_users()
    assert isinstance(found, Pages)
    assert len(found.documents[0]["users"]) == 3
    async with HrClient(service, ServiceSecrets("wrong", {}), allow_private_hosts=True) as client:
        refused = await client.get_users()
    assert isinstance(refused, Failure)
    assert "401" in refused.reason
    nursery.cancel_scope.cancel()
