"""What a server writes: JSON lines with the serial or the service, and nowhere a secret."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest
import trio

from tests.crash.verify import Store
from tests.process.server import Server, service_draft, serving, until
from tests.process.terminal import ByHand, dialled
from tm20tui.simulate.hr import HrService, expected_auth, serve_hr
from tm20tui.simulate.hr_service import Reply, Request

TOKEN = "tok-7Qm2vX9LrS4w"
HEADER = "hdr-Kp83nZt61YbA"
TEMPLATE = "c51c" + "9f3e7a01" * 60
PASSWORD = 918273645
CARD = 5550123987
SECRETS = (TOKEN, HEADER, TEMPLATE, TEMPLATE[40:80], str(PASSWORD), str(CARD))


class EchoingHr(HrService):
    """A service that tells whoever is refused what they sent, as debug pages do."""

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if reply.status < 400:
            return reply
        return Reply(
            reply.status, json.dumps({"error": "refused", "headers": dict(request.headers)}).encode()
        )


async def enrol(terminal: ByHand) -> None:
    for backupnum, record in ((0, TEMPLATE), (10, PASSWORD), (11, CARD), (50, TEMPLATE)):
        answer = await terminal.ask(
            {
                "cmd": "senduser",
                "sn": terminal.sn,
                "enrollid": 5,
                "name": "Ann",
                "backupnum": backupnum,
                "admin": 0,
                "record": record,
            }
        )
        assert answer["result"] is True
    # Broken, cut short and unknown ones are kept for people to look at.
    await terminal.send_text(
        f'{{"cmd":"senduser","sn":"{terminal.sn}","enrollid":6,"backupnum":0,"record":"{TEMPLATE}'
    )
    await terminal.send_text(f'{{"cmd":"senduser","sn":"{terminal.sn}","backupnum":10,"record":{PASSWORD}}}')
    await terminal.send_text(f'{{"cmd":"novelty","sn":"{terminal.sn}","password":"{PASSWORD}"}}')


@pytest.mark.parametrize("wrong", [False, True])
async def test_no_secret_is_in_logs_database_or_journal(tmp_path: Path, wrong: bool) -> None:
    auth = expected_auth("bearer", "another" if wrong else TOKEN)
    receiver = EchoingHr(auth=auth)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path, TM20_LOG__LEVEL="debug") as server:
            server.prepare(
                service_draft(
                    "HR", port, auth_type="bearer", auth_token=TOKEN, extra_headers={"X-Tenant": HEADER}
                )
            )
            await server.start()
            async with dialled(server) as terminal:
                await enrol(terminal)
                await terminal.punch(1)
                await until(lambda: receiver.requests["401" if wrong else "200"])
            if wrong:
                await server.until_logged("paused")
            # The journal is looked at while the write-ahead log is there, and again without.
            assert found_in(server) == []
            assert await server.stop() == 0
        nursery.cancel_scope.cancel()
    assert found_in(server) == []
    assert (server.folder / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (server.folder / "tm20.db").stat().st_mode & 0o077 == 0


async def test_lines_are_json_and_name_the_terminal_and_the_service(tmp_path: Path) -> None:
    receiver = HrService(auth="nobody")
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_hr, receiver, "127.0.0.1", 0)
        with serving(tmp_path) as server:
            server.prepare(service_draft("HR", port))
            await server.start()
            async with dialled(server, "TM20-077") as terminal:
                await terminal.send_text("this is no frame")
                await terminal.punch(1)
                await server.until_logged("paused")
            await server.until_logged('"disconnected"')
            assert await server.stop() == 0
        nursery.cancel_scope.cancel()
    entries = [json.loads(line) for line in server.said().splitlines()]
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in entries)
    by_terminal = [entry["message"] for entry in entries if entry.get("serial") == "TM20-077"]
    assert by_terminal[0] == "connected"
    assert by_terminal[-1] == "disconnected"
    assert any("not a frame" in message for message in by_terminal)
    assert any("paused" in entry["message"] for entry in entries if entry.get("service") == "HR")


def found_in(server: Server) -> list[str]:
    """Where secrets are readable: every file but the key's, and the journal as it reads unpacked."""
    places = {
        str(path.relative_to(server.folder)): path.read_bytes()
        for path in server.folder.rglob("*")
        if path.is_file()
    }
    assert {"server.log", "tm20.db", "secret.key"} <= places.keys()
    store = Store(server.database_url)
    bodies = [zlib.decompress(body) for (body,) in store.rows("SELECT body FROM frames")]
    store.close()
    assert any(b"senduser" in body for body in bodies)
    places["journal"] = b"\n".join(bodies)
    return [
        f"{secret} in {name}"
        for name, content in places.items()
        for secret in SECRETS
        if secret.encode() in content
    ]
