"""Mode 5: what a service lists is counted before it is taken over; a list that lacks people is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.tui.world import Console, World, console, running
from tm20tui.tui.dialogs import Confirm

LISTED: list[dict[str, str]] = []


class Users(BaseHTTPRequestHandler):
    """Answers with `LISTED`."""

    def do_GET(self) -> None:
        body = json.dumps({"users": LISTED}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server with a service of five users, one of whom is somebody else here."""
    LISTED[:] = [{"enrollid": str(2000 + number), "name": f"Person {number}"} for number in range(5)]
    service = ThreadingHTTPServer(("127.0.0.1", 0), Users)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    try:
        with running(tmp_path, delivery={"allow_private_hosts": True}) as found:
            found.operate("users.add", site_id=found.gateway.site_id, enrollid="2000", name="Else [/x]")
            given = {
                "name": "API RH",
                "base_url": f"http://127.0.0.1:{service.server_port}",
                "users_endpoint": "/users",
                "attendance_endpoint": "/punches",
            }
            found.operate("services.add", given=given)
            yield found
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


def look(world: World, body: Callable[[Console], Awaitable[None]]) -> None:
    async def run() -> None:
        async with console(world) as seen:
            await seen.press("5")
            await seen.until(lambda: seen.grid.rows)
            await body(seen)

    asyncio.run(run())


def enabled(world: World) -> set[str]:
    return {user.enrollid for user in world.operate("users.list", is_enabled=True).users}


async def choose(seen: Console) -> None:
    await seen.press("I")
    await seen.see("Import users from", "API RH")
    await seen.press("1")
    await seen.until(lambda: isinstance(seen.app.screen, Confirm))


def test_counts_come_first_conflicts_stay_and_a_shorter_list_wants_its_number_typed(world: World) -> None:
    async def body(seen: Console) -> None:
        await choose(seen)
        await seen.see("New        4", "Conflicts  1", "2000: Person 0 ≠ Else [/x]")
        await seen.press("enter")
        await seen.see("nothing was imported")
        assert enabled(world) == {"2000"}
        await choose(seen)
        await seen.press("y")
        await seen.see("Not taken over", "Else [/x]")
        assert enabled(world) == {"2000", "2001", "2002", "2003", "2004"}
        await seen.press("escape")
        await seen.see("4 new, 0 changed, 0 gone")
        LISTED.clear()
        await choose(seen)
        await seen.see("Gone       4", "Type 4 to confirm", "no user that can be taken over")
        await seen.press("y", "enter")
        assert isinstance(seen.app.screen, Confirm)
        await seen.press("backspace", "4", "enter")
        await seen.see("0 new, 0 changed, 4 gone")
        assert enabled(world) == {"2000"}

    look(world, body)
